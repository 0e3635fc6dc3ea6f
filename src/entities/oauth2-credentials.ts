/**
 * Kong's oauth2_credentials: the clients (RFC 6749 §2). With `hash_secret`, the secret is stored and printed as a PHC
 * string of PBKDF2.
 */
import { isHashedSecret } from '../oauth/hashed-secret.ts';
import { redirectUriProblem } from '../oauth/redirect-uri.ts';
import type { Description } from '../schema/description.ts';
import { id, ownerConsumer, tags, timestamp } from '../schema/fields.ts';
import { urlParts } from '../schema/url.ts';

export const oauth2Credentials: Description = {
  name: 'oauth2_credentials',
  adminName: 'oauth2',
  endpointKey: 'client_id',
  fields: {
    id: { ...id, description: 'A UUID.' },
    created_at: { ...timestamp, description: 'The time of creation, in seconds since the epoch.' },
    consumer: { ...ownerConsumer, description: 'The owner of the client.' },
    name: { type: 'string', required: true, description: 'The name of the client, for people.' },
    client_id: {
      type: 'string',
      required: false,
      unique: true,
      auto: true,
      description: 'Generated if it is not set.',
    },
    client_secret: {
      type: 'string',
      required: false,
      auto: true,
      encrypted: true,
      description: 'Generated if it is not set. Encrypted at rest.',
    },
    hash_secret: {
      type: 'boolean',
      required: true,
      default: false,
      description: 'Stores and prints the secret as a PBKDF2 hash.',
    },
    redirect_uris: {
      type: 'array',
      required: false,
      elements: { type: 'string', check: checkRedirectUri },
      description: 'Absolute URIs without a fragment (RFC 6749 §3.1.2).',
    },
    tags: { ...tags, description: 'Labels, by which lists can be filtered.' },
    client_type: {
      type: 'string',
      required: true,
      default: 'confidential',
      one_of: ['confidential', 'public'],
      description: 'RFC 6749 §2.1. A public client has no secret that it can keep.',
    },
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
  const problem = redirectUriProblem(uri);
  if (problem !== undefined) return problem;
  const { scheme, host, fragment } = urlParts(uri);
  if (scheme === undefined || host === undefined) return `cannot parse '${uri}'`;
  return fragment === undefined ? undefined : `fragment not allowed in '${uri}'`;
}
