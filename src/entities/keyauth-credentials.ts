/** Kong's keyauth_credentials: the API keys of consumers. A key is found by its digest and printed from an encrypted copy. */
import type { Description } from '../schema/description.ts';
import { id, ownerConsumer, tags, timestamp } from '../schema/fields.ts';

export const keyauthCredentials: Description = {
  name: 'keyauth_credentials',
  adminName: 'key-auths',
  adminNestedName: 'key-auth',
  endpointKey: 'key',
  fields: {
    id,
    created_at: timestamp,
    consumer: ownerConsumer,
    key: { type: 'string', required: false, unique: true, auto: true, encrypted: true },
    tags,
    ttl: { type: 'integer', between: [0, 100_000_000], implicit: true },
  },
};
