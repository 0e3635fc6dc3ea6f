/**
 * Authorization codes in MongoDB: one document each, found by the digest of the code. A redemption is one
 * findOneAndUpdate. Its condition holds every binding, and the attempt: the same attempt, repeated because its response
 * was lost, meets the condition again. Only expired codes are deleted.
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
import { codeFromJson } from '../../src/records/grants-at-rest.ts';
import { type Database, dateOf, ofKey, orTaken, text, untilDecided } from './database.ts';

interface CodeRow {
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
  /** The mismatch for which the attempt that used it was refused. */
  readonly refusedFor: CodeUse['mismatch'] | null;
}

export interface MongoAuthorizationCodes extends AuthorizationCodes {
  /** Whether any code is stored under a digest of this key. */
  uses(keyId: string): Promise<boolean>;
}

/** A code is used once: an attempt that comes second sees so in its next read. */
const attempts = 5;

export function mongoAuthorizationCodes({ vault, run, collection }: Database): MongoAuthorizationCodes {
  const codes = collection<CodeRow>('codes');
  const candidates = (code: string) => [...vault.candidates('authorization code', code)];

  /** `undefined`: the code was saved, or used by another attempt, between the two reads. */
  async function redeemOnce(ids: string[], by: RedemptionAttempt): Promise<Redemption | undefined> {
    const redeemed = await run(() =>
      codes().findOneAndUpdate(
        redeemable(ids, by),
        { $set: { usedBy: text(by.attempt), refusedFor: null } },
        { returnDocument: 'after' },
      ),
    );
    if (redeemed !== null) return { outcome: 'redeemed', record: recordOf(redeemed) };

    const row = await run(() => codes().findOne({ _id: { $in: ids } }));
    if (row === null) return { outcome: 'unknown' };
    const { redemption, use } = decideRedemption(recordOf(row), useOf(row, by), by);
    if (redemption.outcome === 'unknown') {
      // The code is expired: a clock that is set back must not make it valid again.
      await run(() => codes().updateOne({ _id: row._id }, { $min: { expiresAt: 0 } }));
      return redemption;
    }
    if (use === undefined) return redemption;
    if (use.mismatch === undefined) return undefined;
    const used = { usedBy: text(by.attempt), refusedFor: use.mismatch };
    const isFree: Filter<CodeRow> = { _id: row._id, usedBy: { $in: [null, used.usedBy] } };
    const { matchedCount } = await run(() => codes().updateOne(isFree, { $set: used }));
    return matchedCount === 1 ? redemption : undefined;
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
      // A repeated save must not make a code valid again that was redeemed in between.
      await orTaken(() => run(() => codes().insertOne(row)));
    },

    redeem: (code, by) =>
      untilDecided('an authorization code changed again and again', () => redeemOnce(candidates(code), by), {
        attempts,
      }),

    uses: async (keyId) => (await run(() => codes().findOne({ _id: ofKey(keyId) }))) !== null,
  };
}

/** The condition for a code that this attempt may redeem, or has redeemed. */
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
  return { ...codeFromJson(JSON.parse(record) as AuthorizationCode), expiresAt };
}

function useOf({ usedBy, refusedFor }: CodeRow, by: RedemptionAttempt): CodeUse | undefined {
  if (usedBy === null) return undefined;
  const attempt = usedBy === text(by.attempt) ? by.attempt : `not ${by.attempt}`;
  return { attempt, mismatch: refusedFor ?? undefined };
}
