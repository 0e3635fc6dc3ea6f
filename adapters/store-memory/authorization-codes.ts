/** Authorization codes in memory. Every operation is synchronous, hence atomic. */
import type { AuthorizationCode } from '../../src/oauth/tokens.ts';
import { type AuthorizationCodes, type CodeUse, decideRedemption } from '../../src/ports/authorization-codes.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { type Expiring, expiries } from './expiries.ts';

interface CodeRow extends Expiring {
  readonly code: string;
  readonly record: AuthorizationCode;
  used: CodeUse | undefined;
}

export function memoryAuthorizationCodes(clock: Clock): AuthorizationCodes {
  const rows = new Map<string, CodeRow>();
  const expiring = expiries<CodeRow>(clock, ({ code }) => rows.delete(code));

  return {
    save(code, record) {
      expiring.sweep();
      // A repeated save must not make a code valid again that was redeemed in between.
      if (rows.has(code)) return;
      const row: CodeRow = { code, record, used: undefined, deleteAt: record.expiresAt };
      rows.set(code, row);
      expiring.schedule(row);
    },

    redeem(code, by) {
      expiring.sweep();
      const row = rows.get(code);
      const { redemption, use } = decideRedemption(row?.record, row?.used, by);
      if (row !== undefined && use !== undefined) row.used = use;
      // The code is expired: a clock that is set back must not make it valid again.
      if (redemption.outcome === 'unknown') rows.delete(code);
      return redemption;
    },
  };
}
