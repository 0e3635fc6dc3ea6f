/** Authorization codes in memory. Every act is synchronous, hence indivisible. */
import type { AuthorizationCode } from '../../src/oauth/tokens.ts';
import { type AuthorizationCodes, type CodeUse, judgeRedemption } from '../../src/ports/authorization-codes.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { type Expiring, expiries } from './expiries.ts';

interface CodeRow extends Expiring {
  readonly code: string;
  readonly record: AuthorizationCode;
  used: CodeUse | undefined;
}

export function memoryAuthorizationCodes(clock: Clock): AuthorizationCodes {
  const rows = new Map<string, CodeRow>();
  const dying = expiries<CodeRow>(clock, ({ code }) => rows.delete(code));

  return {
    save(code, record) {
      dying.sweepExpired();
      // A repeated save must not bring back a code that was redeemed in between.
      if (rows.has(code)) return;
      const row: CodeRow = { code, record, used: undefined, deleteAt: record.expiresAt };
      rows.set(code, row);
      dying.expect(row);
    },

    redeem(code, by) {
      dying.sweepExpired();
      const row = rows.get(code);
      const { redemption, spend } = judgeRedemption(row?.record, row?.used, by);
      if (row !== undefined && spend !== undefined) row.used = spend;
      // Seen to be expired: no clock that is set back may bring it to life again.
      if (redemption.outcome === 'unknown') rows.delete(code);
      return redemption;
    },
  };
}
