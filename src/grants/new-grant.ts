import type { EpochMilliseconds } from '../oauth/client.ts';
import type { Issuer } from '../oauth/issuer.ts';
import type { Scope } from '../oauth/scope.ts';
import type { Grant } from '../oauth/tokens.ts';
import type { OpenGrant } from './vocabulary.ts';

/** The effect that opens a grant at `issuer` for this client, with the lifetimes that the issuer gives its tokens. */
export function openGrant(
  issuer: Issuer,
  about: {
    readonly grantId: string;
    readonly credentialId: string;
    readonly subject: string | undefined;
    readonly scope: Scope;
    readonly at: EpochMilliseconds;
    readonly refreshable: boolean;
  },
): OpenGrant {
  // Kong issues no refresh token beside an access token that never expires.
  const withRefreshToken = about.refreshable && issuer.accessTokenLifetime > 0;
  const grant: Grant = {
    grantId: about.grantId,
    credentialId: about.credentialId,
    subject: about.subject,
    scope: about.scope,
    retains: issuer.profile.retains,
    grantedAt: about.at,
    generation: 1,
    boundTo: issuer.audience.boundTo,
    serviceId: boundService(issuer),
    accessScope: about.scope,
    issuedAt: about.at,
    expiresAt: accessTokenExpiry(issuer, about.at),
    refreshExpiresAt: withRefreshToken ? refreshTokenExpiry(issuer, about.at) : accessTokenExpiry(issuer, about.at),
  };
  return { effect: 'openGrant', grant, withRefreshToken };
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

/** The last instant at which any token of a grant opened at `at` could live: how long its end must be remembered. */
export function longestExpiry(issuer: Issuer, at: EpochMilliseconds): EpochMilliseconds | undefined {
  const access = accessTokenExpiry(issuer, at);
  const refresh = refreshTokenExpiry(issuer, at);
  return access === undefined || refresh === undefined ? undefined : Math.max(access, refresh);
}
