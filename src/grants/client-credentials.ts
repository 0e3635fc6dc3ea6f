/**
 * Client Credentials Grant (RFC 6749 §4.4).
 *
 *     awaitingClient ──clientAuthenticated──▶ awaitingGrant ──grantOpened──▶ granted
 *           └── any answer ──▶ refused
 */
import type { Machine, Waiting } from '../machine/machine.ts';
import { scopeGranted } from '../oauth/issuer.ts';
import { admitClient } from './client-admission.ts';
import { openGrant } from './new-grant.ts';
import { isProvisionKey } from './resource-owner.ts';
import {
  type AuthenticateClient,
  type ClientAuthenticated,
  type ClientRateLimited,
  type ClientRejected,
  type GrantEvents,
  type GrantOutcome,
  type OpenGrant,
  type Parameter,
  refuse,
  refuseWith,
  type TokenRequest,
} from './vocabulary.ts';

export interface ClientCredentialsRequest extends TokenRequest {
  /** Kong lets whoever knows the provision key name a resource owner even here. */
  readonly authenticatedUserid: Parameter;
  readonly provisionKey: Parameter;
}

interface AwaitingClient extends Waiting<'awaitingClient', AuthenticateClient> {
  readonly request: ClientCredentialsRequest;
}
interface AwaitingGrant extends Waiting<'awaitingGrant', OpenGrant> {}

export type ClientCredentialsState = AwaitingClient | AwaitingGrant;

export const clientCredentialsGrant: Machine<
  ClientCredentialsRequest,
  GrantEvents,
  ClientCredentialsState,
  GrantOutcome
> = {
  name: 'client_credentials',

  start: (request) => ({
    state: 'awaitingClient',
    request,
    awaits: { effect: 'authenticateClient', authentication: request.authentication },
  }),

  transitions: {
    awaitingClient: {
      clientAuthenticated: decide,
      clientRejected: decide,
      clientRateLimited: decide,
    },
    awaitingGrant: {
      grantOpened: ({ awaits: { grant } }, { tokens }) => ({ state: 'granted', grant, tokens }),
      grantAlreadyRevoked: () => refuse('client_authentication_failed'),
    },
  },
};

function decide(
  { request }: AwaitingClient,
  event: ClientAuthenticated | ClientRejected | ClientRateLimited,
): AwaitingGrant | GrantOutcome {
  const { issuer, authenticatedUserid } = request;
  const { clientCredentials: enabled } = issuer.grantTypes;
  // Kong looks for an unknown client only where it would give it a token.
  const isUnknown = event.event === 'clientRejected' && event.client === undefined;
  if (!enabled && isUnknown && !issuer.profile.challengesUnknownClients) {
    return { ...refuse('grant_type_unsupported'), clientUnknown: true };
  }
  const admitted = admitClient(request, event, 'ignored');
  if ('state' in admitted) return admitted;
  if (!enabled) return refuse('grant_type_unsupported');
  // "The client credentials grant type MUST only be used by confidential clients." (RFC 6749 §4.4)
  if (admitted.client.type === 'public' && !issuer.profile.publicClientCredentials)
    return refuse('client_unauthorized');
  if (authenticatedUserid !== undefined && !isProvisionKey(request.provisionKey, issuer)) {
    return refuse('provision_key_wrong');
  }
  if (authenticatedUserid !== undefined && authenticatedUserid !== null && typeof authenticatedUserid !== 'string') {
    return refuse('parameter_malformed', 'authenticated_userid');
  }
  const scoped = scopeGranted(issuer, request.scope);
  if ('reason' in scoped) return refuseWith(scoped);
  if (issuer.audience.boundTo === '') return refuse('service_missing');
  return {
    state: 'awaitingGrant',
    awaits: openGrant(issuer, {
      grantId: request.grantId,
      credentialId: admitted.client.id,
      subject: authenticatedUserid ?? undefined,
      scope: scoped.scope,
      at: request.receivedAt,
      // "A refresh token SHOULD NOT be included." (RFC 6749 §4.4.3)
      refreshable: false,
    }),
  };
}
