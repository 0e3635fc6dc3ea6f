/** What a gate answers: unions to `switch` over by `state`. A refusal is a value; only a store that cannot be asked rejects. */
import type { AccessOutcome } from '../../src/access/bearer-token.ts';
import type { Profile } from '../../src/oauth/profile.ts';
import { type Refusal, type RefusalReason, refusals, wordsOf } from '../../src/oauth/refusals.ts';
import type { Bearer } from '../../src/oauth/tokens.ts';
import { type BearerRead, deniedRead, deniedResponse } from '../../src/wire/bearer.ts';
import type { OAuthResponse } from '../../src/wire/response.ts';

/** Why something was refused, for the one who asked, for the program, and for people. */
export interface Refused {
  readonly state: 'refused';
  /** The reason as a stable code, more precise than `error`; docs/errors.md lists all. For logs and metrics. */
  readonly reason: RefusalReason;
  /** The code of the RFC (RFC 6749 §4.1.2.1, §5.2; RFC 6750 §3.1), or Kong's in its profile; `undefined` where none may be said. */
  readonly error: string | undefined;
  /** One sentence for the developer of the client. Never says which check a secret failed. */
  readonly description: string;
  /** What to do about it. Not sent to anybody. */
  readonly remedy: string;
  /** HTTP's status code for it. */
  readonly status: number;
  /** The whole answer, ready to be printed. */
  readonly response: OAuthResponse;
}

/** The token is good here, for what is asked. */
export interface Admitted {
  readonly state: 'admitted';
  /** Whom the token stands for. */
  readonly bearer: Bearer;
  /** Where the token was found. One in a query means that nobody may cache the answer (RFC 6750 §2.3). */
  readonly foundIn: 'header' | 'query';
}
/** The request may not pass: 401 with a challenge, 403 when the scope is too small, 400 when two tokens were sent (RFC 6750 §3.1). */
export interface Denied extends Omit<Refused, 'state'> {
  readonly state: 'denied';
  /** The value of the header `WWW-Authenticate` (RFC 6750 §3). */
  readonly challenge: string;
}
export type CheckOutcome = Admitted | Denied;

/** An access token was issued (RFC 6749 §5.1). */
export interface Issued {
  readonly state: 'issued';
  readonly accessToken: string;
  /** Seconds the access token is good for; `undefined`: it never expires. */
  readonly expiresIn: number | undefined;
  readonly refreshToken: string | undefined;
  /** The scope granted; `undefined`: just as it was asked for. */
  readonly scope: readonly string[] | undefined;
  /** The whole answer, ready to be printed. */
  readonly response: OAuthResponse;
}
export type ExchangeOutcome = Issued | Refused;

/** The resource owner's browser is to be sent on, with a code (RFC 6749 §4.1.2) or, with the implicit grant, a token (§4.2.2). */
export interface Authorized {
  readonly state: 'authorized';
  /** Where to send the browser. Holds a secret: it does not belong into a log. */
  readonly redirectTo: string;
  readonly response: OAuthResponse;
}
/** With `redirectTo` the client is told by way of the browser; without it the owner alone may be told (RFC 6749 §4.1.2.1). */
export interface AuthorizationRefused extends Refused {
  readonly redirectTo: string | undefined;
}
export type AuthorizeOutcome = Authorized | AuthorizationRefused;

/** The grant behind a token has ended, and with it every token of it. `unknown`: there is no such grant (any more). */
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
    remedy: refusals[refusal.reason].remedy,
    status: response.status,
    response,
  };
}
