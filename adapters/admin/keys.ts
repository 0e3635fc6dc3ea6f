/**
 * Reads the keys of a path before any row is looked up, as Kong does: a key is an id, or a value of the field that may
 * stand for the id.
 */

import type { Description } from '../../src/schema/description.ts';
import { invalidPrimaryKey, invalidUnique, type RefusalBody } from '../../src/schema/error-bodies.ts';
import { isUuid, validateField } from '../../src/schema/validate.ts';
import { type AdminRequest, type Endpoint, type Handler, keyNames, type Method, methodsOf } from './endpoints.ts';
import type { Hooks } from './kind-hooks.ts';
import { notFound, refused } from './response.ts';
import type { Rows } from './rows.ts';

export function withKeysRead(
  rows: Rows,
  entities: ReadonlyMap<string, Description>,
  hooks: Hooks,
  endpoint: Endpoint,
): Endpoint {
  const [first, second] = keyNames(endpoint.path).map((name) => entities.get(name));
  if (first === undefined) return endpoint;
  const readKeys = hooks.get(first.name)?.readKeys ?? ((request: AdminRequest) => request);
  // A group or an address below another entity is a key too, and may be any text.
  const isChecked = second !== undefined && second.nestedKey === undefined && second.name !== 'targets';

  const read =
    (handler: Handler, method: Method): Handler =>
    async (sent) => {
      const request = await readKeys(sent, endpoint.path, method);
      if ('status' in request) return request;
      const [key, keyBelow] = request.keys as [string, string];
      const wrong = wrongKey(first, key);
      if (wrong !== undefined) return refused(wrong);
      const wrongBelow = isChecked ? wrongKey(second, keyBelow) : undefined;
      if (wrongBelow === undefined) return handler(request);
      return (await rows.find(first, key)) === undefined ? notFound : refused(wrongBelow);
    };
  const methods = methodsOf(endpoint).map(([method, handler]) => [method, read(handler, method)]);
  return { ...endpoint, methods: Object.fromEntries(methods) };
}

export function wrongKey({ endpointKey, fields }: Description, key: string): RefusalBody | undefined {
  if (isUuid(key)) return undefined;
  if (endpointKey === undefined) return invalidPrimaryKey();
  const wrong = validateField(fields[endpointKey]!, key);
  return wrong === undefined ? undefined : invalidUnique(endpointKey, String(wrong));
}
