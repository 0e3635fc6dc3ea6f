import type { EpochMilliseconds } from '../oauth/client.ts';
import type { Scope } from '../oauth/scope.ts';
import { type Grant, lastExpiry, type TokenPair } from '../oauth/tokens.ts';
import type { MaybePromise } from './maybe-promise.ts';

/**
 * Grants, each with its current tokens. A store has one record per grant. Every method is one atomic operation that says
 * what happened. Tokens and the members of a grant may be any text, and are compared exactly; a grant returns as it was
 * written, with its members that are undefined. An access token is never found as a refresh token, nor the reverse.
 *
 * An access token is valid only while it is the current one of a grant that is not revoked. A revocation is remembered
 * until every token of the grant has expired (src/oauth/revocation.ts), so tokens that are saved late are refused.
 *
 * A record expires at `recordExpiry` of its current grant and tokens, by the clock of the store: from that instant on no
 * method finds it, and another grant may have its tokens. A record that had expired at the time of a write is deleted: it
 * stays so if the clock is set back afterwards.
 */
export interface Grants {
  /**
   * Records a new grant with its first tokens. Repeating the same call returns `opened` again. `revoked`: the grant was
   * revoked before it was opened; nothing was saved. `taken`: another grant has one of the tokens, current or used, or this
   * grant has other tokens (only possible for tokens that an operator chose); nothing was saved.
   */
  open(grant: Grant, tokens: TokenPair): MaybePromise<'opened' | 'revoked' | 'taken'>;

  /** The grant whose current access token this is, unless it was revoked. It may have expired: the core checks the time. */
  byAccessToken(accessToken: string): MaybePromise<Grant | undefined>;

  /** The grant of a refresh token, current or used, unless the grant was revoked or its row has expired. */
  byRefreshToken(refreshToken: string): MaybePromise<FoundRefreshToken | undefined>;

  /**
   * Replaces the current pair by the next one, if `refreshToken` is the current refresh token of a grant of this client
   * that is not revoked and has not expired. Of any number of attempts with one token exactly one returns `rotated`
   * (repeating that same attempt returns `rotated` again, with the grant as it is then), unless the pair keeps the same
   * refresh token: then each attempt rotates once. The previous access token becomes invalid in the same operation.
   *
   * The replaced refresh token is remembered as used, with its attempt; the last `rememberedRefreshTokens` of a grant, and
   * older ones are unknown. The pair may be without a refresh token. `decideRotation` has all rules, also for used tokens,
   * and `afterRotation` the next grant. An attempt that does not rotate changes nothing.
   */
  rotate(refreshToken: string, by: RotationAttempt): MaybePromise<Rotation>;

  /**
   * From now on the grant and its tokens, current and used, are not found. Until `until` (exclusive) none is saved either;
   * `undefined`: never. The grant may not exist yet. A second revocation never shortens the first.
   */
  revoke(grantId: string, until: EpochMilliseconds | undefined): MaybePromise<void>;

  // For operators: /oauth2_tokens of the Admin API ----------------------------------------------------------------

  /** A grant by its id, with its tokens if `tokenStorage` is `encrypted`; with the hint of `hintOf` otherwise. */
  get(grantId: string): MaybePromise<KeptGrant | undefined>;
  /**
   * Writes over a grant and its tokens. The earlier current tokens are unknown then, not used; a used refresh token may become
   * the current one. `missing`: there is no such grant. `taken`: another grant has one of the tokens; nothing was changed.
   */
  replace(grant: Grant, tokens: TokenPair): MaybePromise<'replaced' | 'missing' | 'taken'>;
  /**
   * In the order of the UTF-16 code units of their ids, after `after`; `next`, the id of the last row, is absent on the last
   * page, also if that page is full. Grants that are opened or revoked between two pages neither repeat nor hide another.
   */
  page(query: GrantQuery): MaybePromise<GrantPage>;
  /** Deletes every grant of these clients and services, however many, some at a time, and returns their ids, each once. */
  removeOf(owners: readonly GrantOwner[]): MaybePromise<readonly string[]>;
}

export type FoundRefreshToken =
  | { readonly found: 'current'; readonly grant: Grant }
  | { readonly found: 'used'; readonly grant: Grant };

export interface RotationAttempt {
  /** Unguessable and new for each request: distinguishes a repeated write from a second use. */
  readonly attempt: string;
  readonly at: EpochMilliseconds;
  /** The grant must be this client's. */
  readonly credentialId: string;
  /** Where the grant must be bound to; `undefined`: anywhere. */
  readonly from: string | undefined;
  /** Where the next pair is valid. */
  readonly boundTo: string;
  readonly serviceId: string | undefined;
  /** Its refresh token may be the one that was sent (Kong's `reuse_refresh_token`). */
  readonly tokens: TokenPair;
  readonly accessScope: Scope;
  readonly expiresAt: EpochMilliseconds | undefined;
  readonly refreshExpiresAt: EpochMilliseconds | undefined;
  /**
   * Milliseconds in which a used token still returns the same successor. The successor must then be derived from the
   * token, so that `tokens` of both attempts are equal. 0: never.
   */
  readonly grace: number;
}

export type Rotation =
  /** `grant` is as it is after the operation. */
  | { readonly outcome: 'rotated'; readonly grant: Grant }
  /** Used a moment ago, within the grace period: the current pair is the one in `tokens`. */
  | { readonly outcome: 'repeated'; readonly grant: Grant }
  /** Used before: the token was copied (RFC 9700 §4.14.2). */
  | { readonly outcome: 'reused'; readonly grant: Grant }
  | { readonly outcome: 'mismatched' }
  | { readonly outcome: 'unknown' };

export interface KeptGrant {
  readonly grant: Grant;
  /** `undefined`: only a digest is stored. */
  readonly accessToken: string | undefined;
  readonly refreshToken: string | undefined;
  /** The first characters of a token that is stored as a digest, to recognise it by. */
  readonly hint: string | undefined;
}

export interface GrantQuery {
  readonly size: number;
  readonly after: string | undefined;
  /** Only grants of this client or service, found by an index: a store never reads those of others. */
  readonly owner?: GrantOwner | undefined;
}

/** A client or a service. */
export type GrantOwner = { readonly credentialId: string } | { readonly serviceId: string };

export interface GrantPage {
  readonly rows: readonly KeptGrant[];
  /** Pass as `after` for the next page. */
  readonly next: string | undefined;
}

// Decisions for stores without a query language ---------------------------------------------------------------------

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
 * The outcome of an attempt to rotate a grant. `rotate`: write the next pair and return `rotated`. The read before this
 * decision and the write after it must be one transaction.
 */
export function decideRotation(
  found: {
    readonly grant: Grant;
    /** How the token was used; `undefined`: it is the current one. */
    readonly used: RefreshTokenUse | undefined;
    /** The attempt that wrote the current pair, if the pair kept the refresh token. */
    readonly keptBy: string | undefined;
    /** Whether the pair of the attempt is the current one. */
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

/** The grant after it was rotated. */
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

/** What an operator may see of a token that is stored as a digest. */
export function hintOf({ accessToken }: TokenPair): string {
  return accessToken.slice(0, 6);
}
