/** Authorization codes in memory. Every act is synchronous, hence indivisible. */
import type { AuthorizationCode } from '../../src/oauth/tokens.ts';
import { type AuthorizationCodes, judgeRedemption, type Spent } from '../../src/ports/authorization-codes.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { deaths, type Mortal } from './deaths.ts';

interface Row extends Mortal {
  readonly code: string;
  readonly record: AuthorizationCode;
  spent: Spent | undefined;
}

export function memoryAuthorizationCodes(clock: Clock): AuthorizationCodes {
  const rows = new Map<string, Row>();
  const dying = deaths<Row>(clock, ({ code }) => rows.delete(code));

  return {
    save(code, record) {
      dying.buryDue();
      // A repeated save must not bring back a code that was redeemed in between.
      if (rows.has(code)) return;
      const row: Row = { code, record, spent: undefined, diesAt: record.expiresAt };
      rows.set(code, row);
      dying.expect(row);
    },

    redeem(code, by) {
      dying.buryDue();
      const row = rows.get(code);
      const { redemption, spend } = judgeRedemption(row?.record, row?.spent, by);
      if (row !== undefined && spend !== undefined) row.spent = spend;
      // Seen to be expired: no clock that is set back may bring it to life again.
      if (redemption.outcome === 'unknown') rows.delete(code);
      return redemption;
    },
  };
}
