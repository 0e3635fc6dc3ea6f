/** Grants in memory. Every act is synchronous, hence indivisible. Nothing here outlives the process. */
import type { EpochMilliseconds } from '../../src/oauth/client.ts';
import type { Grant, TokenPair } from '../../src/oauth/tokens.ts';
import type { Clock } from '../../src/ports/clock.ts';
import {
  afterRotation,
  type Grants,
  hintOf,
  judgeRotation,
  type KeptGrant,
  type RefreshTokenUse,
  recordExpiry,
} from '../../src/ports/grants.ts';
import { type Expiring, expiries, isExpired } from './expiries.ts';
import { orderedIds } from './ordered-ids.ts';

/** How many used refresh tokens of one grant are remembered, to notice their reuse. */
const remembered = 100;

interface GrantRow extends Expiring {
  readonly grantId: string;
  grant: Grant;
  tokens: TokenPair;
  /** In the order they were used. */
  readonly used: Map<string, RefreshTokenUse>;
  /** The attempt that made the current pair, where it kept the refresh token. */
  keptBy: string | undefined;
}

interface RevokedGrant extends Expiring {
  readonly grantId: string;
}

export function memoryGrants(clock: Clock): Grants {
  const rows = new Map<string, GrantRow>();
  const byAccessToken = new Map<string, GrantRow>();
  /** Current and used ones. */
  const byRefreshToken = new Map<string, GrantRow>();
  const revoked = new Map<string, RevokedGrant>();
  const ids = orderedIds(rows);
  const dying = expiries<GrantRow>(clock, remove);
  const fading = expiries<RevokedGrant>(clock, ({ grantId }) => revoked.delete(grantId));

  function bury(): void {
    dying.sweepExpired();
    fading.sweepExpired();
  }

  function living(row: GrantRow | undefined): GrantRow | undefined {
    return row === undefined || isExpired(row, clock.now()) ? undefined : row;
  }

  function holdsAnother(tokens: TokenPair, grantId: string): boolean {
    const access = living(byAccessToken.get(tokens.accessToken));
    const refresh = tokens.refreshToken === undefined ? undefined : living(byRefreshToken.get(tokens.refreshToken));
    return [access, refresh].some((row) => row !== undefined && row.grantId !== grantId);
  }

  function write(row: GrantRow, grant: Grant, tokens: TokenPair): void {
    forget(byAccessToken, row.tokens.accessToken, row);
    row.grant = grant;
    row.tokens = tokens;
    row.deleteAt = recordExpiry(grant, tokens);
    byAccessToken.set(tokens.accessToken, row);
    if (tokens.refreshToken !== undefined) {
      byRefreshToken.set(tokens.refreshToken, row);
      row.used.delete(tokens.refreshToken);
    }
    dying.expect(row);
  }

  function remove(row: GrantRow): void {
    forget(rows, row.grantId, row);
    forget(byAccessToken, row.tokens.accessToken, row);
    if (row.tokens.refreshToken !== undefined) forget(byRefreshToken, row.tokens.refreshToken, row);
    for (const token of row.used.keys()) forget(byRefreshToken, token, row);
  }

  function spend(row: GrantRow, refreshToken: string, { attempt, at }: RefreshTokenUse): void {
    row.used.set(refreshToken, { attempt, at });
    if (row.used.size <= remembered) return;
    const oldest = row.used.keys().next().value!;
    row.used.delete(oldest);
    byRefreshToken.delete(oldest);
  }

  return {
    open(grant, tokens) {
      bury();
      const { grantId } = grant;
      const end = revoked.get(grantId);
      if (end !== undefined && !isExpired(end, clock.now())) return 'revoked';
      const present = living(rows.get(grantId));
      if (present !== undefined) return isSamePair(present.tokens, tokens) ? 'opened' : 'taken';
      if (holdsAnother(tokens, grantId)) return 'taken';
      const dead = rows.get(grantId);
      if (dead !== undefined) remove(dead);
      const row: GrantRow = { grantId, grant, tokens, used: new Map(), keptBy: undefined, deleteAt: undefined };
      rows.set(grantId, row);
      ids.add(grantId);
      write(row, grant, tokens);
      return 'opened';
    },

    byAccessToken: (accessToken) => living(byAccessToken.get(accessToken))?.grant,

    byRefreshToken(refreshToken) {
      const row = living(byRefreshToken.get(refreshToken));
      if (row === undefined) return undefined;
      return { found: row.tokens.refreshToken === refreshToken ? 'current' : 'used', grant: row.grant };
    },

    rotate(refreshToken, by) {
      bury();
      const row = byRefreshToken.get(refreshToken);
      if (row === undefined) return { outcome: 'unknown' };
      const { grant, tokens, keptBy } = row;
      const isCurrent = tokens.refreshToken === refreshToken;
      const used = isCurrent ? undefined : row.used.get(refreshToken);
      const judgement = judgeRotation({ grant, used, keptBy, inForce: isSamePair(tokens, by.tokens) }, by);
      if (judgement !== 'rotate') return judgement;
      const keeps = by.tokens.refreshToken === refreshToken;
      row.keptBy = keeps ? by.attempt : undefined;
      write(row, afterRotation(grant, by), by.tokens);
      if (!keeps) spend(row, refreshToken, by);
      return { outcome: 'rotated', grant: row.grant };
    },

    revoke(grantId, until) {
      bury();
      const row = rows.get(grantId);
      if (row !== undefined) remove(row);
      const before = revoked.get(grantId);
      const end: RevokedGrant = before ?? { grantId, deleteAt: until };
      if (before !== undefined) before.deleteAt = later(before.deleteAt, until);
      else revoked.set(grantId, end);
      fading.expect(end);
    },

    get(grantId) {
      const row = living(rows.get(grantId));
      return row === undefined ? undefined : kept(row);
    },

    replace(grant, tokens) {
      bury();
      const row = living(rows.get(grant.grantId));
      if (row === undefined) return 'missing';
      if (holdsAnother(tokens, grant.grantId)) return 'taken';
      // A token that an operator took away was not used by anybody.
      if (row.tokens.refreshToken !== undefined) byRefreshToken.delete(row.tokens.refreshToken);
      row.keptBy = undefined;
      write(row, grant, tokens);
      return 'replaced';
    },

    page({ size, after, credentialId }) {
      const found: KeptGrant[] = [];
      let last: string | undefined;
      for (const id of ids.after(after)) {
        const row = living(rows.get(id));
        if (row === undefined || (credentialId !== undefined && row.grant.credentialId !== credentialId)) continue;
        if (found.length === size) return { rows: found, next: last };
        found.push(kept(row));
        last = id;
      }
      return { rows: found, next: undefined };
    },

    removeOf(owner) {
      bury();
      const isTheirs =
        'credentialId' in owner
          ? ({ grant }: GrantRow) => grant.credentialId === owner.credentialId
          : ({ grant }: GrantRow) => grant.serviceId === owner.serviceId;
      const theirs = [...rows.values()].filter(isTheirs);
      for (const row of theirs) remove(row);
      return theirs.map(({ grantId }) => grantId);
    },
  };
}

function kept({ grant, tokens }: GrantRow): KeptGrant {
  return grant.retains === 'encrypted'
    ? { grant, ...tokens, hint: undefined }
    : { grant, accessToken: undefined, refreshToken: undefined, hint: hintOf(tokens) };
}

/** The key may have gone to another row since. */
function forget(index: Map<string, GrantRow>, key: string, row: GrantRow): void {
  if (index.get(key) === row) index.delete(key);
}

function isSamePair(one: TokenPair, other: TokenPair): boolean {
  return one.accessToken === other.accessToken && one.refreshToken === other.refreshToken;
}

function later(
  one: EpochMilliseconds | undefined,
  other: EpochMilliseconds | undefined,
): EpochMilliseconds | undefined {
  return one === undefined || other === undefined ? undefined : Math.max(one, other);
}
