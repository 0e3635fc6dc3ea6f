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
  recordDiesAt,
  type SpentRefreshToken,
} from '../../src/ports/grants.ts';
import { deaths, isDead, type Mortal } from './deaths.ts';
import { orderedIds } from './ordered-ids.ts';

/** How many spent refresh tokens of one grant are remembered, to notice their reuse. */
const remembered = 100;

interface Row extends Mortal {
  readonly grantId: string;
  grant: Grant;
  tokens: TokenPair;
  /** In the order they were spent. */
  readonly spent: Map<string, SpentRefreshToken>;
  /** The attempt that made the current pair, where it kept the refresh token. */
  keptBy: string | undefined;
}

interface EndedGrant extends Mortal {
  readonly grantId: string;
}

export function memoryGrants(clock: Clock): Grants {
  const rows = new Map<string, Row>();
  const byAccessToken = new Map<string, Row>();
  /** Current and spent ones. */
  const byRefreshToken = new Map<string, Row>();
  const ended = new Map<string, EndedGrant>();
  const ids = orderedIds(rows);
  const dying = deaths<Row>(clock, remove);
  const fading = deaths<EndedGrant>(clock, ({ grantId }) => ended.delete(grantId));

  function bury(): void {
    dying.buryDue();
    fading.buryDue();
  }

  function living(row: Row | undefined): Row | undefined {
    return row === undefined || isDead(row, clock.now()) ? undefined : row;
  }

  function holdsAnother(tokens: TokenPair, grantId: string): boolean {
    const access = living(byAccessToken.get(tokens.accessToken));
    const refresh = tokens.refreshToken === undefined ? undefined : living(byRefreshToken.get(tokens.refreshToken));
    return [access, refresh].some((row) => row !== undefined && row.grantId !== grantId);
  }

  function write(row: Row, grant: Grant, tokens: TokenPair): void {
    forget(byAccessToken, row.tokens.accessToken, row);
    row.grant = grant;
    row.tokens = tokens;
    row.diesAt = recordDiesAt(grant, tokens);
    byAccessToken.set(tokens.accessToken, row);
    if (tokens.refreshToken !== undefined) {
      byRefreshToken.set(tokens.refreshToken, row);
      row.spent.delete(tokens.refreshToken);
    }
    dying.expect(row);
  }

  function remove(row: Row): void {
    forget(rows, row.grantId, row);
    forget(byAccessToken, row.tokens.accessToken, row);
    if (row.tokens.refreshToken !== undefined) forget(byRefreshToken, row.tokens.refreshToken, row);
    for (const token of row.spent.keys()) forget(byRefreshToken, token, row);
  }

  function spend(row: Row, refreshToken: string, { attempt, at }: SpentRefreshToken): void {
    row.spent.set(refreshToken, { attempt, at });
    if (row.spent.size <= remembered) return;
    const oldest = row.spent.keys().next().value!;
    row.spent.delete(oldest);
    byRefreshToken.delete(oldest);
  }

  return {
    open(grant, tokens) {
      bury();
      const { grantId } = grant;
      const end = ended.get(grantId);
      if (end !== undefined && !isDead(end, clock.now())) return 'ended';
      const present = living(rows.get(grantId));
      if (present !== undefined) return isSamePair(present.tokens, tokens) ? 'opened' : 'taken';
      if (holdsAnother(tokens, grantId)) return 'taken';
      const dead = rows.get(grantId);
      if (dead !== undefined) remove(dead);
      const row: Row = { grantId, grant, tokens, spent: new Map(), keptBy: undefined, diesAt: undefined };
      rows.set(grantId, row);
      ids.add(grantId);
      write(row, grant, tokens);
      return 'opened';
    },

    byAccessToken: (accessToken) => living(byAccessToken.get(accessToken))?.grant,

    byRefreshToken(refreshToken) {
      const row = living(byRefreshToken.get(refreshToken));
      if (row === undefined) return undefined;
      return { found: row.tokens.refreshToken === refreshToken ? 'current' : 'spent', grant: row.grant };
    },

    rotate(refreshToken, by) {
      bury();
      const row = byRefreshToken.get(refreshToken);
      if (row === undefined) return { outcome: 'unknown' };
      const { grant, tokens, keptBy } = row;
      const isCurrent = tokens.refreshToken === refreshToken;
      const spent = isCurrent ? undefined : row.spent.get(refreshToken);
      const judgement = judgeRotation({ grant, spent, keptBy, inForce: isSamePair(tokens, by.tokens) }, by);
      if (judgement !== 'rotate') return judgement;
      const keeps = by.tokens.refreshToken === refreshToken;
      row.keptBy = keeps ? by.attempt : undefined;
      write(row, afterRotation(grant, by), by.tokens);
      if (!keeps) spend(row, refreshToken, by);
      return { outcome: 'rotated', grant: row.grant };
    },

    end(grantId, until) {
      bury();
      const row = rows.get(grantId);
      if (row !== undefined) remove(row);
      const before = ended.get(grantId);
      const end: EndedGrant = before ?? { grantId, diesAt: until };
      if (before !== undefined) before.diesAt = later(before.diesAt, until);
      else ended.set(grantId, end);
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
      // A token that an operator took away was not spent by anybody.
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
          ? ({ grant }: Row) => grant.credentialId === owner.credentialId
          : ({ grant }: Row) => grant.serviceId === owner.serviceId;
      const theirs = [...rows.values()].filter(isTheirs);
      for (const row of theirs) remove(row);
      return theirs.map(({ grantId }) => grantId);
    },
  };
}

function kept({ grant, tokens }: Row): KeptGrant {
  return grant.retains === 'sealed'
    ? { grant, ...tokens, hint: undefined }
    : { grant, accessToken: undefined, refreshToken: undefined, hint: hintOf(tokens) };
}

/** The key may have gone to another row since. */
function forget(index: Map<string, Row>, key: string, row: Row): void {
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
