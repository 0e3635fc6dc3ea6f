/** Kong's key-sets: keys that belong together, such as those of one issuer. */
import type { Description } from '../schema/description.ts';
import { id, tags, timestamp } from '../schema/fields.ts';

export const keySets: Description = {
  name: 'key_sets',
  adminName: 'key-sets',
  endpointKey: 'name',
  fields: {
    id,
    name: { type: 'string', unique: true },
    tags,
    created_at: timestamp,
    updated_at: timestamp,
  },
};
