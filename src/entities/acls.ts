/** Kong's acls: the groups that consumers are in. */
import type { Description } from '../schema/description.ts';
import { id, tags, timestamp } from '../schema/fields.ts';

export const acls: Description = {
  name: 'acls',
  nestedKey: 'group',
  fields: {
    id,
    created_at: timestamp,
    consumer: { type: 'foreign', reference: 'consumers', required: true, on_delete: 'cascade' },
    group: { type: 'string', required: true },
    tags,
  },
  uniqueTogether: [['consumer', 'group']],
};
