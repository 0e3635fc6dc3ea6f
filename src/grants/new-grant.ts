/** How a grant is opened: the state, the effect and the row that all grants have in common. */
import type { Transitions, Waiting } from '../machine/machine.ts';
import type { EpochMilliseconds } from '../oauth/client.ts';
import type { Issuer } from '../oauth/issuer.ts';
import type { RefusalReason } from '../oauth/refusals.ts';
import type { Scope } from '../oauth/scope.ts';
import type { Grant } from '../oauth/tokens.ts';
import { type GrantEvents, type GrantOutcome, type GrantRefused, type OpenGrant, refuse } from './vocabulary.ts';

export interface AwaitingGrant extends Waiting<'awaitingGrant', OpenGrant> {}

/** The row of `awaitingGrant`. `revoked`: why the client is refused when the grant was revoked before it was opened. */
export const openingGrant = (
  revoked: RefusalReason,
): Transitions<GrantEvents, AwaitingGrant, GrantOutcome>['awaitingGrant'] => ({
  grantOpened: ({ awaits: { grant } }, { tokens }) => ({ state: 'granted', grant, tokens }),
  grantAlreadyRevoked: () => refuse(revoked),
});

export interface NewGrant {
  readonly grantId: string;
  readonly credentialId: string;
  readonly subject: string | undefined;
  readonly scope: Scope;
  readonly at: EpochMilliseconds;
  readonly refreshable: boolean;
}

/** Opens a grant at `issuer` for this client. The issuer decides how long its tokens are valid. */
export function openGrant(issuer: Issuer, about: NewGrant): AwaitingGrant | GrantRefused {
  if (issuer.audience.boundTo === '') return refuse('service_missing');
  return { state: 'awaitingGrant', awaits: { effect: 'openGrant', ...newGrant(issuer, about) } };
}

export function newGrant(issuer: Issuer, about: NewGrant): Omit<OpenGrant, 'effect'> {
  // Kong issues no refresh token with an access token that never expires.
  const withRefreshToken = about.refreshable && issuer.accessTokenLifetime > 0;
  const grant: Grant = {
    grantId: about.grantId,
    credentialId: about.credentialId,
    subject: about.subject,
    scope: about.scope,
    tokenStorage: issuer.profile.tokenStorage,
    grantedAt: about.at,
    generation: 1,
    boundTo: issuer.audience.boundTo,
    serviceId: boundService(issuer),
    accessScope: about.scope,
    issuedAt: about.at,
    expiresAt: accessTokenExpiry(issuer, about.at),
    refreshExpiresAt: withRefreshToken ? refreshTokenExpiry(issuer, about.at) : accessTokenExpiry(issuer, about.at),
  };
  return { grant, withRefreshToken };
}

/** The service that Kong's row names: none for a global token. */
export function boundService({ audience }: Issuer): string | undefined {
  return audience.boundTo === 'global' ? undefined : audience.serviceId;
}

export function accessTokenExpiry(issuer: Issuer, at: EpochMilliseconds): EpochMilliseconds | undefined {
  return issuer.accessTokenLifetime === 0 ? undefined : at + issuer.accessTokenLifetime;
}

export function refreshTokenExpiry(issuer: Issuer, at: EpochMilliseconds): EpochMilliseconds | undefined {
  return issuer.refreshTokenLifetime === 0 ? undefined : at + issuer.refreshTokenLifetime;
}
