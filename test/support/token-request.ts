/** What the grant machines are handed and answered with, as the happy path has it. */
import type {
  ClientAuthenticated,
  ClientRateLimited,
  ClientRejected,
  GrantOpened,
  TokenRequest,
} from '../../src/grants/vocabulary.ts';
import type { Client } from '../../src/oauth/client.ts';
import type { Issuer } from '../../src/oauth/issuer.ts';
import type { AuthorizationCode, Grant } from '../../src/oauth/tokens.ts';
import { beginning, callback, challenge, printer, secretOf } from './world.ts';

export function tokenRequest(issuer: Issuer): TokenRequest {
  return {
    issuer,
    authentication: {
      method: 'client_secret_basic',
      clientId: printer.clientId,
      clientSecret: secretOf(printer),
      from: undefined,
    },
    redirectUri: undefined,
    scope: undefined,
    receivedAt: beginning,
    attempt: 'attempt-1',
    grantId: 'grant-1',
  };
}

export const authenticated = (client: Client): ClientAuthenticated => ({ event: 'clientAuthenticated', client });
export const rejected = (client?: Client): ClientRejected => ({ event: 'clientRejected', client });
export const deferred: ClientRateLimited = { event: 'clientRateLimited', retryAfter: 7 };

export const tokens = { accessToken: 'access-1', refreshToken: 'refresh-1' };
export const grantOpened: GrantOpened = { event: 'grantOpened', tokens };

export const codeRecord: AuthorizationCode = {
  grantId: 'grant-of-the-code',
  credentialId: printer.id,
  boundTo: 'service:orders',
  serviceId: 'orders',
  subject: 'alice',
  scope: ['email', 'profile'],
  redirectUri: callback,
  redirectUriSent: true,
  codeChallenge: challenge,
  issuedAt: beginning,
  expiresAt: beginning + 60_000,
};

/** A grant of `printer` at `issuer`, one minute old. */
export function grantOf(issuer: Issuer, changes: Partial<Grant> = {}): Grant {
  const issuedAt = beginning - 60_000;
  return {
    grantId: 'grant-1',
    credentialId: printer.id,
    subject: 'alice',
    scope: ['email', 'profile'],
    tokenStorage: issuer.profile.tokenStorage,
    grantedAt: issuedAt,
    generation: 1,
    boundTo: issuer.audience.boundTo,
    serviceId: issuer.audience.serviceId,
    accessScope: ['email', 'profile'],
    issuedAt,
    expiresAt: issuedAt + 600_000,
    refreshExpiresAt: issuedAt + 86_400_000,
    ...changes,
  };
}
