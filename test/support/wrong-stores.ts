/**
 * Stores that are wrong on purpose, each in a way that real ones have been. A test of a race that they pass is no test.
 */
import type fc from 'fast-check';
import { memoryAuthorizationCodes } from '../../adapters/store-memory/authorization-codes.ts';
import { memoryGrants } from '../../adapters/store-memory/grants.ts';
import type { Grant, TokenPair } from '../../src/oauth/tokens.ts';
import { type AuthorizationCodes, type CodeUse, decideRedemption } from '../../src/ports/authorization-codes.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { afterRotation, decideRotation, type Grants, type RefreshTokenUse } from '../../src/ports/grants.ts';
import { elsewhere } from './scheduled.ts';

/** Looks first and marks later (node-oidc-provider's and fosite's storage): two attempts may pass between the two. */
export function codesMarkedLater(s: fc.Scheduler): AuthorizationCodes {
  const rows = new Map<
    string,
    { readonly record: Parameters<AuthorizationCodes['save']>[1]; used: CodeUse | undefined }
  >();
  return {
    save: (code, record) => void rows.set(code, { record, used: undefined }),
    async redeem(code, by) {
      const row = rows.get(code);
      const { redemption, use } = decideRedemption(row?.record, row?.used, by);
      await elsewhere(s);
      if (row !== undefined && use !== undefined) row.used = use;
      return redemption;
    },
  };
}

/** Forgets a code when it is redeemed, as Kong does: for a replay the code is unknown. */
export function codesForgotten(clock: Clock): AuthorizationCodes {
  const codes = memoryAuthorizationCodes(clock);
  const gone = new Set<string>();
  return {
    save: codes.save,
    redeem(code, by) {
      if (gone.has(code)) return { outcome: 'unknown' };
      gone.add(code);
      return codes.redeem(code, by);
    },
  };
}

/** Ends what is there, and nothing that is on its way. */
export function grantsWithoutMemoryOfEnds(clock: Clock): Grants {
  const grants = memoryGrants(clock);
  return {
    ...grants,
    // A record that is ended for no time at all is forgotten at once.
    revoke: (grantId) => grants.revoke(grantId, clock.now()),
  };
}

/** Looks whether a token is current, and puts the next one in its place later, whatever has happened since. */
export function grantsRotatedLater(s: fc.Scheduler, clock: Clock): Grants {
  const inner = memoryGrants(clock);
  const rows = new Map<string, { grant: Grant; tokens: TokenPair; readonly used: Map<string, RefreshTokenUse> }>();
  const rowOf = (refreshToken: string) =>
    [...rows.values()].find(({ tokens, used }) => tokens.refreshToken === refreshToken || used.has(refreshToken));
  return {
    ...inner,
    open(grant, tokens) {
      rows.set(grant.grantId, { grant, tokens, used: new Map() });
      return 'opened';
    },
    byAccessToken: (token) => [...rows.values()].find(({ tokens }) => tokens.accessToken === token)?.grant,
    byRefreshToken(token) {
      const row = rowOf(token);
      return row === undefined ? undefined : { found: row.used.has(token) ? 'used' : 'current', grant: row.grant };
    },
    async rotate(token, by) {
      const row = rowOf(token);
      if (row === undefined) return { outcome: 'unknown' };
      const judgement = decideRotation(
        { grant: row.grant, used: row.used.get(token), keptBy: undefined, isCurrentPair: false },
        by,
      );
      await elsewhere(s);
      if (judgement !== 'rotate') return judgement;
      row.used.set(token, { attempt: by.attempt, at: by.at });
      row.grant = afterRotation(row.grant, by);
      row.tokens = by.tokens;
      // Writes the row again, even if it was removed in between.
      rows.set(row.grant.grantId, row);
      return { outcome: 'rotated', grant: row.grant };
    },
    revoke: (grantId) => void rows.delete(grantId),
  };
}
