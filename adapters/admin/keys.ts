/**
 * The keys that stand in a path, judged before anything is looked up, as Kong does it: a key is an id, or what the field
 * that may stand for the id could hold. A certificate is known by the server names it is for, too.
 */

import type { Entropy } from '../../src/ports/entropy.ts';
import type { Description } from '../../src/schema/description.ts';
import { invalidPrimaryKey, invalidUnique, type RefusalBody } from '../../src/schema/error-bodies.ts';
import { isUuid, validateField } from '../../src/schema/validate.ts';
import type { AdminRequest, Endpoint, Handler, Method } from './endpoints.ts';
import { type AdminResponse, notFound, refused } from './response.ts';
import type { Rows } from './rows.ts';

export function withKeysJudged(rows: Rows, entities: ReadonlyMap<string, Description>, endpoint: Endpoint): Endpoint {
  const [of, below] = keyNames(endpoint.path).map((name) => entities.get(name));
  if (of === undefined) return endpoint;
  // Below another entity, a group or an address is a key as well, and any text may be one.
  const judgesBelow = below !== undefined && below.nestedKey === undefined && below.name !== 'targets';

  return withHandlers(endpoint, (handler) => async (request) => {
    const [key, keyBelow] = request.keys as [string, string];
    const wrong = wrongKey(of, key);
    if (wrong !== undefined) return refused(wrong);
    const wrongBelow = judgesBelow ? wrongKey(below, keyBelow) : undefined;
    if (wrongBelow === undefined) return handler(request);
    return (await rows.find(of, key)) === undefined ? notFound : refused(wrongBelow);
  });
}

function wrongKey({ endpointKey, fields }: Description, key: string): RefusalBody | undefined {
  if (isUuid(key)) return undefined;
  if (endpointKey === undefined) return invalidPrimaryKey();
  const wrong = validateField(fields[endpointKey]!, key);
  return wrong === undefined ? undefined : invalidUnique(endpointKey, String(wrong));
}

/** `/certificates/{a server name}`: the certificate that is served to that name. */
export function withServerNames(
  rows: Rows,
  entities: ReadonlyMap<string, Description>,
  entropy: Entropy,
  endpoint: Endpoint,
): Endpoint {
  const names = entities.get('snis');
  if (names === undefined || !/^\/certificates\/\{certificates\}(?:$|\/snis)/.test(endpoint.path)) return endpoint;
  const isCertificate = keyNames(endpoint.path).length === 1 && endpoint.path.endsWith('}');

  return withHandlers(endpoint, (handler, method) => async (request) => {
    const [name, ...others] = request.keys as [string, ...string[]];
    if (isUuid(name)) return handler(request);
    const wrong = wrongKey(names, name);
    if (wrong !== undefined) return refused(wrong);
    const found = await rows.find(names, name);
    if (found !== undefined) {
      const { id } = found['certificate'] as { readonly id: string };
      return handler({ ...request, keys: [id, ...others] });
    }
    return isCertificate && method === 'PUT'
      ? handler(withName({ ...request, keys: [entropy.uuid()] }, name))
      : unknownName;
  });
}

/** A certificate that is made under a name is for that name. */
function withName(request: AdminRequest, name: string): AdminRequest {
  const { body } = request;
  const said = body.sent['snis'] ?? [];
  const snis = body.form && typeof said === 'string' ? [said] : said;
  if (!Array.isArray(snis) || snis.includes(name)) return request;
  return { ...request, body: { ...body, sent: { ...body.sent, snis: [...snis, name] } } };
}

const unknownName: AdminResponse = { status: 404, body: { message: 'SNI not found' } };

function keyNames(path: string): readonly string[] {
  return [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name!);
}

function withHandlers(endpoint: Endpoint, wrap: (handler: Handler, method: Method) => Handler): Endpoint {
  const methods = Object.entries(endpoint.methods).map(([method, handler]) => [
    method,
    wrap(handler, method as Method),
  ]);
  return { ...endpoint, methods: Object.fromEntries(methods) };
}
