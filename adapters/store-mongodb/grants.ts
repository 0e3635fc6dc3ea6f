/**
 * Grants in MongoDB: one document each, which also remembers that the grant was revoked. Tokens stand in it as digests;
 * where the Admin API prints them again, as a sealed copy too.
 *
 *     access       digest of the access token
 *     refresh      digest of the current refresh token
 *     refreshes    that, and those of the last hundred that were used: what the unique index and the look-up go by
 *     used        how each of them was used
 *     fixed        what never changes, as JSON; `current`: what a rotation changes; `generation` counts those
 *     version      new with each write
 */
import { randomUUID } from 'node:crypto';
import type { Filter, UpdateFilter } from 'mongodb';
import type { Grant, TokenPair } from '../../src/oauth/tokens.ts';
import {
  afterRotation,
  decideRotation,
  type Grants,
  hintOf,
  type KeptGrant,
  type RotationAttempt,
  recordExpiry,
} from '../../src/ports/grants.ts';
import { Unavailable } from '../../src/ports/unavailable.ts';
import { ofKey } from './authorization-codes.ts';
import { type Database, dateOf, isTaken, never, text } from './database.ts';

interface LiveRow {
  readonly _id: string;
  readonly state: 'live';
  readonly version: string;
  readonly access: string;
  readonly refresh?: string;
  readonly refreshes?: readonly string[];
  readonly used: readonly UsedTokenRow[];
  readonly keptBy?: string;
  readonly sealed?: string;
  readonly sealedWith?: string;
  readonly hint?: string;
  readonly client: string;
  readonly service?: string;
  readonly boundTo: string;
  readonly refreshExpiresAt?: number;
  readonly fixed: string;
  readonly current: string;
  readonly generation: number;
  readonly deleteAt?: Date;
}

interface UsedTokenRow {
  readonly digest: string;
  readonly attempt: string;
  readonly at: number;
}

interface RevokedRow {
  readonly _id: string;
  readonly state: 'revoked';
  readonly revokedUntil: Date;
}

type GrantRow = LiveRow | RevokedRow;
type AnyRow = Partial<Omit<LiveRow, 'state' | '_id'>> &
  Partial<Omit<RevokedRow, 'state' | '_id'>> &
  Pick<GrantRow, '_id' | 'state'>;

export interface MongoGrants extends Grants {
  /** Writes anew, with the current key, what was sealed with an older one. */
  reencrypt(): Promise<void>;
  /** Whether anything is still found by a digest of this key. */
  uses(keyId: string): Promise<boolean>;
}

/** How many used refresh tokens of one grant are remembered, to notice their reuse. */
const remembered = 100;
/** How many grants are removed at once, when all of a client or a service go. */
const removedAtOnce = 200;
const reencryptedAtOnce = 100;
/** How many of the dead a write buries that comes when nothing was looked at for a while. In milliseconds. */
const fewExpired = 100;
const lookAgain = 250;
/** How often somebody else may come between a look and a write. Every time somebody got on. */
const looks = 200;

/** Everything of a living row that an revoked one has not. */
const nothingLeft = {
  access: '',
  refresh: '',
  refreshes: '',
  used: '',
  keptBy: '',
  sealed: '',
  sealedWith: '',
  hint: '',
  client: '',
  service: '',
  boundTo: '',
  refreshExpiresAt: '',
  fixed: '',
  current: '',
  generation: '',
  deleteAt: '',
} as const;

export function mongoGrants({ vault, clock, ask, collection }: Database): MongoGrants {
  const rows = collection<AnyRow>('grants');
  let nextLook = Number.NEGATIVE_INFINITY;

  const accessCandidates = (token: string) => [...vault.candidates('access token', token)];
  const refreshCandidates = (token: string) => [...vault.candidates('refresh token', token)];

  const find = async (filter: Filter<AnyRow>) => (await ask(() => rows().findOne(filter))) as GrantRow | null;

  function living(row: GrantRow | null): LiveRow | undefined {
    return row?.state === 'live' && !isOver(row.deleteAt) ? row : undefined;
  }

  function isOver(at: Date | undefined): boolean {
    return at !== undefined && at.getTime() <= clock.now();
  }

  async function rowOfRefresh(refreshToken: string) {
    const digests = refreshCandidates(refreshToken);
    const row = living(await find({ refreshes: { $in: digests } }));
    if (row === undefined) return undefined;
    const isCurrent = row.refresh !== undefined && digests.includes(row.refresh);
    const used = isCurrent ? undefined : row.used.find(({ digest }) => digests.includes(digest));
    return isCurrent || used !== undefined ? { row, isCurrent, used } : undefined;
  }

  function isInForce(row: LiveRow, { accessToken, refreshToken }: TokenPair): boolean {
    return (
      accessCandidates(accessToken).includes(row.access) &&
      (refreshToken === undefined
        ? row.refresh === undefined
        : row.refresh !== undefined && refreshCandidates(refreshToken).includes(row.refresh))
    );
  }

  /** Whether another living grant holds one of the tokens. Dead ones that do are buried. */
  async function holdsAnother({ accessToken, refreshToken }: TokenPair, grantId: string): Promise<boolean> {
    const holders = (await ask(() =>
      rows()
        .find({
          $or: [
            { access: { $in: accessCandidates(accessToken) } },
            ...(refreshToken === undefined ? [] : [{ refreshes: { $in: refreshCandidates(refreshToken) } }]),
          ],
        })
        .toArray(),
    )) as LiveRow[];
    const others = holders.filter(({ _id }) => _id !== text(grantId));
    if (others.some((row) => living(row) !== undefined)) return true;
    for (const row of others) await bury(row);
    return false;
  }

  const bury = ({ _id, version }: LiveRow) => ask(() => rows().deleteOne({ _id, version }));

  /** The TTL index buries by the database's clock, within a minute; writes bury some by ours, at once. */
  async function sweepExpired(): Promise<void> {
    const now = clock.now();
    // A clock that was set back is looked at again at once.
    if (now < nextLook && now >= nextLook - lookAgain) return;
    nextLook = now + lookAgain;
    const isDue = { deleteAt: { $lte: new Date(now) } };
    const due = await ask(() => rows().find(isDue).project<{ _id: string }>({ _id: 1 }).limit(fewExpired).toArray());
    if (due.length === fewExpired) nextLook = now;
    if (due.length > 0) {
      await ask(() => rows().deleteMany({ _id: { $in: due.map(({ _id }) => _id) }, ...isDue }));
    }
  }

  /** What is said of a pair and of its lifetimes, in the row of a grant. */
  function written(grant: Grant, tokens: TokenPair) {
    const { refreshToken } = tokens;
    const isSealed = grant.tokenStorage === 'encrypted';
    const set = {
      version: randomUUID(),
      access: vault.digest('access token', tokens.accessToken),
      refresh: refreshToken === undefined ? undefined : vault.digest('refresh token', refreshToken),
      sealed: isSealed ? vault.seal(sealPurpose(grant.grantId), JSON.stringify(tokens)) : undefined,
      sealedWith: isSealed ? vault.keyId : undefined,
      hint: isSealed ? undefined : text(hintOf(tokens)),
      client: text(grant.credentialId),
      service: grant.serviceId === undefined ? undefined : text(grant.serviceId),
      boundTo: text(grant.boundTo),
      refreshExpiresAt: grant.refreshExpiresAt === undefined ? undefined : Number(grant.refreshExpiresAt),
      fixed: fixedOf(grant),
      current: currentOf(grant),
      deleteAt: dateOf(recordExpiry(grant, tokens)),
    };
    return set;
  }

  /** An update that also takes away what is undefined. */
  function writing(grant: Grant, tokens: TokenPair, further: Partial<LiveRow> = {}) {
    const all = Object.entries({ keptBy: undefined, ...written(grant, tokens), ...further });
    return {
      $set: Object.fromEntries(all.filter(([, value]) => value !== undefined)),
      $unset: Object.fromEntries(all.filter(([, value]) => value === undefined).map(([name]) => [name, ''])),
    };
  }

  async function rotateOnce(refreshToken: string, by: RotationAttempt) {
    const hit = await rowOfRefresh(refreshToken);
    if (hit === undefined) return { outcome: 'unknown' } as const;
    const { row, used } = hit;
    const grant = grantOf(row);
    const judgement = decideRotation(
      {
        grant,
        used:
          used === undefined
            ? undefined
            : { at: used.at, attempt: used.attempt === text(by.attempt) ? by.attempt : `not ${by.attempt}` },
        keptBy: row.keptBy === text(by.attempt) ? by.attempt : undefined,
        isCurrentPair: by.grace > 0 && isInForce(row, by.tokens),
      },
      by,
    );
    if (judgement !== 'rotate') return judgement;

    const keeps = by.tokens.refreshToken === refreshToken;
    const { $set, $unset } = writing(afterRotation(grant, by), by.tokens, keeps ? { keptBy: text(by.attempt) } : {});
    const next = $set['refresh'] as string | undefined;
    const after = await ask(() =>
      rows().findOneAndUpdate(
        {
          _id: row._id,
          state: 'live',
          refresh: row.refresh!,
          client: text(by.credentialId),
          boundTo: row.boundTo,
          fixed: row.fixed,
          keptBy: { $ne: text(by.attempt) },
          $or: [{ refreshExpiresAt: { $exists: false } }, { refreshExpiresAt: { $gt: Number(by.at) } }],
        },
        {
          $set,
          $unset,
          $inc: { generation: 1 },
          $push: {
            ...(!keeps && {
              used: {
                $each: [{ digest: row.refresh!, attempt: text(by.attempt), at: Number(by.at) }],
                $slice: -remembered,
              },
            }),
            ...(next !== undefined &&
              next !== row.refresh && { refreshes: { $each: [next], $slice: -(remembered + 1) } }),
          },
        } as UpdateFilter<AnyRow>,
        { returnDocument: 'after' },
      ),
    );
    // Somebody was quicker, or our own answer was lost: the next look tells which.
    return after === null ? undefined : ({ outcome: 'rotated', grant: grantOf(after as LiveRow) } as const);
  }

  function kept(row: LiveRow): KeptGrant {
    const grant = grantOf(row);
    if (row.sealed === undefined) {
      const hint = row.hint === undefined ? undefined : (JSON.parse(`"${row.hint}"`) as string);
      return { grant, accessToken: undefined, refreshToken: undefined, hint };
    }
    return { grant, ...pairOf(row, grant.grantId), hint: undefined };
  }

  function pairOf({ sealed }: LiveRow, grantId: string): TokenPair {
    return { ...nothing, ...(JSON.parse(vault.unseal(sealPurpose(grantId), sealed!)) as TokenPair) };
  }

  async function writeOver(row: LiveRow, grant: Grant, tokens: TokenPair, keptBy?: string): Promise<boolean> {
    const digests = tokens.refreshToken === undefined ? [] : refreshCandidates(tokens.refreshToken);
    // A token that is current again was not used, and one that an operator took away neither.
    const used = row.used.filter(({ digest }) => !digests.includes(digest));
    const refreshes = [...used.map(({ digest }) => digest), ...digests.slice(0, 1)];
    const update = writing(grant, tokens, {
      used,
      generation: grant.generation,
      ...(refreshes.length > 0 && { refreshes }),
      ...(keptBy !== undefined && { keptBy }),
    });
    const $unset = { ...update.$unset, ...(refreshes.length === 0 && { refreshes: '' }) };
    const { matchedCount } = await ask(() =>
      rows().updateOne({ _id: row._id, state: 'live', version: row.version }, {
        $set: update.$set,
        $unset,
      } as UpdateFilter<AnyRow>),
    );
    if (matchedCount === 1) return true;
    return living(await find({ _id: row._id }))?.version === update.$set['version'];
  }

  return {
    async open(grant, tokens) {
      const _id = text(grant.grantId);
      const { refresh, ...set } = written(grant, tokens);
      const row = { ...set, _id, state: 'live', used: [], generation: grant.generation } as const;
      const whole = refresh === undefined ? row : { ...row, refresh, refreshes: [refresh] };
      await sweepExpired();
      if (vault.keyIds.length > 1 && (await holdsAnother(tokens, grant.grantId))) return 'taken';
      for (let left = looks; left > 0; left--) {
        try {
          await ask(() => rows().insertOne(whole as AnyRow));
          return 'opened';
        } catch (error) {
          if (!isTaken(error)) throw error;
        }
        const there = await find({ _id });
        if (there?.state === 'revoked') {
          if (!isOver(there.revokedUntil)) return 'revoked';
          await ask(() => rows().deleteOne({ _id, state: 'revoked', revokedUntil: there.revokedUntil }));
        } else if (there !== null) {
          if (living(there) !== undefined) return isInForce(there, tokens) ? 'opened' : 'taken';
          await bury(there);
        } else if (await holdsAnother(tokens, grant.grantId)) return 'taken';
      }
      throw new Unavailable('a grant could not be opened: others write it again and again');
    },

    async byAccessToken(accessToken) {
      const row = living(await find({ access: { $in: accessCandidates(accessToken) } }));
      return row === undefined ? undefined : grantOf(row);
    },

    async byRefreshToken(refreshToken) {
      const hit = await rowOfRefresh(refreshToken);
      if (hit === undefined) return undefined;
      return { found: hit.isCurrent ? 'current' : 'used', grant: grantOf(hit.row) };
    },

    async rotate(refreshToken, by) {
      for (let left = looks; left > 0; left--) {
        const rotation = await rotateOnce(refreshToken, by);
        if (rotation !== undefined) return rotation;
      }
      throw new Unavailable('a grant could not be rotated: others rotate it again and again');
    },

    async revoke(grantId, until) {
      const end = () =>
        rows().updateOne(
          { _id: text(grantId) },
          {
            $set: { state: 'revoked', version: randomUUID() },
            // A second end never shortens the first.
            $max: { revokedUntil: dateOf(until) ?? never },
            $unset: nothingLeft,
          } as UpdateFilter<AnyRow>,
          { upsert: true },
        );
      try {
        await ask(end);
      } catch (error) {
        // Opened or revoked by somebody else at this very moment: then it is there now.
        if (!isTaken(error)) throw error;
        await ask(end);
      }
    },

    async get(grantId) {
      const row = living(await find({ _id: text(grantId) }));
      return row === undefined ? undefined : kept(row);
    },

    async replace(grant, tokens) {
      for (let left = looks; left > 0; left--) {
        const row = living(await find({ _id: text(grant.grantId) }));
        if (row === undefined) return 'missing';
        if (await holdsAnother(tokens, grant.grantId)) return 'taken';
        try {
          if (await writeOver(row, grant, tokens)) return 'replaced';
        } catch (error) {
          if (!isTaken(error)) throw error;
        }
      }
      throw new Unavailable('a grant could not be replaced: others write it again and again');
    },

    async page({ size, after, credentialId }) {
      const found = (await ask(() =>
        rows()
          .find({
            state: 'live',
            ...(credentialId !== undefined && { client: text(credentialId) }),
            ...(after !== undefined && { _id: { $gt: text(after) } }),
            $or: [{ deleteAt: { $exists: false } }, { deleteAt: { $gt: new Date(clock.now()) } }],
          })
          .sort({ _id: 1 })
          .limit(size + 1)
          .toArray(),
      )) as LiveRow[];
      const page = found.slice(0, size).map(kept);
      return { rows: page, next: found.length > size ? page.at(-1)?.grant.grantId : undefined };
    },

    async removeOf(owner) {
      const theirs: Filter<AnyRow> =
        'credentialId' in owner ? { client: text(owner.credentialId) } : { service: text(owner.serviceId) };
      const removed: string[] = [];
      for (;;) {
        const some = (await ask(() => rows().find(theirs).limit(removedAtOnce).toArray())) as LiveRow[];
        const ids = some.map(({ _id }) => _id);
        if (ids.length > 0) await ask(() => rows().deleteMany({ _id: { $in: ids }, ...theirs }));
        for (const row of some) removed.push(grantOf(row).grantId);
        if (some.length < removedAtOnce) return removed;
      }
    },

    async reencrypt() {
      for (;;) {
        const some = (await ask(() =>
          rows()
            .find({ sealedWith: { $exists: true, $ne: vault.keyId } })
            .limit(reencryptedAtOnce)
            .toArray(),
        )) as LiveRow[];
        for (const row of some) {
          const grant = grantOf(row);
          // Whoever wrote it meanwhile has sealed it with the key of now.
          await writeOver(row, grant, pairOf(row, grant.grantId), row.keptBy);
        }
        if (some.length < reencryptedAtOnce) return;
      }
    },

    async uses(keyId) {
      const range = ofKey(keyId);
      if ((await find({ access: range })) !== null) return true;
      return (await find({ refreshes: { $elemMatch: range } })) !== null;
    },
  };
}

const sealPurpose = (grantId: string): string => `tokens of ${grantId}`;

/** What JSON leaves out. */
const absent = { subject: undefined, serviceId: undefined, expiresAt: undefined, refreshExpiresAt: undefined };
const nothing = { accessToken: undefined, refreshToken: undefined };

function fixedOf({ grantId, credentialId, subject, scope, tokenStorage, grantedAt }: Grant): string {
  return JSON.stringify({ grantId, credentialId, subject, scope, tokenStorage, grantedAt });
}

function currentOf({ boundTo, serviceId, accessScope, issuedAt, expiresAt, refreshExpiresAt }: Grant): string {
  return JSON.stringify({ boundTo, serviceId, accessScope, issuedAt, expiresAt, refreshExpiresAt });
}

function grantOf({ fixed, current, generation }: LiveRow): Grant {
  return { ...absent, ...JSON.parse(fixed), ...JSON.parse(current), generation } as Grant;
}
