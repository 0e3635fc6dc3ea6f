/**
 * Implicit Grant (RFC 6749 §4.2): the access token is issued by the authorization endpoint itself. It starts when the
 * machine of the authorization endpoint has admitted the request. Profile rfc9700 does not have it (RFC 9700 §2.1.2).
 *
 *     awaitingGrant ──grantOpened──▶ granted
 *           └──grantAlreadyRevoked──▶ refused
 */
import type { Machine } from '../machine/machine.ts';
import type { EpochMilliseconds } from '../oauth/client.ts';
import type { Issuer } from '../oauth/issuer.ts';
import type { Scope } from '../oauth/scope.ts';
import { type AwaitingGrant, openGrant, openingGrant } from './new-grant.ts';
import { type GrantEvents, type GrantOutcome, refuse } from './vocabulary.ts';

export interface ImplicitRequest {
  readonly issuer: Issuer;
  readonly credentialId: string;
  readonly subject: string | undefined;
  readonly scope: Scope;
  readonly grantId: string;
  readonly receivedAt: EpochMilliseconds;
}

export const implicitGrant: Machine<ImplicitRequest, GrantEvents, AwaitingGrant, GrantOutcome> = {
  name: 'implicit',

  start({ issuer, credentialId, subject, scope, grantId, receivedAt }) {
    if (!issuer.grantTypes.implicit || !issuer.profile.legacyGrants) return refuse('response_type_unsupported');
    // "The authorization server MUST NOT issue a refresh token." (RFC 6749 §4.2.2)
    return openGrant(issuer, { grantId, credentialId, subject, scope, at: receivedAt, refreshable: false });
  },

  transitions: { awaitingGrant: openingGrant('response_type_unsupported') },
};
