/** Authorization codes in lmdb: found by their digest, judged and marked in one act. */
import type { AuthorizationCode } from '../../src/oauth/tokens.ts';
import { type AuthorizationCodes, type CodeUse, judgeRedemption } from '../../src/ports/authorization-codes.ts';
import type { Environment } from './environment.ts';

interface CodeRow {
  readonly record: AuthorizationCode;
  readonly used?: CodeUse;
}

/** What JSON leaves out. */
const absent = { serviceId: undefined, subject: undefined, codeChallenge: undefined };

export interface LmdbAuthorizationCodes extends AuthorizationCodes {
  /** Whether anything is still found by a digest of this key. */
  uses(keyId: string): boolean;
}

export function lmdbAuthorizationCodes(environment: Environment): LmdbAuthorizationCodes {
  const { vault, act, read, expect, unexpect } = environment;
  const codes = environment.collection<CodeRow>('codes');
  environment.whenDue('code', (digest) => void codes.removeSync(digest));

  function find(code: string): { readonly digest: string; readonly row: CodeRow } | undefined {
    for (const digest of vault.candidates('authorization code', code)) {
      const row = codes.get(digest);
      if (row !== undefined) return { digest, row: { ...row, record: { ...absent, ...row.record } } };
    }
    return undefined;
  }

  return {
    save: (code, record) =>
      act(() => {
        // A repeated save must not bring back a code that was redeemed in between.
        if (find(code) !== undefined) return;
        const digest = vault.digest('authorization code', code);
        codes.putSync(digest, { record });
        expect({ kind: 'code', id: digest }, record.expiresAt);
      }),

    redeem: (code, by) =>
      act(() => {
        const { digest, row } = find(code) ?? {};
        const { redemption, spend } = judgeRedemption(row?.record, row?.used, by);
        if (digest === undefined || row === undefined) return redemption;
        if (spend !== undefined) codes.putSync(digest, { record: row.record, used: spend });
        if (redemption.outcome === 'unknown') {
          // Seen to be expired: no clock that is set back may bring it to life again.
          codes.removeSync(digest);
          unexpect({ kind: 'code', id: digest }, row.record.expiresAt);
        }
        return redemption;
      }),

    uses: (keyId) => read(() => codes.getKeysCount({ start: `${keyId}.`, end: `${keyId}/`, limit: 1 }) > 0),
  };
}
