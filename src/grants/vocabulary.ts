/** The effects of the grant machines, the events that answer them, and the outcomes. */
import type { Effect, Event, Final } from '../machine/machine.ts';
import type { Client, ClientAuthentication, EpochMilliseconds } from '../oauth/client.ts';
import type { Issuer } from '../oauth/issuer.ts';
import type { Refusal } from '../oauth/refusals.ts';
import type { Scope } from '../oauth/scope.ts';
import type { AuthorizationCode, Grant, TokenPair } from '../oauth/tokens.ts';

// The token request -------------------------------------------------------------------------------------------------

/** A parameter as received: usually a string, but JSON bodies and repeated parameters can give any value. */
export type Parameter = unknown;

export interface TokenRequest {
  readonly issuer: Issuer;
  readonly authentication: ClientAuthentication;
  readonly redirectUri: Parameter;
  readonly scope: Parameter;
  readonly receivedAt: EpochMilliseconds;
  /** New and unguessable for each request: identifies this attempt in the store. */
  readonly attempt: string;
  /** The id that a grant opened by this request gets. */
  readonly grantId: string;
}

// Effects -----------------------------------------------------------------------------------------------------------

export interface AuthenticateClient extends Effect<'authenticateClient'> {
  readonly authentication: ClientAuthentication;
}

/** Mark the code as used and return its record, in one atomic operation. */
export interface RedeemAuthorizationCode extends Effect<'redeemAuthorizationCode'> {
  readonly code: string;
  readonly by: {
    readonly attempt: string;
    readonly at: EpochMilliseconds;
    readonly credentialId: string;
    readonly boundTo: string;
    readonly redirectUri: string | undefined;
    readonly redirectUriRequired: boolean;
    readonly codeChallenge: string | undefined;
    readonly unchallenged: 'accept' | 'refuse';
    readonly ownMismatch: 'keeps' | 'invalidates';
  };
}

/** Record a new grant with its first tokens. */
export interface OpenGrant extends Effect<'openGrant'> {
  readonly grant: Grant;
  readonly withRefreshToken: boolean;
}

/** Find the grant of a refresh token. Only what never changes may be used; the rotation decides the rest. */
export interface FindRefreshToken extends Effect<'findRefreshToken'> {
  readonly refreshToken: string;
}

/** Replace the current tokens by the next ones, in one atomic operation. */
export interface RotateRefreshToken extends Effect<'rotateRefreshToken'> {
  readonly refreshToken: string;
  /** `fresh`: both tokens are random. `derived`: made of the old one, so that a repeated refresh gets the same. `kept`: the refresh token stays. `none`: there is no next refresh token. */
  readonly successor: 'fresh' | 'derived' | 'kept' | 'none';
  readonly by: {
    readonly attempt: string;
    readonly at: EpochMilliseconds;
    readonly credentialId: string;
    readonly from: string | undefined;
    readonly boundTo: string;
    readonly serviceId: string | undefined;
    readonly accessScope: Scope;
    readonly expiresAt: EpochMilliseconds | undefined;
    readonly refreshExpiresAt: EpochMilliseconds | undefined;
    readonly grace: number;
  };
}

/** Revoke every token of a grant (RFC 6749 §4.1.2, RFC 9700 §4.14.2). */
export interface RevokeGrant extends Effect<'revokeGrant'> {
  readonly grantId: string;
  /** Until when the revocation is remembered; see `revocationExpiry`. */
  readonly until: EpochMilliseconds | undefined;
}

export type GrantEffect =
  | AuthenticateClient
  | RedeemAuthorizationCode
  | OpenGrant
  | FindRefreshToken
  | RotateRefreshToken
  | RevokeGrant;

// Events ------------------------------------------------------------------------------------------------------------

export interface ClientAuthenticated extends Event<'clientAuthenticated'> {
  readonly client: Client;
}
export interface ClientRejected extends Event<'clientRejected'> {
  /** The client that was named, if it exists. */
  readonly client: Client | undefined;
}
/** The readings of the Basic credentials name two clients (docs/decisions/0025). */
export interface ClientAmbiguous extends Event<'clientAmbiguous'> {}
/** Too many attempts failed, or too many slow hashes wait: this attempt was not tried. */
export interface ClientRateLimited extends Event<'clientRateLimited'> {
  /** Too many secrets of all clients wait to be checked. */
  readonly busy?: true;
  /** Seconds. */
  readonly retryAfter: number;
}

export interface CodeRedeemed extends Event<'codeRedeemed'> {
  readonly record: AuthorizationCode;
}
export interface CodeReplayed extends Event<'codeReplayed'> {
  readonly grantId: string;
  /** When the code expires: it was redeemed before that. */
  readonly expiresAt: EpochMilliseconds;
}
export interface CodeMismatched extends Event<'codeMismatched'> {
  readonly binding: 'client' | 'boundTo' | 'redirectUri' | 'codeChallenge';
}
export interface CodeUnknown extends Event<'codeUnknown'> {}

export interface GrantOpened extends Event<'grantOpened'> {
  readonly tokens: TokenPair;
}
/** The grant was revoked before it was opened: its code was replayed. */
export interface GrantAlreadyRevoked extends Event<'grantAlreadyRevoked'> {}

export interface RefreshTokenFound extends Event<'refreshTokenFound'> {
  readonly grant: Grant;
}
export interface RefreshTokenUnknown extends Event<'refreshTokenUnknown'> {}

export interface RefreshTokenRotated extends Event<'refreshTokenRotated'> {
  readonly grant: Grant;
  readonly tokens: TokenPair;
}
export interface RefreshTokenReused extends Event<'refreshTokenReused'> {
  readonly grant: Grant;
}
export interface GrantRevoked extends Event<'grantRevoked'> {}

export interface GrantEvents {
  readonly authenticateClient: ClientAuthenticated | ClientRejected | ClientAmbiguous | ClientRateLimited;
  readonly redeemAuthorizationCode: CodeRedeemed | CodeReplayed | CodeMismatched | CodeUnknown;
  readonly openGrant: GrantOpened | GrantAlreadyRevoked;
  readonly findRefreshToken: RefreshTokenFound | RefreshTokenUnknown;
  readonly rotateRefreshToken: RefreshTokenRotated | RefreshTokenReused | RefreshTokenUnknown;
  readonly revokeGrant: GrantRevoked;
}

// Outcomes ----------------------------------------------------------------------------------------------------------

/** A successful token response (RFC 6749 §5.1), before a transport sends it. */
export interface TokensGranted extends Final<'granted'> {
  readonly grant: Grant;
  readonly tokens: TokenPair;
}
export interface GrantRefused extends Final<'refused'>, Refusal {
  /** How the client tried to authenticate, where that failed: decides the challenge (RFC 6749 §5.2). */
  readonly failedAuthentication?: ClientAuthentication['method'];
  /** The client is unknown, but that is not the reason. */
  readonly clientUnknown?: true;
  /** Seconds after which the client may try again. */
  readonly retryAfter?: number;
}

export type GrantOutcome = TokensGranted | GrantRefused;

export function refuse(reason: Refusal['reason'], detail?: string): GrantRefused {
  return detail === undefined ? { state: 'refused', reason } : { state: 'refused', reason, detail };
}

export function refuseWith(refusal: Refusal): GrantRefused {
  return refuse(refusal.reason, refusal.detail);
}
