/** Kong's acls: the groups that consumers are in. */
import type { Description } from '../schema/description.ts';
import { id, ownerConsumer, tags, timestamp } from '../schema/fields.ts';

export const acls: Description = {
  name: 'acls',
  nestedKey: 'group',
  fields: {
    id,
    created_at: timestamp,
    consumer: ownerConsumer,
    group: { type: 'string', required: true },
    tags,
  },
  uniqueTogether: [['consumer', 'group']],
};
