/** The outcomes of a gate: unions to `switch` over by `state`. A refusal is an outcome; only an unreachable store rejects. */
import type { AccessOutcome } from '../../src/access/bearer-token.ts';
import type { Profile } from '../../src/oauth/profile.ts';
import { type Refusal, type RefusalReason, type RefusalText, refusals, wordsOf } from '../../src/oauth/refusals.ts';
import type { Bearer } from '../../src/oauth/tokens.ts';
import { type BearerRead, deniedRead, deniedResponse } from '../../src/wire/bearer.ts';
import type { OAuthResponse } from '../../src/wire/response.ts';

/** A refusal: the error response for the client, the reason for the program, and a remedy for people. */
export interface Refused {
  readonly state: 'refused';
  /** The refusal code: stable and more precise than `error`, for logs and metrics. docs/errors.md lists all codes. */
  readonly reason: RefusalReason;
  /** The error code (RFC 6749 §4.1.2.1, §5.2; RFC 6750 §3.1; Kong's in profile `kong`). `undefined`: there was no token. */
  readonly error: string | undefined;
  /** The `error_description`: one sentence for the developer of the client. Never says which check of a secret failed. */
  readonly description: string;
  /** How to fix it, for your log. Not part of the response. */
  readonly remedy: string;
  /** The HTTP status code of `response`. */
  readonly status: number;
  /** The whole HTTP response: `status`, `headers` as pairs, and `body` to print as JSON. */
  readonly response: OAuthResponse;
}

/** The access token is valid, for this audience, and has the required scopes. */
export interface Admitted {
  readonly state: 'admitted';
  /** The grant, the client and the consumer of the access token. The resource owner is `bearer.grant.subject`. */
  readonly bearer: Bearer;
  /** Where the token was found. For `query`, send `Cache-Control: private` with the response (RFC 6750 §2.3). */
  readonly foundIn: 'header' | 'query';
}
/** The request is not admitted: 401 with a challenge, 403 if the token lacks scope, 400 if two tokens were sent (RFC 6750 §3.1). */
export interface Denied extends Omit<Refused, 'state'> {
  readonly state: 'denied';
  /** The value of the header `WWW-Authenticate` (RFC 6750 §3). */
  readonly challenge: string;
}
export type CheckOutcome = Admitted | Denied;

/** An access token was issued (RFC 6749 §5.1). */
export interface Issued {
  readonly state: 'issued';
  /** A secret, to be sent as `Authorization: Bearer` (RFC 6750 §2.1). */
  readonly accessToken: string;
  /** Seconds until the access token expires; `undefined`: never. */
  readonly expiresIn: number | undefined;
  /** `undefined`: none was issued, as for client credentials and for access tokens that never expire. */
  readonly refreshToken: string | undefined;
  /** The scope granted; `undefined`: exactly the requested scope (RFC 6749 §5.1). */
  readonly scope: readonly string[] | undefined;
  /** The whole HTTP response: `status`, `headers` as pairs, and `body` to print as JSON. */
  readonly response: OAuthResponse;
}
export type ExchangeOutcome = Issued | Refused;

/** The authorization was granted: `redirectTo` carries a code (RFC 6749 §4.1.2) or, with the implicit grant, a token (§4.2.2). */
export interface Authorized {
  readonly state: 'authorized';
  /** Where to send the browser. Contains a secret: do not log it. */
  readonly redirectTo: string;
  /** The HTTP response of the authorization endpoint, for a login page elsewhere. */
  readonly response: OAuthResponse;
}
/** The authorization was refused (RFC 6749 §4.1.2.1). */
export interface AuthorizationRefused extends Refused {
  /** Where to send the browser, with the error for the client. `undefined`: show the error to the resource owner instead. */
  readonly redirectTo: string | undefined;
}
export type AuthorizeOutcome = Authorized | AuthorizationRefused;

/** `revoked`: the grant and all its tokens. `unknown`: there is no such grant, or it has expired or been revoked before. */
export type RevokeOutcome = { readonly state: 'revoked'; readonly grantId: string } | { readonly state: 'unknown' };

export function admittedOrDenied(
  profile: Profile,
  realm: string | undefined,
  outcome: AccessOutcome,
  foundIn: Admitted['foundIn'],
): CheckOutcome {
  if (outcome.state === 'admitted') return { state: 'admitted', bearer: outcome.bearer, foundIn };
  const response = deniedResponse(profile, realm, outcome);
  const challenge = response.headers.find(([name]) => name === 'WWW-Authenticate')?.[1] ?? 'Bearer';
  return { ...refused(profile, outcome, response), state: 'denied', challenge };
}

export function deniedUnread(
  profile: Profile,
  realm: string | undefined,
  read: Extract<BearerRead, string>,
  requiredScope: readonly string[],
): CheckOutcome {
  return admittedOrDenied(profile, realm, deniedRead(read, requiredScope), 'header');
}

export function issuedOrRefused(profile: Profile, response: OAuthResponse): ExchangeOutcome {
  const { body } = response;
  if (response.refusal !== undefined) return refused(profile, response.refusal, response);
  const { access_token, expires_in, refresh_token, scope } = body;
  return {
    state: 'issued',
    accessToken: String(access_token),
    expiresIn: typeof expires_in === 'number' ? expires_in : undefined,
    refreshToken: typeof refresh_token === 'string' ? refresh_token : undefined,
    scope: typeof scope === 'string' ? scope.split(' ').filter((token) => token !== '') : undefined,
    response,
  };
}

export function authorizedOrRefused(profile: Profile, response: OAuthResponse): AuthorizeOutcome {
  const redirectTo = response.body['redirect_uri'];
  if (response.refusal !== undefined) {
    return {
      ...refused(profile, response.refusal, response),
      redirectTo: typeof redirectTo === 'string' ? redirectTo : undefined,
    };
  }
  return { state: 'authorized', redirectTo: String(redirectTo), response };
}

function refused(profile: Profile, refusal: Refusal, response: OAuthResponse): Refused {
  const { error, description } = wordsOf(refusal, profile.name);
  return {
    state: 'refused',
    reason: refusal.reason,
    error: error === '' || refusal.reason === 'token_missing' ? undefined : error,
    description,
    remedy: remedyOf(refusals[refusal.reason]),
    status: response.status,
    response,
  };
}

/** What to do about a refusal in a program that embeds the gate. */
export function remedyOf({ remedy, embedded }: RefusalText): string {
  return embedded ?? remedy;
}
