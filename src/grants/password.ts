/**
 * Resource Owner Password Credentials Grant (RFC 6749 §4.3), as Kong has it: the owner's own login page has checked the
 * password, and vouches for the resource owner with the provision key. Profile rfc9700 does not have it (RFC 9700 §2.4).
 *
 *     awaitingClient ──clientAuthenticated──▶ awaitingGrant ──grantOpened──▶ granted
 *           └── any answer ──▶ refused
 */
import type { Machine, Waiting } from '../machine/machine.ts';
import { scopeGranted } from '../oauth/issuer.ts';
import { admitClient } from './client-admission.ts';
import { openGrant } from './new-grant.ts';
import { vouchedFor } from './resource-owner.ts';
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

export interface PasswordRequest extends TokenRequest {
  readonly authenticatedUserid: Parameter;
  readonly provisionKey: Parameter;
}

interface AwaitingClient extends Waiting<'awaitingClient', AuthenticateClient> {
  readonly request: PasswordRequest;
}
interface AwaitingGrant extends Waiting<'awaitingGrant', OpenGrant> {}

export type PasswordState = AwaitingClient | AwaitingGrant;

export const passwordGrant: Machine<PasswordRequest, GrantEvents, PasswordState, GrantOutcome> = {
  name: 'password',

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
  const { issuer } = request;
  const admitted = admitClient(request, event, 'checked');
  if ('state' in admitted) return admitted;
  // "The resource owner password credentials grant [RFC6749] MUST NOT be used." (RFC 9700 §2.4)
  if (!issuer.grantTypes.password || !issuer.profile.legacyGrants) return refuse('grant_type_unsupported');
  const owner = vouchedFor(issuer, request);
  if ('reason' in owner) return refuseWith(owner);
  const scoped = scopeGranted(issuer, request.scope);
  if ('reason' in scoped) return refuseWith(scoped);
  if (issuer.audience.boundTo === '') return refuse('service_missing');
  return {
    state: 'awaitingGrant',
    awaits: openGrant(issuer, {
      grantId: request.grantId,
      credentialId: admitted.client.id,
      subject: owner.subject,
      scope: scoped.scope,
      at: request.receivedAt,
      refreshable: true,
    }),
  };
}
