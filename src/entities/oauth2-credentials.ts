/**
 * Kong's oauth2_credentials: the clients (RFC 6749 §2). With `hash_secret`, the secret is stored and printed as a PHC
 * string of PBKDF2.
 */
import { isHashedSecret } from '../oauth/hashed-secret.ts';
import type { Description } from '../schema/description.ts';
import { id, ownerConsumer, tags, timestamp } from '../schema/fields.ts';
import { urlParts } from '../schema/url.ts';

export const oauth2Credentials: Description = {
  name: 'oauth2_credentials',
  adminName: 'oauth2',
  endpointKey: 'client_id',
  fields: {
    id,
    created_at: timestamp,
    consumer: ownerConsumer,
    name: { type: 'string', required: true },
    client_id: { type: 'string', required: false, unique: true, auto: true },
    client_secret: { type: 'string', required: false, auto: true, encrypted: true },
    hash_secret: { type: 'boolean', required: true, default: false },
    redirect_uris: { type: 'array', required: false, elements: { type: 'string', check: checkRedirectUri } },
    tags,
    client_type: { type: 'string', required: true, default: 'confidential', one_of: ['confidential', 'public'] },
  },
  aliases: { redirect_uri: { of: 'redirect_uris', oneOfMany: true } },
  transformations: [
    {
      input: ['hash_secret'],
      needs: ['client_secret'],
      hashes: {
        field: 'client_secret',
        when: (row) => row['hash_secret'] === true,
        isDone: isHashedSecret,
      },
    },
  ],
  filters: ['client_id'],
};

// "The endpoint URI MUST NOT include a fragment component." (RFC 6749 §3.1.2)
function checkRedirectUri(uri: string): string | undefined {
  const { scheme, host, fragment } = urlParts(uri);
  if (scheme === undefined || host === undefined) return `cannot parse '${uri}'`;
  return fragment === undefined ? undefined : `fragment not allowed in '${uri}'`;
}
