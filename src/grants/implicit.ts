/**
 * Implicit Grant (RFC 6749 §4.2): the access token is issued by the authorization endpoint itself. It begins where the
 * authorization endpoint's machine has admitted the request. Profile rfc9700 does not have it (RFC 9700 §2.1.2).
 *
 *     awaitingGrant ──grantOpened──▶ granted
 *           └──grantAlreadyRevoked──▶ refused
 */
import type { Machine, Waiting } from '../machine/machine.ts';
import type { EpochMilliseconds } from '../oauth/client.ts';
import type { Issuer } from '../oauth/issuer.ts';
import type { Scope } from '../oauth/scope.ts';
import { openGrant } from './new-grant.ts';
import { type GrantEvents, type GrantOutcome, type OpenGrant, refuse } from './vocabulary.ts';

export interface ImplicitRequest {
  readonly issuer: Issuer;
  readonly credentialId: string;
  readonly subject: string | undefined;
  readonly scope: Scope;
  readonly grantId: string;
  readonly receivedAt: EpochMilliseconds;
}

interface AwaitingGrant extends Waiting<'awaitingGrant', OpenGrant> {}

export type ImplicitState = AwaitingGrant;

export const implicitGrant: Machine<ImplicitRequest, GrantEvents, ImplicitState, GrantOutcome> = {
  name: 'implicit',

  start({ issuer, credentialId, subject, scope, grantId, receivedAt }) {
    if (!issuer.grantTypes.implicit || !issuer.profile.legacyGrants) return refuse('response_type_unsupported');
    if (issuer.audience.boundTo === '') return refuse('service_missing');
    return {
      state: 'awaitingGrant',
      // "The authorization server MUST NOT issue a refresh token." (RFC 6749 §4.2.2)
      awaits: openGrant(issuer, { grantId, credentialId, subject, scope, at: receivedAt, refreshable: false }),
    };
  },

  transitions: {
    awaitingGrant: {
      grantOpened: ({ awaits: { grant } }, { tokens }) => ({ state: 'granted', grant, tokens }),
      grantAlreadyRevoked: () => refuse('response_type_unsupported'),
    },
  },
};
