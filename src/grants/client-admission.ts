/** What all grants ask of the client first: that it is registered, names a redirect URI of its own, and is who it says. */
import type { Client } from '../oauth/client.ts';
import { isRegistered } from '../oauth/redirect-uri.ts';
import {
  type ClientAuthenticated,
  type ClientDeferred,
  type ClientRejected,
  type Refused,
  refuse,
  type TokenRequest,
} from './vocabulary.ts';

/**
 * The client, or why it is turned away. `redirectUris`: `checked` for the grants that concern a resource owner, where
 * Kong compares even a redirect_uri that the RFC does not know there; `ignored` for a client that acts for itself.
 */
export function admitClient(
  request: TokenRequest,
  event: ClientAuthenticated | ClientRejected | ClientDeferred,
  redirectUris: 'checked' | 'ignored',
): { readonly client: Client } | Refused {
  if (event.event === 'clientDeferred') {
    return { ...refuse('client_authentication_deferred'), retryAfter: event.retryAfter };
  }
  const { client } = event;
  if (redirectUris === 'checked') {
    if (client?.redirectUris === undefined) return failed(request);
    const named = request.redirectUri;
    if (
      named !== undefined &&
      !(typeof named === 'string' && isRegistered(client.redirectUris, named, request.issuer.profile))
    ) {
      return refuse('redirect_uri_unregistered');
    }
  }
  if (event.event === 'clientAuthenticated') return event;
  if (client === undefined) {
    return redirectUris === 'checked' || request.issuer.profile.challengesUnknownClients
      ? failed(request)
      : refuse('client_authentication_failed');
  }
  // "The client MUST NOT use more than one authentication method" and a public one has none (RFC 6749 §2.3).
  if (client.type === 'public' && request.authentication.clientSecret) return refuse('client_secret_disallowed');
  return failed(request);
}

function failed({ authentication }: TokenRequest): Refused {
  return { ...refuse('client_authentication_failed'), failedAuthentication: authentication.method };
}
