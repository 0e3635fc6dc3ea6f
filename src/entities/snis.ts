/** Kong's SNIs: by which server name of the TLS handshake which certificate is served. */
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

/** As in the SNIs of a route, but the wildcard stands for whole labels. */
export function checkWildcardName(text: string): string | undefined {
  // Whatever name there is, or none.
  if (text === '*') return undefined;
  const wrong = checkServerName(text);
  if (wrong !== undefined || !text.includes('*')) return wrong;
  return /^\*\.|\.\*$/.test(text) ? undefined : 'invalid wildcard: must be placed at leftmost or rightmost label';
}
