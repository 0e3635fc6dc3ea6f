/** Kong's SNIs: which certificate is served for which server name of the TLS handshake. */
import type { Description } from '../schema/description.ts';
import { id, tags, timestamp } from '../schema/fields.ts';
import { checkServerName } from '../schema/host.ts';

export const snis: Description = {
  name: 'snis',
  endpointKey: 'name',
  fields: {
    id,
    name: { type: 'string', required: true, unique: true, check: checkWildcardName },
    created_at: timestamp,
    updated_at: timestamp,
    tags,
    certificate: { type: 'foreign', reference: 'certificates', required: true, on_delete: 'cascade' },
  },
};

/** Like an SNI of a route, but the wildcard must be a whole label. */
export function checkWildcardName(text: string): string | undefined {
  // Any server name, or none.
  if (text === '*') return undefined;
  const wrong = checkServerName(text);
  if (wrong !== undefined || !text.includes('*')) return wrong;
  return /^\*\.|\.\*$/.test(text) ? undefined : 'invalid wildcard: must be placed at leftmost or rightmost label';
}
