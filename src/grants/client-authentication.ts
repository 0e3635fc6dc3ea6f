/**
 * Client authentication at the token endpoint (RFC 6749 §3.2.1): the sub-machine that every grant starts with. It also
 * compares the `redirect_uri` of the request, as Kong does for all grants but one.
 *
 *     awaitingClient ──clientAuthenticated──▶ clientAdmitted | refused
 *           └──clientRejected, clientAmbiguous, clientRateLimited──▶ refused
 */
import { type Continuation, type Final, type Machine, startingWith, type Waiting } from '../machine/machine.ts';
import type { Client } from '../oauth/client.ts';
import { isRegistered } from '../oauth/redirect-uri.ts';
import {
  type AuthenticateClient,
  type GrantEvents,
  type GrantOutcome,
  type GrantRefused,
  refuse,
  type TokenRequest,
} from './vocabulary.ts';

/** Waiting for the proof of the client. */
export interface AwaitingClient<Q extends TokenRequest> extends Waiting<'awaitingClient', AuthenticateClient> {
  readonly request: Q;
}

/** The client has proved its identity, and the grant may go on. */
export interface ClientAdmitted<Q extends TokenRequest> extends Final<'clientAdmitted'> {
  readonly request: Q;
  readonly client: Client;
}

export interface ClientRules<Q extends TokenRequest> {
  /**
   * `checked`: for grants that concern a resource owner. Kong compares even a `redirect_uri` that the RFC does not define
   * for the grant; a request without one stands for the first registered URI, and is refused if there is none.
   * `ignored`: for a client that acts for itself.
   */
  readonly redirectUri: 'checked' | 'ignored';
  /** The refusal of an unknown client, where it differs from the refusal of a wrong secret. */
  readonly unknownClient?: (request: Q) => GrantRefused | undefined;
}

export function clientAuthentication<Q extends TokenRequest>({
  redirectUri,
  unknownClient,
}: ClientRules<Q>): Machine<Q, GrantEvents, AwaitingClient<Q>, ClientAdmitted<Q> | GrantRefused> {
  return {
    name: 'client_authentication',

    start: (request) => ({
      state: 'awaitingClient',
      request,
      awaits: { effect: 'authenticateClient', authentication: request.authentication },
    }),

    transitions: {
      awaitingClient: {
        // The redirect URI is compared after the proof: a client that cannot prove its identity learns nothing about it.
        clientAuthenticated: ({ request }, { client }) =>
          (redirectUri === 'checked' ? redirectUriRefused(request, client) : undefined) ?? {
            state: 'clientAdmitted',
            request,
            client,
          },
        clientRejected: ({ request }, { client }) =>
          (client === undefined ? unknownClient?.(request) : undefined) ?? rejected(request, client),
        clientAmbiguous: ({ request }) => ({
          ...refuse('client_authentication_ambiguous'),
          failedAuthentication: request.authentication.method,
        }),
        clientRateLimited: (_state, { retryAfter, busy }) => ({
          ...refuse(busy ? 'hashes_full' : 'client_rate_limited'),
          retryAfter,
        }),
      },
    },
  };
}

/** A grant's machine: client authentication by `rules`, then the states of the grant. */
export function grantMachine<Q extends TokenRequest, W extends Waiting>(
  rules: ClientRules<Q>,
  grant: Continuation<GrantEvents, ClientAdmitted<Q> | GrantRefused, W, GrantOutcome>,
): Machine<Q, GrantEvents, AwaitingClient<Q> | W, GrantOutcome> {
  return startingWith(clientAuthentication(rules), grant);
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
