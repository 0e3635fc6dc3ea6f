/** Authorization codes in lmdb: found by their digest; judged and marked as used in one transaction. */
import type { AuthorizationCode } from '../../src/oauth/tokens.ts';
import { type AuthorizationCodes, type CodeUse, decideRedemption } from '../../src/ports/authorization-codes.ts';
import { digestsOfKey } from '../../src/ports/vault.ts';
import { codeFromJson } from '../../src/records/grants-at-rest.ts';
import type { Environment } from './environment.ts';

interface CodeRow {
  readonly record: AuthorizationCode;
  readonly used?: CodeUse;
}

export interface LmdbAuthorizationCodes extends AuthorizationCodes {
  /** Whether any code is stored under a digest of this key. */
  uses(keyId: string): boolean;
}

export function lmdbAuthorizationCodes(environment: Environment): LmdbAuthorizationCodes {
  const { vault, transact, read, scheduleExpiry, cancelExpiry } = environment;
  const codes = environment.collection<CodeRow>('codes');
  environment.onExpiry('code', (digest) => void codes.removeSync(digest));

  function find(code: string): { readonly digest: string; readonly row: CodeRow } | undefined {
    for (const digest of vault.candidates('authorization code', code)) {
      const row = codes.get(digest);
      if (row !== undefined) return { digest, row: { ...row, record: codeFromJson(row.record) } };
    }
    return undefined;
  }

  return {
    save: (code, record) =>
      transact(() => {
        // A repeated save must not make a code valid again that was redeemed in between.
        if (find(code) !== undefined) return;
        const digest = vault.digest('authorization code', code);
        codes.putSync(digest, { record });
        scheduleExpiry({ kind: 'code', id: digest }, record.expiresAt);
      }),

    redeem: (code, by) =>
      transact(() => {
        const { digest, row } = find(code) ?? {};
        const { redemption, use } = decideRedemption(row?.record, row?.used, by);
        if (digest === undefined || row === undefined) return redemption;
        if (use !== undefined) codes.putSync(digest, { record: row.record, used: use });
        if (redemption.outcome === 'unknown') {
          // The code is expired: a clock that is set back must not make it valid again.
          codes.removeSync(digest);
          cancelExpiry({ kind: 'code', id: digest }, row.record.expiresAt);
        }
        return redemption;
      }),

    uses: (keyId) => read(() => codes.getKeysCount({ ...digestsOfKey(keyId), limit: 1 }) > 0),
  };
}
