import type { EpochMilliseconds } from '../oauth/client.ts';
import type { AuthorizationCode } from '../oauth/tokens.ts';
import type { MaybePromise } from './maybe-promise.ts';

/** Authorization codes (RFC 6749 §4.1.2). Every method is one indivisible act that says what happened. */
export interface AuthorizationCodes {
  save(code: string, record: AuthorizationCode): MaybePromise<void>;
  /**
   * Of any number of attempts for one code, in any order, on any node, exactly one is told `redeemed` (and the same
   * attempt is told so again if it is repeated). An attempt whose bindings do not match is told `mismatched`; a
   * stranger's costs the owner nothing. A redeemed code stays, marked, until it expires, so that a replay is noticed.
   * An expired code is `unknown`.
   */
  redeem(code: string, by: RedemptionAttempt): MaybePromise<Redemption>;
}

export interface RedemptionAttempt {
  /** Unguessable and new for each request; lets a repeated write be told from a replay. */
  readonly attempt: string;
  readonly at: EpochMilliseconds;
  /** The code must be this client's. */
  readonly credentialId: string;
  readonly boundTo: string;
  /** The `redirect_uri` of the token request, if it had one: it must then equal the one in force. */
  readonly redirectUri: string | undefined;
  /** Whether a code whose authorization request named a redirect URI needs it again (RFC 6749 §4.1.3). */
  readonly redirectUriRequired: boolean;
  /** The S256 challenge computed from the `code_verifier`; `undefined` when there was no well-formed verifier. */
  readonly codeChallenge: string | undefined;
  /** What happens to a code that was saved without a challenge. */
  readonly unchallenged: 'accept' | 'refuse';
  /** What a mismatch of redirect URI or challenge by the code's own client costs it. */
  readonly ownMismatch: 'keeps' | 'invalidates';
}

/** In the order they are looked at: the first that fails is the one told. */
export type Binding = 'client' | 'boundTo' | 'redirectUri' | 'codeChallenge';

export type Redemption =
  | { readonly outcome: 'redeemed'; readonly record: AuthorizationCode }
  | { readonly outcome: 'replayed'; readonly grantId: string; readonly expiresAt: EpochMilliseconds }
  | { readonly outcome: 'mismatched'; readonly binding: Binding }
  | { readonly outcome: 'unknown' };

/** How a code was used: by which attempt, and, if by one that was refused, for what. */
export interface CodeUse {
  readonly attempt: string;
  readonly mismatch: Binding | undefined;
}

/**
 * What to tell an attempt, and what to write down about the code, if anything. Stores without a query language decide by
 * this, between one read and one write that nobody else comes between.
 */
export function decideRedemption(
  record: AuthorizationCode | undefined,
  used: CodeUse | undefined,
  by: RedemptionAttempt,
): { readonly redemption: Redemption; readonly use: CodeUse | undefined } {
  if (record === undefined || record.expiresAt <= by.at) return { redemption: { outcome: 'unknown' }, use: undefined };
  const mismatch = mismatchOf(record, by);
  // A stranger is never told that a code was redeemed: what a replay costs is for the code's own client to cause.
  if (mismatch === 'client' || mismatch === 'boundTo') {
    return { redemption: { outcome: 'mismatched', binding: mismatch }, use: undefined };
  }
  if (used !== undefined && used.attempt !== by.attempt) {
    const { grantId, expiresAt } = record;
    return { redemption: { outcome: 'replayed', grantId, expiresAt }, use: undefined };
  }
  if (mismatch !== undefined) {
    const use = by.ownMismatch === 'invalidates' ? { attempt: by.attempt, mismatch } : undefined;
    return { redemption: { outcome: 'mismatched', binding: mismatch }, use };
  }
  // The same attempt again: it is told what it was told before.
  if (used?.mismatch !== undefined) {
    return { redemption: { outcome: 'mismatched', binding: used.mismatch }, use: undefined };
  }
  const use = used === undefined ? { attempt: by.attempt, mismatch: undefined } : undefined;
  return { redemption: { outcome: 'redeemed', record }, use };
}

/** The first binding of `record` that the attempt does not meet. Stores without a query language decide by this. */
export function mismatchOf(record: AuthorizationCode, by: RedemptionAttempt): Binding | undefined {
  if (record.credentialId !== by.credentialId) return 'client';
  if (record.boundTo !== by.boundTo) return 'boundTo';
  // "ensure that the "redirect_uri" parameter is present if the "redirect_uri" parameter was included in the initial
  // authorization request [...], and if included ensure that their values are identical." (RFC 6749 §4.1.3)
  if (by.redirectUri === undefined) {
    if (by.redirectUriRequired && record.redirectUriSent) return 'redirectUri';
  } else if (by.redirectUri !== record.redirectUri) return 'redirectUri';
  if (record.codeChallenge === undefined) return by.unchallenged === 'refuse' ? 'codeChallenge' : undefined;
  return record.codeChallenge === by.codeChallenge ? undefined : 'codeChallenge';
}
