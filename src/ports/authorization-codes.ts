import type { EpochMilliseconds } from '../oauth/client.ts';
import type { AuthorizationCode } from '../oauth/tokens.ts';
import type { MaybePromise } from './maybe-promise.ts';

/**
 * Authorization codes (RFC 6749 §4.1.2). Every method is one atomic operation that says what happened. Codes and the values
 * of records may be any text, and are compared exactly.
 */
export interface AuthorizationCodes {
  /** Saves a code, unused. A code that is there already stays as it is: repeating a save does not make a used code valid. */
  save(code: string, record: AuthorizationCode): MaybePromise<void>;
  /**
   * Of any number of attempts for one code, in any order, on any node, exactly one returns `redeemed` (repeating that same
   * attempt returns `redeemed` again). An attempt whose bindings differ returns `mismatched`; an attempt of another client
   * does not change the code. A redeemed code stays until it expires, marked as used, so that a replay is detected. The same
   * holds for a code that its client used up by a mismatch, where the attempt says so. `decideRedemption` has all rules.
   *
   * A code is `unknown` from the instant `expiresAt` on, and stays so: an attempt with an earlier `at`, after a clock was set
   * back, does not find it. The record returns as it was saved, with its members that are undefined.
   */
  redeem(code: string, by: RedemptionAttempt): MaybePromise<Redemption>;
}

export interface RedemptionAttempt {
  /** Unguessable and new for each request: distinguishes a repeated write from a replay. */
  readonly attempt: string;
  readonly at: EpochMilliseconds;
  /** The code must be this client's. */
  readonly credentialId: string;
  readonly boundTo: string;
  /** The `redirect_uri` of the token request, if it has one: it must equal that of the code. */
  readonly redirectUri: string | undefined;
  /** Whether the token request must repeat the redirect URI of the authorization request (RFC 6749 §4.1.3). */
  readonly redirectUriRequired: boolean;
  /** The S256 challenge computed from the `code_verifier`; `undefined` when there was no well-formed verifier. */
  readonly codeChallenge: string | undefined;
  /** What happens to a code that was saved without a challenge. */
  readonly unchallenged: 'accept' | 'refuse';
  /** What happens to the code when its own client sends a wrong redirect URI or verifier. */
  readonly ownMismatch: 'keeps' | 'invalidates';
}

/** In the order in which they are checked: the first that fails is reported. */
export type Binding = 'client' | 'boundTo' | 'redirectUri' | 'codeChallenge';

export type Redemption =
  | { readonly outcome: 'redeemed'; readonly record: AuthorizationCode }
  | { readonly outcome: 'replayed'; readonly grantId: string; readonly expiresAt: EpochMilliseconds }
  | { readonly outcome: 'mismatched'; readonly binding: Binding }
  | { readonly outcome: 'unknown' };

/** How a code was used: by which attempt, and why that attempt was refused, if it was. */
export interface CodeUse {
  readonly attempt: string;
  readonly mismatch: Binding | undefined;
}

/**
 * The outcome of an attempt, and the use to record for the code, if any. For stores without a query language; the read
 * before this decision and the write after it must be one transaction.
 */
export function decideRedemption(
  record: AuthorizationCode | undefined,
  used: CodeUse | undefined,
  by: RedemptionAttempt,
): { readonly redemption: Redemption; readonly use: CodeUse | undefined } {
  if (record === undefined || record.expiresAt <= by.at) return { redemption: { outcome: 'unknown' }, use: undefined };
  const mismatch = mismatchOf(record, by);
  // Only the client of the code can cause a replay: another client does not learn that the code was redeemed.
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
  // The same attempt again: it gets the same outcome.
  if (used?.mismatch !== undefined) {
    return { redemption: { outcome: 'mismatched', binding: used.mismatch }, use: undefined };
  }
  const use = used === undefined ? { attempt: by.attempt, mismatch: undefined } : undefined;
  return { redemption: { outcome: 'redeemed', record }, use };
}

/** The first binding of `record` that the attempt does not match. */
function mismatchOf(record: AuthorizationCode, by: RedemptionAttempt): Binding | undefined {
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
