/**
 * Kong's basicauth_credentials: user names and passwords of consumers. A password is stored and printed as a PHC string
 * of PBKDF2 (Kong stores and prints its SHA-1).
 */
import { isHashedSecret } from '../oauth/hashed-secret.ts';
import type { Description } from '../schema/description.ts';
import { id, ownerConsumer, tags, timestamp } from '../schema/fields.ts';

export const basicauthCredentials: Description = {
  name: 'basicauth_credentials',
  adminName: 'basic-auths',
  adminNestedName: 'basic-auth',
  endpointKey: 'username',
  fields: {
    id,
    created_at: timestamp,
    consumer: ownerConsumer,
    username: { type: 'string', required: true, unique: true },
    password: { type: 'string', required: true, encrypted: true },
    tags,
  },
  transformations: [
    {
      input: ['password'],
      needs: [],
      hashes: {
        field: 'password',
        when: () => true,
        isDone: isHashedSecret,
      },
    },
  ],
};
