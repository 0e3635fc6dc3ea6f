import type { EpochMilliseconds } from '../oauth/client.ts';
import type { Scope } from '../oauth/scope.ts';
import { type Grant, lastExpiry, type TokenPair } from '../oauth/tokens.ts';
import type { MaybePromise } from './maybe-promise.ts';

/**
 * Grants and the pair of tokens that stands for each of them now. One record per grant; every method is one
 * indivisible act that says what happened.
 *
 * An access token lives iff it is the current one of a grant that was not ended. An ended grant's record outlives its
 * longest token, so that nothing saved late survives a revocation.
 */
export interface Grants {
  /**
   * Records a new grant with its first tokens. `ended`: it had been ended before it could be opened; nothing was saved.
   * `taken`: another grant holds one of the tokens already (only possible for tokens that an operator chose).
   */
  open(grant: Grant, tokens: TokenPair): MaybePromise<'opened' | 'revoked' | 'taken'>;

  /** The grant whose current access token this is, unless it was ended. Expired ones may still be told: the core judges the time. */
  byAccessToken(accessToken: string): MaybePromise<Grant | undefined>;

  /** The grant of a refresh token, current or already used, unless it was ended or its row has died. */
  byRefreshToken(refreshToken: string): MaybePromise<FoundRefreshToken | undefined>;

  /**
   * Puts the next pair in the place of the current one, if `refreshToken` is the current refresh token of a grant of
   * this client that was not ended and has not died. Of any number of attempts with one token exactly one is told
   * `rotated` (and told so again if the same attempt is repeated), unless the pair keeps the same refresh token. The
   * access token before is dead in the same act.
   */
  rotate(refreshToken: string, by: RotationAttempt): MaybePromise<Rotation>;

  /** After this no token of the grant is found and none is saved, until `until`, which must outlast the longest of them. */
  revoke(grantId: string, until: EpochMilliseconds | undefined): MaybePromise<void>;

  // What an operator asks, by the Admin API's /oauth2_tokens ------------------------------------------------------

  /** A live grant by its id, with its tokens as far as they are retained. */
  get(grantId: string): MaybePromise<KeptGrant | undefined>;
  /** Writes over a grant, tokens and all. `missing` when there is none. */
  replace(grant: Grant, tokens: TokenPair): MaybePromise<'replaced' | 'missing' | 'taken'>;
  /** In the order of their ids, after `after`; `next` is absent on the last page. */
  page(query: GrantQuery): MaybePromise<GrantPage>;
  /** Ends and forgets every grant of a client or a service; tells their ids. */
  removeOf(owner: { readonly credentialId: string } | { readonly serviceId: string }): MaybePromise<readonly string[]>;
}

export type FoundRefreshToken =
  | { readonly found: 'current'; readonly grant: Grant }
  | { readonly found: 'used'; readonly grant: Grant };

export interface RotationAttempt {
  /** Unguessable and new for each request; lets a repeated write be told from a reuse. */
  readonly attempt: string;
  readonly at: EpochMilliseconds;
  /** The grant must be this client's. */
  readonly credentialId: string;
  /** Where the grant must be bound to; `undefined`: anywhere. */
  readonly from: string | undefined;
  /** Where the next pair is bound to. */
  readonly boundTo: string;
  readonly serviceId: string | undefined;
  /** Its refresh token may be the very one that is presented (Kong's `reuse_refresh_token`). */
  readonly tokens: TokenPair;
  readonly accessScope: Scope;
  readonly expiresAt: EpochMilliseconds | undefined;
  readonly refreshExpiresAt: EpochMilliseconds | undefined;
  /**
   * Milliseconds for which the token just used is answered with its same successor again. The successor must then
   * have been derived from it, so that `tokens` of both attempts are equal. 0: never.
   */
  readonly grace: number;
}

export type Rotation =
  /** `grant` is as it stands after the act. */
  | { readonly outcome: 'rotated'; readonly grant: Grant }
  /** CodeUse a moment ago, within the grace: the successor in force is the one in `tokens`. */
  | { readonly outcome: 'repeated'; readonly grant: Grant }
  /** CodeUse before: somebody holds a copy (RFC 9700 §4.14.2). */
  | { readonly outcome: 'reused'; readonly grant: Grant }
  | { readonly outcome: 'mismatched' }
  | { readonly outcome: 'unknown' };

export interface KeptGrant {
  readonly grant: Grant;
  /** `undefined` where only a digest is retained. */
  readonly accessToken: string | undefined;
  readonly refreshToken: string | undefined;
  /** The first characters of a token that is retained as a digest, to recognise it by. */
  readonly hint: string | undefined;
}

export interface GrantQuery {
  readonly size: number;
  readonly after: string | undefined;
  readonly credentialId?: string;
}

export interface GrantPage {
  readonly rows: readonly KeptGrant[];
  /** Pass as `after` for the next page. */
  readonly next: string | undefined;
}

// What stores without a query language decide by --------------------------------------------------------------------

/** When a store may delete the record of a grant: when its last token has expired. `undefined`: never. */
export function recordExpiry(grant: Grant, tokens: TokenPair): EpochMilliseconds | undefined {
  return lastExpiry(grant, tokens.refreshToken !== undefined);
}

/** How many used refresh tokens of one grant a store remembers, to detect that one is used again. */
export const rememberedRefreshTokens = 100;

/** How a refresh token was used. */
export interface RefreshTokenUse {
  readonly attempt: string;
  readonly at: EpochMilliseconds;
}

/**
 * What to tell an attempt to rotate a grant; `rotate` means: do so, and tell `rotated`. To be decided between one read
 * and one write that nobody else comes between.
 */
export function decideRotation(
  found: {
    readonly grant: Grant;
    /** How the presented token was used; `undefined` when it is the current one. */
    readonly used: RefreshTokenUse | undefined;
    /** The attempt that made the current pair, where it kept the refresh token. */
    readonly keptBy: string | undefined;
    /** Whether the pair of the attempt is the one in force. */
    readonly isCurrentPair: boolean;
  },
  by: RotationAttempt,
): Rotation | 'rotate' {
  const { grant, used, keptBy, isCurrentPair } = found;
  if (grant.refreshExpiresAt !== undefined && grant.refreshExpiresAt <= by.at) return { outcome: 'unknown' };
  if (grant.credentialId !== by.credentialId) return { outcome: 'mismatched' };
  if (by.from !== undefined && grant.boundTo !== by.from) return { outcome: 'mismatched' };
  if (used === undefined) return keptBy === by.attempt ? { outcome: 'rotated', grant } : 'rotate';
  if (used.attempt === by.attempt) return { outcome: 'rotated', grant };
  return { outcome: isCurrentPair && by.at < used.at + by.grace ? 'repeated' : 'reused', grant };
}

/** The grant as it stands after it was rotated. */
export function afterRotation(grant: Grant, by: RotationAttempt): Grant {
  return {
    ...grant,
    generation: grant.generation + 1,
    boundTo: by.boundTo,
    serviceId: by.serviceId,
    accessScope: by.accessScope,
    issuedAt: by.at,
    expiresAt: by.expiresAt,
    refreshExpiresAt: by.refreshExpiresAt,
  };
}

/** What an operator may see of a token of which only a digest is retained. */
export function hintOf({ accessToken }: TokenPair): string {
  return accessToken.slice(0, 6);
}
