import type { Client, Consumer, EpochMilliseconds } from './client.ts';
import type { Scope } from './scope.ts';

/** An access token and its refresh token (RFC 6749 §1.4, §1.5), in plain text. */
export interface TokenPair {
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
}

/**
 * What a resource owner granted to a client, or a client was granted for itself, with the lifetimes of its current tokens.
 * Kong's row of `oauth2_tokens`. Nothing above `generation` changes after the grant is opened.
 */
export interface Grant {
  /** A UUID: the `id` of Kong's row. Not a secret. */
  readonly grantId: string;
  /** The `id` of the client's record. */
  readonly credentialId: string;
  /** The resource owner: Kong's `authenticated_userid`. `undefined` when the client acts for itself. */
  readonly subject: string | undefined;
  /** What was granted (RFC 6749 §6: a refresh never exceeds it). */
  readonly scope: Scope;
  /** `encrypted`: the store keeps an encrypted copy that the Admin API prints; `digest`: nothing that leads back to the token. */
  readonly tokenStorage: 'encrypted' | 'digest';
  /** When the grant was opened. */
  readonly grantedAt: EpochMilliseconds;

  /** 1 for the first pair of tokens, one more at each rotation. */
  readonly generation: number;
  /** Where its tokens are valid: `service:<id>`, `global`, or the name of a group that shares tokens. */
  readonly boundTo: string;
  /** The service named by Kong's row; `undefined` for a global token. */
  readonly serviceId: string | undefined;
  /** The scope of the current access token: `scope`, or less. */
  readonly accessScope: Scope;
  readonly issuedAt: EpochMilliseconds;
  /** Exclusive: the first instant at which the access token is invalid. `undefined`: it never expires (Kong's `token_expiration=0`). */
  readonly expiresAt: EpochMilliseconds | undefined;
  /** Exclusive: when the refresh token and the row expire. `undefined`: never. */
  readonly refreshExpiresAt: EpochMilliseconds | undefined;
}

/**
 * When the last token of a grant expires; `undefined`: never. A grant without a refresh token ends with its access token,
 * or, if that never expires, at the time that an operator set for the row.
 */
export function lastExpiry(
  { expiresAt, refreshExpiresAt }: Grant,
  hasRefreshToken: boolean,
): EpochMilliseconds | undefined {
  if (!hasRefreshToken) return expiresAt ?? refreshExpiresAt;
  return laterExpiry(expiresAt, refreshExpiresAt);
}

/** The later of two expiry times, where `undefined` means never. */
export function laterExpiry(
  one: EpochMilliseconds | undefined,
  other: EpochMilliseconds | undefined,
): EpochMilliseconds | undefined {
  return one === undefined || other === undefined ? undefined : Math.max(one, other);
}

/** What a valid access token stands for. */
export interface Bearer {
  readonly grant: Grant;
  readonly client: Client;
  readonly consumer: Consumer;
}

/** What an authorization code stands for (RFC 6749 §4.1.2, RFC 7636 §4.4). */
export interface AuthorizationCode {
  /** The id of the grant that the code opens. It is fixed now, so that a replay can revoke the grant before it is opened. */
  readonly grantId: string;
  readonly credentialId: string;
  /** Where it may be redeemed: `service:<id>`, `plugin:<id>`, or the name of a group that shares codes. */
  readonly boundTo: string;
  readonly serviceId: string | undefined;
  readonly subject: string | undefined;
  readonly scope: Scope;
  /** The redirect URI of the request, or the registered one that stands for it. */
  readonly redirectUri: string;
  /** Whether the authorization request named it (RFC 6749 §4.1.3 then requires it again). */
  readonly redirectUriSent: boolean;
  /** The S256 `code_challenge` without padding, or `undefined` when none was sent. */
  readonly codeChallenge: string | undefined;
  readonly issuedAt: EpochMilliseconds;
  /** Exclusive. */
  readonly expiresAt: EpochMilliseconds;
}
