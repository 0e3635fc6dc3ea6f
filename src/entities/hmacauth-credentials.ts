/** Kong's hmacauth_credentials: user names and secrets that consumers sign their requests with. */
import type { Description } from '../schema/description.ts';
import { id, ownerConsumer, tags, timestamp } from '../schema/fields.ts';

export const hmacauthCredentials: Description = {
  name: 'hmacauth_credentials',
  adminName: 'hmac-auths',
  adminNestedName: 'hmac-auth',
  endpointKey: 'username',
  fields: {
    id,
    created_at: timestamp,
    consumer: ownerConsumer,
    username: { type: 'string', required: true, unique: true },
    secret: { type: 'string', auto: true, encrypted: true },
    tags,
  },
};
