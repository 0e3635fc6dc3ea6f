/**
 * Ids that are derived from names (UUID version 5, RFC 9562 §5.5), in the namespaces that Kong's files and decK use. A
 * file that is loaded again gives each row the same id, so the row keeps its tokens.
 */
import { createHash } from 'node:crypto';
import type { Json } from '../ports/entity-store.ts';
import { type Description, type Fields, type JsonObject, shapeFor } from '../schema/description.ts';
import { isObject, own } from '../schema/json.ts';

/** Kong's namespace of all entities; each kind has its own namespace below it. */
const entitiesNamespace = 'fd02801f-0957-4a15-a55a-c8d9606f30b5';

export function namedId(kind: string, name: string): string {
  return uuidOf(uuidOf(entitiesNamespace, kind), name);
}

/**
 * The id of an item without one: derived from its name if it has one, and otherwise from its fields. Secret fields do not
 * count, since ids are public. `counts` numbers the items that would get the same id.
 */
export function derivedId(
  description: Description,
  sent: JsonObject,
  parentId: string | undefined,
  counts: Map<string, number>,
): string {
  const { name: kind, endpointKey, fields, uniqueTogether } = description;
  const keyField = endpointKey === undefined ? undefined : fields[endpointKey];
  const key = endpointKey === undefined ? undefined : own(sent, endpointKey);
  if (typeof key === 'string' && keyField?.type === 'string' && keyField.encrypted !== true) {
    // A key that is unique only within another entity (the address of a target) is combined with that entity's key.
    const within = Object.entries(fields).flatMap(([name, field]) =>
      field.type === 'foreign' && field.on_delete === 'cascade' ? [referenceText(own(sent, name))] : [],
    );
    return namedId(kind, keyField.unique === true ? key : [key, ...within].join(':'));
  }
  const together = uniqueTogether?.[0];
  const what =
    together === undefined
      ? canonical(withoutSecrets(shapeFor(description, sent).fields, sent))
      : [kind, ...together.map((field) => referenceText(own(sent, field)))].join(':');
  const text = `${parentId ?? ''} ${what}`;
  const count = (counts.get(`${kind} ${text}`) ?? 0) + 1;
  counts.set(`${kind} ${text}`, count);
  if (together !== undefined) return namedId(kind, count === 1 ? what : `${what}#${count}`);
  return namedId(kind, count === 1 ? text : `${text}#${count}`);
}

/** As in Kong's cache keys, the id of a reference; a reference by name is written out. */
function referenceText(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  return isObject(value) ? String(own(value, 'id') ?? canonical(value)) : String(value);
}

function withoutSecrets(fields: Fields, sent: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(sent).flatMap(([name, value]): [string, Json][] => {
      const field = own(fields, name);
      if (field === undefined || ('encrypted' in field && field.encrypted === true)) return [];
      return [[name, field.type === 'record' && isObject(value) ? withoutSecrets(field.fields, value) : value]];
    }),
  );
}

function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name]!)}`).join()}}`;
}

function uuidOf(namespace: string, name: string): string {
  const digest = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name, 'utf8')
    .digest();
  // "the four most significant bits of octet 6 are set to the version, the two of octet 8 to the variant"
  digest[6] = (digest[6]! & 0x0f) | 0x50;
  digest[8] = (digest[8]! & 0x3f) | 0x80;
  const hex = digest.toString('hex', 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
