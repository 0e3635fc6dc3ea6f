/**
 * Ids that come from names (UUID version 5, RFC 9562 §5.5), by the namespaces that Kong's files and decK use. Whoever
 * loads a file again finds every row where it was, with the tokens that hang on it.
 */
import { createHash } from 'node:crypto';

/** Kong's namespace of all entities; each kind has one of its own below it. */
const entitiesNamespace = 'fd02801f-0957-4a15-a55a-c8d9606f30b5';

export function namedId(kind: string, name: string): string {
  return uuidOf(uuidOf(entitiesNamespace, kind), name);
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
