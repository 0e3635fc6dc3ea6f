/**
 * Refreshing an Access Token (RFC 6749 §6), with rotation (RFC 9700 §4.14.2).
 *
 *     awaitingClient ─▶ awaitingRefreshToken ──refreshTokenFound──▶ awaitingRotation ──refreshTokenRotated──▶ granted
 *           │                │                                     ├──refreshTokenReused──▶ awaitingRevocation ─▶ refused
 *           │                └──refreshTokenUnknown──▶ refused     └──refreshTokenUnknown──▶ refused
 *           └──any event──▶ refused
 *
 * What is read in awaitingRefreshToken (the client and the scope of the grant) never changes. The one atomic operation of
 * awaitingRotation decides everything that may change.
 */
import type { Waiting } from '../machine/machine.ts';
import type { Client, EpochMilliseconds } from '../oauth/client.ts';
import type { Issuer } from '../oauth/issuer.ts';
import type { Refusal } from '../oauth/refusals.ts';
import { isWithin, type Scope, splitScope } from '../oauth/scope.ts';
import type { Grant } from '../oauth/tokens.ts';
import { type ClientAdmitted, grantMachine } from './client-authentication.ts';
import { accessTokenExpiry, boundService, refreshTokenExpiry } from './new-grant.ts';
import { type AwaitingRevocation, refuseReuse, revoking } from './revocation.ts';
import {
  type FindRefreshToken,
  type GrantOutcome,
  type Parameter,
  type RefreshTokenFound,
  type RotateRefreshToken,
  refuse,
  refuseWith,
  type TokenRequest,
} from './vocabulary.ts';

export interface RefreshTokenRequest extends TokenRequest {
  readonly refreshToken: Parameter;
}

interface AwaitingRefreshToken extends Waiting<'awaitingRefreshToken', FindRefreshToken> {
  readonly request: RefreshTokenRequest;
  readonly client: Client;
}
interface AwaitingRotation extends Waiting<'awaitingRotation', RotateRefreshToken> {
  readonly request: RefreshTokenRequest;
}
export const refreshTokenGrant = grantMachine<
  RefreshTokenRequest,
  AwaitingRefreshToken | AwaitingRotation | AwaitingRevocation
>(
  { redirectUri: 'checked' },
  {
    name: 'refresh_token',
    then: { clientAdmitted: find },
    transitions: {
      awaitingRefreshToken: {
        refreshTokenFound: rotate,
        refreshTokenUnknown: () => refuse('refresh_token_invalid'),
      },
      awaitingRotation: {
        refreshTokenRotated: (_state, { grant, tokens }) => ({ state: 'granted', grant, tokens }),
        // "If a refresh token is compromised and subsequently used by both the attacker and the legitimate client, one of
        // them will present an invalidated refresh token, which will inform the authorization server of the breach."
        // (RFC 9700 §4.14.2)
        refreshTokenReused: ({ request }, { grant }) =>
          refuseReuse(request, 'refresh_token_invalid', grant.grantId, { grant, lastIssuedAt: request.receivedAt }),
        refreshTokenUnknown: () => refuse('refresh_token_invalid'),
      },
      awaitingRevocation: revoking,
    },
  },
);

function find({ request, client }: ClientAdmitted<RefreshTokenRequest>): AwaitingRefreshToken | GrantOutcome {
  const { refreshToken } = request;
  if (typeof refreshToken !== 'string' || refreshToken === '') {
    // "The request is missing a required parameter" (RFC 6749 §5.2, invalid_request)
    return refreshToken === undefined || refreshToken === ''
      ? refuse('refresh_token_missing')
      : refuse('parameter_malformed', 'refresh_token');
  }
  return {
    state: 'awaitingRefreshToken',
    request,
    client,
    awaits: { effect: 'findRefreshToken', refreshToken },
  };
}

function rotate(
  { request, client, awaits: { refreshToken } }: AwaitingRefreshToken,
  { grant }: RefreshTokenFound,
): AwaitingRotation | GrantOutcome {
  const { issuer, receivedAt } = request;
  const from = boundWhere(issuer, grant);
  if (from === 'elsewhere') return refuse('refresh_token_invalid');
  // "the refresh token is bound to the client to which it was issued" (RFC 6749 §6)
  if (grant.credentialId !== client.id) return refuse('refresh_token_of_another_client');
  const scoped = nextScope(issuer, grant, request.scope);
  if ('reason' in scoped) return refuseWith(scoped);
  if (issuer.audience.boundTo === '') return refuse('service_missing');
  const successor = successorAt(issuer, client);
  return {
    state: 'awaitingRotation',
    request,
    awaits: {
      effect: 'rotateRefreshToken',
      refreshToken,
      successor,
      by: {
        attempt: request.attempt,
        at: receivedAt,
        credentialId: client.id,
        from: from === 'anywhere' ? undefined : grant.boundTo,
        boundTo: issuer.audience.boundTo,
        serviceId: boundService(issuer),
        accessScope: scoped.scope,
        expiresAt: accessTokenExpiry(issuer, receivedAt),
        refreshExpiresAt: nextExpiry(issuer, grant, successor, receivedAt),
        grace: issuer.refreshTokenGrace,
      },
    },
  };
}

/** Whether a grant may be refreshed at this issuer: where it is bound, or, with Kong, at one with global credentials. */
function boundWhere(issuer: Issuer, grant: Grant): 'here' | 'anywhere' | 'elsewhere' {
  if (grant.boundTo === issuer.audience.boundTo) return 'here';
  return issuer.profile.refreshMovesToGlobal && issuer.audience.boundTo === 'global' ? 'anywhere' : 'elsewhere';
}

function nextScope(issuer: Issuer, grant: Grant, asked: Parameter): { readonly scope: Scope } | Refusal {
  let { scope } = grant;
  if (issuer.profile.refreshScope === 'narrows' && asked !== undefined) {
    if (typeof asked !== 'string') return { reason: 'scope_malformed' };
    // "The requested scope MUST NOT include any scope not originally granted by the resource owner" (RFC 6749 §6)
    const narrower = splitScope(asked);
    if (!isWithin(narrower, scope)) return { reason: 'scope_exceeds_grant' };
    if (narrower.length > 0) scope = narrower;
  }
  if (issuer.scopes !== undefined && !isWithin(scope, issuer.scopes)) return { reason: 'scope_exceeds_grant' };
  return { scope };
}

function successorAt(issuer: Issuer, client: Client): RotateRefreshToken['successor'] {
  if (issuer.accessTokenLifetime === 0) return 'none';
  // "Refresh tokens for public clients MUST be sender-constrained or use refresh token rotation" (RFC 9700 §2.2.2)
  const mayKeep = client.type === 'confidential' || issuer.profile.publicClientsKeepRefreshToken;
  if (issuer.reusesRefreshToken && mayKeep) return 'kept';
  return issuer.refreshTokenGrace > 0 ? 'derived' : 'fresh';
}

/** When the next refresh token expires, or the access token if there is none. */
function nextExpiry(
  issuer: Issuer,
  grant: Grant,
  successor: RotateRefreshToken['successor'],
  at: EpochMilliseconds,
): EpochMilliseconds | undefined {
  if (successor === 'none') return accessTokenExpiry(issuer, at);
  // A refresh token that is kept also keeps its expiry, if the issuer sets none now (Kong).
  return refreshTokenExpiry(issuer, at) ?? (successor === 'kept' ? grant.refreshExpiresAt : undefined);
}
