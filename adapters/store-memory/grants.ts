/** Grants in memory. Every operation is synchronous, hence atomic. The data is lost when the process exits. */
import { type Grant, laterExpiry, type TokenPair } from '../../src/oauth/tokens.ts';
import type { Clock } from '../../src/ports/clock.ts';
import {
  afterRotation,
  decideRotation,
  type GrantOwner,
  type GrantQuery,
  type Grants,
  hintOf,
  type KeptGrant,
  type RefreshTokenUse,
  recordExpiry,
  rememberedRefreshTokens,
} from '../../src/ports/grants.ts';
import { takePage } from '../../src/records/pages.ts';
import { type Expiring, expiries, isExpired } from './expiries.ts';
import { type OrderedIds, orderedIds } from './ordered-ids.ts';

interface GrantRow extends Expiring {
  readonly grantId: string;
  grant: Grant;
  tokens: TokenPair;
  /** In the order in which they were used. */
  readonly used: Map<string, RefreshTokenUse>;
  /** The attempt that issued the current pair, if that kept the refresh token. */
  keptBy: string | undefined;
}

interface RevokedGrant extends Expiring {
  readonly grantId: string;
}

export function memoryGrants(clock: Clock): Grants {
  const rows = new Map<string, GrantRow>();
  const byAccessToken = new Map<string, GrantRow>();
  /** By current and by used refresh tokens. */
  const byRefreshToken = new Map<string, GrantRow>();
  const revoked = new Map<string, RevokedGrant>();
  const ids = orderedIds();
  /** The ids of the grants of each client and each service. */
  const owned = new Map<string, OrderedIds>();
  const expiringRows = expiries<GrantRow>(clock, remove);
  const expiringRevocations = expiries<RevokedGrant>(clock, ({ grantId }) => revoked.delete(grantId));

  function sweep(): void {
    expiringRows.sweep();
    expiringRevocations.sweep();
  }

  function unexpired(row: GrantRow | undefined): GrantRow | undefined {
    return row === undefined || isExpired(row, clock.now()) ? undefined : row;
  }

  function holdsAnother(tokens: TokenPair, grantId: string): boolean {
    const access = unexpired(byAccessToken.get(tokens.accessToken));
    const refresh = tokens.refreshToken === undefined ? undefined : unexpired(byRefreshToken.get(tokens.refreshToken));
    return [access, refresh].some((row) => row !== undefined && row.grantId !== grantId);
  }

  function write(row: GrantRow, grant: Grant, tokens: TokenPair): void {
    unindex(byAccessToken, row.tokens.accessToken, row);
    disown(row);
    row.grant = grant;
    for (const owner of ownersOf(grant)) {
      const there = owned.get(owner) ?? orderedIds();
      owned.set(owner, there);
      there.add(grant.grantId);
    }
    row.tokens = tokens;
    row.deleteAt = recordExpiry(grant, tokens);
    byAccessToken.set(tokens.accessToken, row);
    if (tokens.refreshToken !== undefined) {
      byRefreshToken.set(tokens.refreshToken, row);
      row.used.delete(tokens.refreshToken);
    }
    expiringRows.schedule(row);
  }

  function disown({ grant }: GrantRow): void {
    for (const owner of ownersOf(grant)) {
      const there = owned.get(owner);
      there?.delete(grant.grantId);
      if (there?.size === 0) owned.delete(owner);
    }
  }

  function remove(row: GrantRow): void {
    unindex(rows, row.grantId, row);
    ids.delete(row.grantId);
    disown(row);
    unindex(byAccessToken, row.tokens.accessToken, row);
    if (row.tokens.refreshToken !== undefined) unindex(byRefreshToken, row.tokens.refreshToken, row);
    for (const token of row.used.keys()) unindex(byRefreshToken, token, row);
  }

  function markUsed(row: GrantRow, refreshToken: string, { attempt, at }: RefreshTokenUse): void {
    row.used.set(refreshToken, { attempt, at });
    if (row.used.size <= rememberedRefreshTokens) return;
    const oldest = row.used.keys().next().value!;
    row.used.delete(oldest);
    byRefreshToken.delete(oldest);
  }

  function* unexpiredAfter({ after, owner }: GrantQuery): Iterable<GrantRow> {
    for (const id of (owner === undefined ? ids : owned.get(ownerName(owner)))?.from(after) ?? []) {
      const row = unexpired(rows.get(id));
      if (row !== undefined && id !== after) yield row;
    }
  }

  return {
    open(grant, tokens) {
      sweep();
      const { grantId } = grant;
      const revocation = revoked.get(grantId);
      if (revocation !== undefined && !isExpired(revocation, clock.now())) return 'revoked';
      const present = unexpired(rows.get(grantId));
      if (present !== undefined) return isSamePair(present.tokens, tokens) ? 'opened' : 'taken';
      if (holdsAnother(tokens, grantId)) return 'taken';
      const expired = rows.get(grantId);
      if (expired !== undefined) remove(expired);
      const row: GrantRow = { grantId, grant, tokens, used: new Map(), keptBy: undefined, deleteAt: undefined };
      rows.set(grantId, row);
      ids.add(grantId);
      write(row, grant, tokens);
      return 'opened';
    },

    byAccessToken: (accessToken) => unexpired(byAccessToken.get(accessToken))?.grant,

    byRefreshToken(refreshToken) {
      const row = unexpired(byRefreshToken.get(refreshToken));
      if (row === undefined) return undefined;
      return { found: row.tokens.refreshToken === refreshToken ? 'current' : 'used', grant: row.grant };
    },

    rotate(refreshToken, by) {
      sweep();
      const row = byRefreshToken.get(refreshToken);
      if (row === undefined) return { outcome: 'unknown' };
      const { grant, tokens, keptBy } = row;
      const isCurrent = tokens.refreshToken === refreshToken;
      const used = isCurrent ? undefined : row.used.get(refreshToken);
      const decision = decideRotation({ grant, used, keptBy, isCurrentPair: isSamePair(tokens, by.tokens) }, by);
      if (decision !== 'rotate') return decision;
      const keeps = by.tokens.refreshToken === refreshToken;
      row.keptBy = keeps ? by.attempt : undefined;
      write(row, afterRotation(grant, by), by.tokens);
      if (!keeps) markUsed(row, refreshToken, by);
      return { outcome: 'rotated', grant: row.grant };
    },

    revoke(grantId, until) {
      sweep();
      const row = rows.get(grantId);
      if (row !== undefined) remove(row);
      const before = revoked.get(grantId);
      const revocation: RevokedGrant = before ?? { grantId, deleteAt: until };
      if (before !== undefined) before.deleteAt = laterExpiry(before.deleteAt, until);
      else revoked.set(grantId, revocation);
      expiringRevocations.schedule(revocation);
    },

    get(grantId) {
      const row = unexpired(rows.get(grantId));
      return row === undefined ? undefined : kept(row);
    },

    replace(grant, tokens) {
      sweep();
      const row = unexpired(rows.get(grant.grantId));
      if (row === undefined) return 'missing';
      if (holdsAnother(tokens, grant.grantId)) return 'taken';
      // A token that an operator replaces was not used.
      if (row.tokens.refreshToken !== undefined) byRefreshToken.delete(row.tokens.refreshToken);
      row.keptBy = undefined;
      write(row, grant, tokens);
      return 'replaced';
    },

    page(query) {
      const { rows: page, next } = takePage(unexpiredAfter(query), query.size, ({ grantId }) => grantId);
      return { rows: page.map(kept), next };
    },

    removeOf(owners) {
      sweep();
      const removed: string[] = [];
      for (const owner of owners) {
        for (const id of [...(owned.get(ownerName(owner))?.from(undefined) ?? [])]) {
          remove(rows.get(id)!);
          removed.push(id);
        }
      }
      return removed;
    },
  };
}

function ownersOf({ credentialId, serviceId }: Grant): readonly string[] {
  const client = ownerName({ credentialId });
  return serviceId === undefined ? [client] : [client, ownerName({ serviceId })];
}

function ownerName(owner: GrantOwner): string {
  return 'credentialId' in owner ? `client ${owner.credentialId}` : `service ${owner.serviceId}`;
}

function kept({ grant, tokens }: GrantRow): KeptGrant {
  return grant.tokenStorage === 'encrypted'
    ? { grant, ...tokens, hint: undefined }
    : { grant, accessToken: undefined, refreshToken: undefined, hint: hintOf(tokens) };
}

/** Another row may hold the key since. */
function unindex(index: Map<string, GrantRow>, key: string, row: GrantRow): void {
  if (index.get(key) === row) index.delete(key);
}

function isSamePair(one: TokenPair, other: TokenPair): boolean {
  return one.accessToken === other.accessToken && one.refreshToken === other.refreshToken;
}
