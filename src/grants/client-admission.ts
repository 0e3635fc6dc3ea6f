/** What all grants ask of the client first: that it is registered, names a redirect URI of its own, and is who it says. */
import type { Client } from '../oauth/client.ts';
import { isRegistered } from '../oauth/redirect-uri.ts';
import {
  type ClientAuthenticated,
  type ClientRateLimited,
  type ClientRejected,
  type GrantRefused,
  refuse,
  type TokenRequest,
} from './vocabulary.ts';

/**
 * The client, or why it is turned away. Who it is comes first: nobody learns anything of a client it cannot prove to be.
 * `redirectUris`: `checked` for the grants that concern a resource owner, where Kong compares even a redirect_uri that
 * the RFC does not know there, and none that is named is the first one registered, if there is one; `ignored` for a
 * client that acts for itself.
 */
export function admitClient(
  request: TokenRequest,
  event: ClientAuthenticated | ClientRejected | ClientRateLimited,
  redirectUris: 'checked' | 'ignored',
): { readonly client: Client } | GrantRefused {
  const { profile } = request.issuer;
  switch (event.event) {
    case 'clientRateLimited':
      return { ...refuse('client_rate_limited'), retryAfter: event.retryAfter };
    case 'clientRejected':
      return event.client === undefined && redirectUris === 'ignored' && !profile.challengesUnknownClients
        ? refuse('client_authentication_failed')
        : rejected(request, event.client);
    case 'clientAuthenticated': {
      const refusal = redirectUris === 'checked' ? redirectUriRefused(request, event.client) : undefined;
      return refusal ?? event;
    }
  }
}

function redirectUriRefused(request: TokenRequest, { redirectUris }: Client): GrantRefused | undefined {
  const { redirectUri: named, issuer } = request;
  if (issuer.profile.tokenRedirectUri === 'as for the code') return undefined;
  if (redirectUris === undefined) return rejected(request, undefined);
  if (named === undefined) return redirectUris.length === 0 ? refuse('redirect_uri_unregistered') : undefined;
  const registered = typeof named === 'string' && isRegistered(redirectUris, named, issuer.profile);
  return registered ? undefined : refuse('redirect_uri_unregistered');
}

function rejected({ authentication }: TokenRequest, client: Client | undefined): GrantRefused {
  // "The client MUST NOT use more than one authentication method" and a public one has none (RFC 6749 §2.3).
  const disallowed = client?.type === 'public' && authentication.clientSecret;
  return {
    ...refuse(disallowed ? 'client_secret_disallowed' : 'client_authentication_failed'),
    failedAuthentication: authentication.method,
  };
}
