/**
 * The bearer check: whether a request is admitted (RFC 6750 §3.1).
 *
 *     awaitingBearer ──accessTokenFound────▶ admitted | denied
 *                    └─accessTokenUnknown──▶ denied (token_invalid)
 */
import type { Effect, Event, Final, Machine, Waiting } from '../machine/machine.ts';
import type { EpochMilliseconds } from '../oauth/client.ts';
import { type Audience, isGoodAt } from '../oauth/issuer.ts';
import type { Refusal } from '../oauth/refusals.ts';
import { isWithin, type Scope } from '../oauth/scope.ts';
import type { Bearer } from '../oauth/tokens.ts';

export interface FindAccessToken extends Effect<'findAccessToken'> {
  readonly accessToken: string;
}
export interface AccessTokenFound extends Event<'accessTokenFound'> {
  readonly bearer: Bearer;
}
export interface AccessTokenUnknown extends Event<'accessTokenUnknown'> {}

export interface AccessEvents {
  readonly findAccessToken: AccessTokenFound | AccessTokenUnknown;
}

export interface AccessRequest {
  /** `undefined`: the request has none. */
  readonly accessToken: string | undefined;
  readonly audience: Audience;
  /** The scope that the resource requires. Usually empty, as Kong's plugin leaves scopes to the upstream. */
  readonly requiredScope: Scope;
  readonly receivedAt: EpochMilliseconds;
}

interface AwaitingBearer extends Waiting<'awaitingBearer', FindAccessToken> {
  readonly request: AccessRequest;
}

export interface BearerAdmitted extends Final<'admitted'> {
  readonly bearer: Bearer;
}
export interface BearerDenied extends Final<'denied'>, Refusal {
  /** The scope that the resource requires (RFC 6750 §3, `scope`). */
  readonly requiredScope: Scope;
}
export type AccessOutcome = BearerAdmitted | BearerDenied;

export const bearerToken: Machine<AccessRequest, AccessEvents, AwaitingBearer, AccessOutcome> = {
  name: 'bearer_token',

  start: (request) =>
    request.accessToken === undefined
      ? deny({ reason: 'token_missing' }, request.requiredScope)
      : {
          state: 'awaitingBearer',
          request,
          awaits: { effect: 'findAccessToken', accessToken: request.accessToken },
        },

  transitions: {
    awaitingBearer: {
      accessTokenFound({ request }, { bearer }) {
        const { requiredScope, receivedAt, audience } = request;
        const { grant } = bearer;
        const good = isGoodAt(grant, audience);
        if (good === 'elsewhere') return deny({ reason: 'token_invalid' }, requiredScope);
        // "The access token provided is expired, revoked, malformed, or invalid for other reasons." (RFC 6750 §3.1)
        if (grant.expiresAt !== undefined && grant.expiresAt <= receivedAt) {
          return deny({ reason: 'token_invalid' }, requiredScope);
        }
        if (good === 'global') return deny({ reason: 'token_global' }, requiredScope);
        if (!isWithin(requiredScope, grant.accessScope)) {
          return deny({ reason: 'scope_insufficient', detail: requiredScope.join(' ') }, requiredScope);
        }
        return { state: 'admitted', bearer };
      },
      accessTokenUnknown: ({ request }) => deny({ reason: 'token_invalid' }, request.requiredScope),
    },
  },
};

function deny({ reason, detail }: Refusal, requiredScope: Scope): BearerDenied {
  return detail === undefined
    ? { state: 'denied', reason, requiredScope }
    : { state: 'denied', reason, detail, requiredScope };
}
