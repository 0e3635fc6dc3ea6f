/**
 * Authorization codes in MongoDB: one document each, found by the digest of the code. Redeeming is one findOneAndUpdate
 * with every binding in its condition, and the attempt: the same attempt, repeated because its answer was lost, meets
 * the condition again. Nothing is deleted but what has expired.
 */
import type { Filter } from 'mongodb';
import type { AuthorizationCode } from '../../src/oauth/tokens.ts';
import {
  type AuthorizationCodes,
  type CodeUse,
  decideRedemption,
  type Redemption,
  type RedemptionAttempt,
} from '../../src/ports/authorization-codes.ts';
import { Unavailable } from '../../src/ports/unavailable.ts';
import { type Database, dateOf, isTaken, text } from './database.ts';

export interface CodeRow {
  readonly _id: string;
  /** The whole record as JSON. */
  readonly record: string;
  readonly client: string;
  readonly boundTo: string;
  readonly redirectUri: string;
  readonly redirectUriSent: boolean;
  readonly codeChallenge: string | null;
  readonly expiresAt: number;
  readonly deleteAt: Date | undefined;
  readonly usedBy: string | null;
  /** For what it was used without being redeemed. */
  readonly refusedFor: CodeUse['mismatch'] | null;
}

export interface MongoAuthorizationCodes extends AuthorizationCodes {
  /** Whether anything is still found by a digest of this key. */
  uses(keyId: string): Promise<boolean>;
}

/** What JSON leaves out. */
const absent = { serviceId: undefined, subject: undefined, codeChallenge: undefined };

/** A code is used once: whoever loses sees by whom on the next look. */
const looks = 4;

export function mongoAuthorizationCodes({ vault, ask, collection }: Database): MongoAuthorizationCodes {
  const codes = collection<CodeRow>('codes');
  const candidates = (code: string) => [...vault.candidates('authorization code', code)];

  async function look(ids: string[], by: RedemptionAttempt, left: number): Promise<Redemption> {
    const redeemed = await ask(() =>
      codes().findOneAndUpdate(
        redeemable(ids, by),
        { $set: { usedBy: text(by.attempt), refusedFor: null } },
        { returnDocument: 'after' },
      ),
    );
    if (redeemed !== null) return { outcome: 'redeemed', record: recordOf(redeemed) };

    const row = await ask(() => codes().findOne({ _id: { $in: ids } }));
    if (row === null) return { outcome: 'unknown' };
    const { redemption, use } = decideRedemption(recordOf(row), useOf(row, by), by);
    if (redemption.outcome === 'unknown') {
      // Seen to be expired: no clock that is set back may bring it to life again.
      await ask(() => codes().updateOne({ _id: row._id }, { $min: { expiresAt: 0 } }));
      return redemption;
    }
    if (use === undefined) return redemption;
    if (use.mismatch !== undefined) {
      const used = { usedBy: text(by.attempt), refusedFor: use.mismatch };
      const mine: Filter<CodeRow> = { _id: row._id, usedBy: { $in: [null, used.usedBy] } };
      const { matchedCount } = await ask(() => codes().updateOne(mine, { $set: used }));
      if (matchedCount === 1) return redemption;
    }
    // It was saved, or used by somebody else, between the two looks.
    if (left === 0) throw new Unavailable('an authorization code did not stay as it was seen');
    return look(ids, by, left - 1);
  }

  return {
    async save(code, record) {
      const row: CodeRow = {
        _id: vault.digest('authorization code', code),
        record: JSON.stringify(record),
        client: text(record.credentialId),
        boundTo: text(record.boundTo),
        redirectUri: text(record.redirectUri),
        redirectUriSent: record.redirectUriSent === true,
        codeChallenge: record.codeChallenge === undefined ? null : text(record.codeChallenge),
        expiresAt: Number(record.expiresAt),
        deleteAt: dateOf(record.expiresAt),
        usedBy: null,
        refusedFor: null,
      };
      try {
        await ask(() => codes().insertOne(row));
      } catch (error) {
        // A repeated save must not bring back a code that was redeemed in between.
        if (!isTaken(error)) throw error;
      }
    },

    redeem: (code, by) => look(candidates(code), by, looks),

    uses: async (keyId) => (await ask(() => codes().findOne({ _id: ofKey(keyId) }))) !== null,
  };
}

/** A code that this attempt redeems, or has redeemed. */
function redeemable(ids: string[], by: RedemptionAttempt): Filter<CodeRow> {
  const conditions: Filter<CodeRow>[] = [{ usedBy: null }, { usedBy: text(by.attempt), refusedFor: null }];
  const redirect: Filter<CodeRow> =
    by.redirectUri !== undefined
      ? { redirectUri: text(by.redirectUri) }
      : by.redirectUriRequired
        ? { redirectUriSent: false }
        : {};
  const challenges = [
    ...(by.codeChallenge === undefined ? [] : [text(by.codeChallenge)]),
    ...(by.unchallenged === 'accept' ? [null] : []),
  ];
  return {
    _id: { $in: ids },
    client: text(by.credentialId),
    boundTo: text(by.boundTo),
    expiresAt: { $gt: Number(by.at) },
    codeChallenge: { $in: challenges },
    ...redirect,
    $or: conditions,
  };
}

function recordOf({ record, expiresAt }: CodeRow): AuthorizationCode {
  return { ...absent, ...(JSON.parse(record) as AuthorizationCode), expiresAt };
}

function useOf({ usedBy, refusedFor }: CodeRow, by: RedemptionAttempt): CodeUse | undefined {
  if (usedBy === null) return undefined;
  const attempt = usedBy === text(by.attempt) ? by.attempt : `not ${by.attempt}`;
  return { attempt, mismatch: refusedFor ?? undefined };
}

/** Digests that were made with this key. */
export function ofKey(keyId: string): { readonly $gte: string; readonly $lt: string } {
  return { $gte: `${keyId}.`, $lt: `${keyId}/` };
}
