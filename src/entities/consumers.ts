/** Kong's consumers: the owners of clients and other credentials. */
import type { Description } from '../schema/description.ts';
import { id, tags, timestamp } from '../schema/fields.ts';

export const consumers: Description = {
  name: 'consumers',
  endpointKey: 'username',
  fields: {
    id,
    created_at: timestamp,
    updated_at: timestamp,
    username: { type: 'string', unique: true },
    custom_id: { type: 'string', unique: true, description: 'The id by which another system knows the consumer.' },
    tags,
  },
  entity_checks: [{ at_least_one_of: ['custom_id', 'username'] }],
  filters: ['custom_id'],
};
