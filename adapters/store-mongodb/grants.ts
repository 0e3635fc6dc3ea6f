/**
 * Grants in MongoDB: one document each (grant-documents.ts), so that every operation is one write. The version of the
 * document, or all that a rotation depends on, is in the condition of the write.
 */
import type { Filter, UpdateFilter } from 'mongodb';
import type { Grant, TokenPair } from '../../src/oauth/tokens.ts';
import {
  afterRotation,
  decideRotation,
  type GrantOwner,
  type Grants,
  type KeptGrant,
  type Rotation,
  type RotationAttempt,
  rememberedRefreshTokens,
} from '../../src/ports/grants.ts';
import { tokenEncryption } from '../../src/records/grants-at-rest.ts';
import { takePage } from '../../src/records/pages.ts';
import { sweepSchedule } from '../../src/records/sweep-schedule.ts';
import { type Database, dateOf, never, ofKey, orTaken, reencryptDocuments, text, untilDecided } from './database.ts';
import {
  type ActiveGrant,
  fieldsOf,
  type GrantDocument,
  type GrantState,
  grantOf,
  hintOf,
  revoking,
  setting,
} from './grant-documents.ts';

export interface MongoGrants extends Grants {
  /** Re-encrypts, with the current key, all rows that an older key encrypted. */
  reencrypt(): Promise<void>;
  /** Whether any token is stored under a digest of this key. */
  uses(keyId: string): Promise<boolean>;
}

/** How many grants one write removes, when all grants of a client or a service are removed. */
const removedAtOnce = 200;
const ownersAtOnce = 100;
const sweptAtOnce = 100;

const ownedBy = (owner: GrantOwner): Filter<GrantDocument> =>
  'credentialId' in owner ? { client: text(owner.credentialId) } : { service: text(owner.serviceId) };

export function mongoGrants(database: Database): MongoGrants {
  const { vault, clock, run } = database;
  const { encrypt, decrypt, kept, isPair, accessCandidates, refreshCandidates } = tokenEncryption(vault);
  const rows = database.collection<GrantDocument>('grants');
  const sweeps = sweepSchedule();

  const find = async (filter: Filter<GrantDocument>) => (await run(() => rows().findOne(filter))) as GrantState | null;

  function unexpired(row: GrantState | null): ActiveGrant | undefined {
    return row?.state === 'active' && !isExpired(row.deleteAt) ? row : undefined;
  }

  function isExpired(at: Date | undefined): boolean {
    return at !== undefined && at.getTime() <= clock.now();
  }

  async function rowOfRefresh(refreshToken: string) {
    const digests = refreshCandidates(refreshToken);
    const row = unexpired(await find({ refreshes: { $in: [...digests] } }));
    if (row === undefined) return undefined;
    const isCurrent = row.refresh !== undefined && digests.includes(row.refresh);
    const used = isCurrent ? undefined : row.used.find(({ digest }) => digests.includes(digest));
    return isCurrent || used !== undefined ? { row, isCurrent, used } : undefined;
  }

  /** Whether another grant holds one of the tokens. Expired grants that do are deleted. */
  async function holdsAnother({ accessToken, refreshToken }: TokenPair, grantId: string): Promise<boolean> {
    const isHolder: Filter<GrantDocument>[] = [{ access: { $in: [...accessCandidates(accessToken)] } }];
    if (refreshToken !== undefined) isHolder.push({ refreshes: { $in: [...refreshCandidates(refreshToken)] } });
    const holders = (await run(() => rows().find({ $or: isHolder }).toArray())) as ActiveGrant[];
    const others = holders.filter(({ _id }) => _id !== text(grantId));
    if (others.some((row) => unexpired(row) !== undefined)) return true;
    for (const row of others) await remove(row);
    return false;
  }

  const remove = ({ _id, version }: ActiveGrant) => run(() => rows().deleteOne({ _id, version }));

  /** The TTL index deletes by the clock of the database, within a minute; writes delete some by our clock, at once. */
  async function sweep(): Promise<void> {
    const now = clock.now();
    if (!sweeps.isDue(now)) return;
    sweeps.swept(now, false);
    const isDue = { deleteAt: { $lte: new Date(now) } };
    const due = await run(() => rows().find(isDue).project<{ _id: string }>({ _id: 1 }).limit(sweptAtOnce).toArray());
    if (due.length === sweptAtOnce) sweeps.swept(now, true);
    if (due.length > 0) {
      await run(() => rows().deleteMany({ _id: { $in: due.map(({ _id }) => _id) }, ...isDue }));
    }
  }

  const written = (grant: Grant, tokens: TokenPair) => fieldsOf(grant, tokens, encrypt(grant, tokens), vault.keyId);

  /** `undefined`: another write came in between, or the response to our own was lost; the next read decides. */
  async function openOnce(grant: Grant, tokens: TokenPair): Promise<'opened' | 'revoked' | 'taken' | undefined> {
    const _id = text(grant.grantId);
    const { $set } = setting(written(grant, tokens));
    const { refresh } = $set;
    const row = {
      ...$set,
      _id,
      state: 'active',
      used: [],
      generation: grant.generation,
      ...(refresh !== undefined && { refreshes: [refresh] }),
    } as unknown as GrantDocument;
    if ((await orTaken(() => run(() => rows().insertOne(row)))) !== 'taken') return 'opened';
    const present = await find({ _id });
    if (present === null) return (await holdsAnother(tokens, grant.grantId)) ? 'taken' : undefined;
    if (present.state === 'revoked') {
      const { revokedUntil } = present;
      if (!isExpired(revokedUntil)) return 'revoked';
      await run(() => rows().deleteOne({ _id, state: 'revoked', revokedUntil }));
      return undefined;
    }
    if (unexpired(present) !== undefined) return isPair(present, tokens) ? 'opened' : 'taken';
    await remove(present);
    return undefined;
  }

  /** `undefined`: another write came in between, or the response to our own was lost; the next read decides. */
  async function rotateOnce(refreshToken: string, by: RotationAttempt): Promise<Rotation | undefined> {
    const hit = await rowOfRefresh(refreshToken);
    if (hit === undefined) return { outcome: 'unknown' };
    const { row, used } = hit;
    const grant = grantOf(row);
    const attempt = text(by.attempt);
    const decision = decideRotation(
      {
        grant,
        used: used && { at: used.at, attempt: used.attempt === attempt ? by.attempt : `not ${by.attempt}` },
        keptBy: row.keptBy === attempt ? by.attempt : undefined,
        isCurrentPair: by.grace > 0 && isPair(row, by.tokens),
      },
      by,
    );
    if (decision !== 'rotate') return decision;

    const keeps = by.tokens.refreshToken === refreshToken;
    const fields = written(afterRotation(grant, by), by.tokens);
    const { refresh: next } = fields;
    const use = { digest: row.refresh!, attempt, at: Number(by.at) };
    const $push = {
      ...(!keeps && { used: { $each: [use], $slice: -rememberedRefreshTokens } }),
      ...(next !== undefined &&
        next !== row.refresh && { refreshes: { $each: [next], $slice: -(rememberedRefreshTokens + 1) } }),
    };
    const isRotatable: Filter<GrantDocument> = {
      _id: row._id,
      state: 'active',
      refresh: row.refresh!,
      client: text(by.credentialId),
      boundTo: row.boundTo,
      fixed: row.fixed,
      keptBy: { $ne: attempt },
      $or: [{ refreshExpiresAt: { $exists: false } }, { refreshExpiresAt: { $gt: Number(by.at) } }],
    };
    const update = {
      ...setting({ ...fields, keptBy: keeps ? attempt : undefined } as Partial<ActiveGrant>),
      $inc: { generation: 1 },
      $push,
    } as UpdateFilter<GrantDocument>;
    const after = await run(() => rows().findOneAndUpdate(isRotatable, update, { returnDocument: 'after' }));
    return after === null ? undefined : { outcome: 'rotated', grant: grantOf(after as ActiveGrant) };
  }

  const keptGrant = (row: ActiveGrant): KeptGrant => {
    const hint = hintOf(row);
    return kept(grantOf(row), {
      ...(row.encrypted !== undefined && { encrypted: row.encrypted }),
      ...(hint !== undefined && { hint }),
    });
  };

  /** Whether the grant was written over `row`: not if that was written since. */
  async function writeOver(row: ActiveGrant, grant: Grant, tokens: TokenPair, keptBy?: string): Promise<boolean> {
    const digests = tokens.refreshToken === undefined ? [] : refreshCandidates(tokens.refreshToken);
    // A token that is current again counts as not used; so does a token that an operator replaces.
    const used = row.used.filter(({ digest }) => !digests.includes(digest));
    const refreshes = [...used.map(({ digest }) => digest), ...digests.slice(0, 1)];
    const fields = { ...written(grant, tokens), used, generation: grant.generation, keptBy };
    const update = setting({
      ...fields,
      refreshes: refreshes.length === 0 ? undefined : refreshes,
    } as Partial<ActiveGrant>) as UpdateFilter<GrantDocument>;
    const { _id, version } = row;
    const { matchedCount } = await run(() => rows().updateOne({ _id, state: 'active', version }, update));
    return matchedCount === 1 || unexpired(await find({ _id }))?.version === fields.version;
  }

  return {
    async open(grant, tokens) {
      await sweep();
      if (vault.keyIds.length > 1 && (await holdsAnother(tokens, grant.grantId))) return 'taken';
      return untilDecided('a grant could not be opened: other writes change it again and again', () =>
        openOnce(grant, tokens),
      );
    },

    async byAccessToken(accessToken) {
      const row = unexpired(await find({ access: { $in: [...accessCandidates(accessToken)] } }));
      return row === undefined ? undefined : grantOf(row);
    },

    async byRefreshToken(refreshToken) {
      const hit = await rowOfRefresh(refreshToken);
      if (hit === undefined) return undefined;
      return { found: hit.isCurrent ? 'current' : 'used', grant: grantOf(hit.row) };
    },

    rotate: (refreshToken, by) =>
      untilDecided('a grant could not be rotated: other rotations change it again and again', () =>
        rotateOnce(refreshToken, by),
      ),

    async revoke(grantId, until) {
      const update = revoking(dateOf(until) ?? never);
      const revoke = () => rows().updateOne({ _id: text(grantId) }, update, { upsert: true });
      // A concurrent open or revoke may have created the document; the second attempt finds it.
      if ((await orTaken(() => run(revoke))) === 'taken') await run(revoke);
    },

    async get(grantId) {
      const row = unexpired(await find({ _id: text(grantId) }));
      return row === undefined ? undefined : keptGrant(row);
    },

    replace: (grant, tokens) =>
      untilDecided('a grant could not be replaced: other writes change it again and again', async () => {
        const row = unexpired(await find({ _id: text(grant.grantId) }));
        if (row === undefined) return 'missing';
        if (await holdsAnother(tokens, grant.grantId)) return 'taken';
        return (await orTaken(() => writeOver(row, grant, tokens))) === true ? 'replaced' : undefined;
      }),

    async page({ size, after, owner }) {
      const found = (await run(() =>
        rows()
          .find({
            state: 'active',
            ...(owner !== undefined && ownedBy(owner)),
            ...(after !== undefined && { _id: { $gt: text(after) } }),
            $or: [{ deleteAt: { $exists: false } }, { deleteAt: { $gt: new Date(clock.now()) } }],
          })
          .sort({ _id: 1 })
          .limit(size + 1)
          .toArray(),
      )) as ActiveGrant[];
      return takePage(found.map(keptGrant), size, ({ grant }) => grant.grantId);
    },

    async removeOf(owners) {
      const removed: string[] = [];
      for (let at = 0; at < owners.length; at += ownersAtOnce) {
        const isOwned: Filter<GrantDocument> = { $or: owners.slice(at, at + ownersAtOnce).map(ownedBy) };
        let some: readonly ActiveGrant[];
        do {
          some = (await run(() => rows().find(isOwned).limit(removedAtOnce).toArray())) as ActiveGrant[];
          const ids = some.map(({ _id }) => _id);
          if (ids.length > 0) await run(() => rows().deleteMany({ _id: { $in: ids }, ...isOwned }));
          for (const row of some) removed.push(grantOf(row).grantId);
        } while (some.length === removedAtOnce);
      }
      return removed;
    },

    reencrypt: () =>
      reencryptDocuments(database, rows, (document) => {
        const row = document as ActiveGrant;
        const grant = grantOf(row);
        // A row that another write has changed meanwhile is encrypted with the current key already.
        return writeOver(row, grant, decrypt(grant.grantId, row.encrypted!), row.keptBy);
      }),

    async uses(keyId) {
      const range = ofKey(keyId);
      return (await find({ access: range })) !== null || (await find({ refreshes: { $elemMatch: range } })) !== null;
    },
  };
}
