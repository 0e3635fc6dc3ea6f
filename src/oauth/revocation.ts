/** How long the revocation of a grant has to be remembered. */
import type { EpochMilliseconds } from './client.ts';
import type { Issuer } from './issuer.ts';
import { type Grant, lastExpiry } from './tokens.ts';

export interface Revoked {
  /** The grant, if it has been opened: its tokens are known. */
  readonly grant?: Grant;
  /** Whether the grant has a refresh token; `true` where this is not known. */
  readonly hasRefreshToken?: boolean;
  /** The issuer of the grant. Where it is not known, the lifetime of the grant's current tokens stands for the next. */
  readonly issuer?: Pick<Issuer, 'accessTokenLifetime' | 'refreshTokenLifetime'>;
  /** The last instant at which a request may have been received that issues tokens of the grant. */
  readonly lastIssuedAt: EpochMilliseconds;
}

/**
 * A revocation is remembered until every token of the grant has expired. `undefined`: it is never forgotten, because a
 * token of the grant might never expire.
 *
 * Two kinds of tokens count: those that the grant holds, and those that a request in progress may still save. A redeemed
 * code opens its grant after the code was marked as used, and a replay may come between the two. A rotation may come
 * between the reading of a grant and its revocation. Such a request was received no later than `lastIssuedAt`, so its
 * tokens expire one lifetime after that instant at the latest, however slow the store is. A store that deletes the tokens
 * of a revoked grant and a store that only marks the grant are both safe.
 */
export function revocationExpiry(
  revoked: Revoked & (Pick<Required<Revoked>, 'grant'> | Pick<Required<Revoked>, 'issuer'>),
): EpochMilliseconds | undefined {
  const { grant, hasRefreshToken = true, issuer, lastIssuedAt } = revoked;
  const held = grant === undefined ? lastIssuedAt : lastExpiry(grant, hasRefreshToken);
  if (held === undefined) return undefined;
  const lifetime = issuer === undefined ? held - (grant?.issuedAt ?? held) : longestLifetime(issuer);
  return lifetime === undefined ? undefined : Math.max(held, lastIssuedAt + lifetime);
}

/** `undefined`: access tokens or refresh tokens of this issuer never expire. */
function longestLifetime({
  accessTokenLifetime,
  refreshTokenLifetime,
}: Required<Revoked>['issuer']): number | undefined {
  return accessTokenLifetime === 0 || refreshTokenLifetime === 0
    ? undefined
    : Math.max(accessTokenLifetime, refreshTokenLifetime);
}
