/**
 * What an operator writes, in MongoDB: one document for each row, which carries all that stands for it.
 *
 *     _id          kind/id
 *     row          the row as JSON, without its secrets; `sealed`: the secrets with their places
 *     unique       digests of what no other row of the kind may have: the unique index goes by them
 *     references   kind/id of each row pointed to
 *     tags         kind and digest of each tag
 *     version      new with each write; a row is written over only as it was read
 *     going        somebody is removing it: until that is decided, nothing new may point to it
 *
 * An insert is one act, and so is a replacement. A reference is looked at again after the write, and the write is taken
 * back if what it points to has gone. A removal is several acts: first the row and all that cascades from it are marked
 * as going; then it is seen whether anything restricts it; then references become null, and the rows go, the furthest
 * first. A process that dies in between leaves no row that points to nothing. Its marks are void after ten seconds.
 */
import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { UpdateFilter } from 'mongodb';
import {
  type Entity,
  type EntityKind,
  type EntityQuery,
  type EntityStore,
  type ForeignKey,
  type Json,
  matches,
  type Removed,
  referenceIn,
  sameRow,
  type UniqueKey,
  uniqueKey,
  uniqueKeyAgain,
  uniqueKeys,
  valueAt,
  type Written,
  withValue,
} from '../../src/ports/entity-store.ts';
import { Unavailable } from '../../src/ports/unavailable.ts';
import { ofKey } from './authorization-codes.ts';
import { type Database, isTaken, text } from './database.ts';
import { turns } from './turns.ts';

interface EntityRow {
  readonly _id: string;
  readonly kind: string;
  /** With null in the place of each secret. */
  readonly row: string;
  readonly sealed: readonly { readonly place: string; readonly text: string }[];
  readonly sealedWith: string;
  readonly keys: readonly {
    readonly fields: readonly string[];
    readonly together: boolean;
    readonly digest: string;
  }[];
  readonly pointers: readonly {
    readonly field: string;
    readonly to: string;
    readonly onDelete: ForeignKey['onDelete'];
  }[];
  readonly unique?: readonly string[];
  readonly references?: readonly string[];
  readonly tags?: readonly string[];
  readonly version: string;
  readonly going?: Going;
}

interface Going {
  readonly by: string;
  readonly at: number;
}

export interface MongoEntityStore extends EntityStore {
  /** Writes anew, with the current key, what was sealed with an older one. */
  reencrypt(): Promise<void>;
  /** Whether anything is still found by a digest of this key. */
  uses(keyId: string): Promise<boolean>;
}

/** How often somebody else may come between a look and a write. Every time somebody got on. */
const looks = 200;
/** Milliseconds after which whoever marked a row as going must have died. */
const markIsVoid = 10_000;
const pauseForMark = 10;
const readAtOnce = 200;
const reencryptedAtOnce = 50;

export function mongoEntityStore({ vault, clock, ask, collection }: Database): MongoEntityStore {
  const rows = collection<EntityRow>('entities');
  const inTurn = turns();
  const find = (_id: string) => ask(() => rows().findOne({ _id }));

  function opened({ kind, row, sealed }: EntityRow): Entity {
    const bare = JSON.parse(row) as Entity;
    return sealed.reduce((whole, { place, text: secret }) => {
      const value = JSON.parse(vault.unseal(sealPurpose(kind, bare.id, place), secret)) as Json;
      return withValue(whole, place, value);
    }, bare);
  }

  function stored(kind: EntityKind, row: Entity): EntityRow {
    const places = kind.encrypted(row).filter((place) => (valueAt(row, place) ?? null) !== null);
    const pointers = kind.foreign.flatMap(({ field, kind: target, onDelete }) => {
      const id = referenceIn(row, field);
      return id === undefined ? [] : [{ field, to: nameOf(target, id), onDelete }];
    });
    return complete({
      _id: nameOf(kind.name, row.id),
      kind: kind.name,
      row: JSON.stringify(places.reduce((open, place) => withValue(open, place, null), row)),
      sealed: places.map((place) => sealedAt(kind.name, row, place)),
      keys: uniqueKeys(kind, row).map((key) => digested(kind.name, key)),
      pointers,
      tags: tagsOf(row).map((tag) => taggedAs(kind.name, tag)),
    });
  }

  function complete(row: Omit<EntityRow, 'unique' | 'references' | 'sealedWith' | 'version'>): EntityRow {
    return {
      ...row,
      sealedWith: vault.keyId,
      unique: row.keys.map(({ digest }) => digest),
      references: [...new Set(row.pointers.map(({ to }) => to))],
      version: randomUUID(),
    };
  }

  const sealedAt = (kind: string, row: Entity, place: string) => ({
    place,
    text: vault.seal(sealPurpose(kind, row.id, place), JSON.stringify(valueAt(row, place))),
  });

  const digested = (kind: string, { fields, together, key }: UniqueKey) => ({
    fields,
    together,
    digest: vault.digest(uniquePurpose(kind), key),
  });

  /** Who has this unique value. */
  const holder = (kind: string, key: string) =>
    ask(() => rows().findOne({ unique: { $in: [...vault.candidates(uniquePurpose(kind), key)] } }));

  /** The first of what is unique about a row that another row has. */
  async function clash(kind: string, id: string, keys: readonly UniqueKey[]): Promise<UniqueKey | undefined> {
    for (const key of keys) {
      const held = await holder(kind, key.key);
      if (held !== null && held._id !== nameOf(kind, id)) return key;
    }
    return undefined;
  }

  /** Whether a row is there to be pointed to. Waits until a removal of it is decided. */
  async function isThere(name: string): Promise<boolean> {
    for (;;) {
      const row = await ask(() => rows().findOne({ _id: name }, { projection: { going: 1 } }));
      if (row === null) return false;
      if (row.going === undefined) return true;
      if (isVoid(row.going))
        await ask(() => rows().updateOne({ _id: name, going: row.going! }, { $unset: { going: '' } }));
      else await pause(pauseForMark);
    }
  }

  const isVoid = ({ at }: Going): boolean => Math.abs(clock.now() - at) > markIsVoid;

  async function dangling(pointers: EntityRow['pointers']): Promise<Written | undefined> {
    for (const { field, to } of pointers) if (!(await isThere(to))) return { outcome: 'dangling', field };
    return undefined;
  }

  /** Why `row` cannot be written; its own earlier self is no obstacle. */
  async function obstacle(
    kind: EntityKind,
    row: Entity,
    pointers: EntityRow['pointers'],
  ): Promise<Written | undefined> {
    const key = await clash(kind.name, row.id, uniqueKeys(kind, row));
    return key === undefined ? dangling(pointers) : { outcome: 'taken', fields: key.fields };
  }

  /** `undefined`: somebody came between; to be looked at again. */
  async function insertOnce(kind: EntityKind, row: Entity, next: EntityRow): Promise<Written | undefined> {
    try {
      await ask(() => rows().insertOne(sparse(next)));
    } catch (error) {
      if (!isTaken(error)) throw error;
      const there = await find(next._id);
      // Our own, if the answer was lost.
      if (there !== null && there.version !== next.version) return { outcome: 'taken', fields: ['id'] };
      if (there === null) {
        const key = await clash(kind.name, row.id, uniqueKeys(kind, row));
        return key === undefined ? undefined : { outcome: 'taken', fields: key.fields };
      }
    }
    const gone = await dangling(next.pointers);
    if (gone !== undefined) await ask(() => rows().deleteOne({ _id: next._id, version: next.version }));
    return gone ?? { outcome: 'written' };
  }

  async function insert(kind: EntityKind, row: Entity): Promise<Written> {
    for (let left = looks; left > 0; left--) {
      const next = stored(kind, row);
      if ((await find(next._id)) !== null) return { outcome: 'taken', fields: ['id'] };
      const written = await inTurn(
        next.unique ?? [],
        async () => (await obstacle(kind, row, next.pointers)) ?? (await insertOnce(kind, row, next)),
      );
      if (written !== undefined) return written;
    }
    throw new Unavailable('a row could not be inserted: others write the same values again and again');
  }

  /** Whether `next` was written over the row as it was read. Throws if a unique value is taken. */
  async function writeOver(before: Pick<EntityRow, '_id' | 'version'>, next: EntityRow): Promise<boolean> {
    const { _id, ...set } = sparse(next);
    const $unset = Object.fromEntries(lists.filter((name) => !(name in set)).map((name) => [name, '']));
    const { matchedCount } = await ask(() =>
      rows().updateOne({ _id, version: before.version }, { $set: set, $unset } as UpdateFilter<EntityRow>),
    );
    // Our own, if the answer was lost.
    return matchedCount === 1 || (await find(_id))?.version === next.version;
  }

  async function replaceOnce(
    kind: EntityKind,
    row: Entity,
    next: EntityRow,
    { expected, orInsert = false }: { readonly expected?: Entity; readonly orInsert?: boolean },
  ): Promise<Written | undefined> {
    const before = await find(next._id);
    if (before === null && !orInsert) return { outcome: 'missing' };
    if (expected !== undefined && (before === null || !sameRow(opened(before), expected)))
      return { outcome: 'changed' };
    const reason = await obstacle(kind, row, next.pointers);
    if (reason !== undefined) return reason;
    if (before === null) {
      const written = await insertOnce(kind, row, next);
      return written?.outcome === 'taken' && written.fields[0] === 'id' ? undefined : written;
    }
    try {
      if (!(await writeOver(before, next))) return undefined;
    } catch (error) {
      if (!isTaken(error)) throw error;
      return undefined;
    }
    const gone = await dangling(next.pointers);
    if (gone !== undefined) await takeBack(next, before);
    return gone ?? { outcome: 'written' };
  }

  /** Puts a row back as it was before, unless somebody has written it since. */
  async function takeBack(written: EntityRow, before: EntityRow): Promise<void> {
    try {
      await writeOver(written, { ...before, version: randomUUID() });
    } catch (error) {
      if (!isTaken(error)) throw error;
      // What it held before was taken by another within this moment: it stays without what points to nothing.
      let row = written;
      for (const { field, to } of written.pointers) if (!(await isThere(to))) row = emptied(row, field).row;
      await writeOver(written, { ...row, version: randomUUID() });
    }
  }

  /** A row whose reference is null, and what is unique about it then. */
  function emptied(before: EntityRow, field: string): { readonly row: EntityRow; readonly keys: readonly UniqueKey[] } {
    const whole = withValue(opened(before), field, null);
    const again = before.keys
      .filter(({ fields }) => fields.includes(field))
      .flatMap((key) => uniqueKeyAgain(key, whole));
    const row = complete({
      ...before,
      row: JSON.stringify(withValue(JSON.parse(before.row) as Entity, field, null)),
      keys: [
        ...before.keys.filter(({ fields }) => !fields.includes(field)),
        ...again.map((key) => digested(before.kind, key)),
      ],
      pointers: before.pointers.filter((pointer) => pointer.field !== field),
    });
    // The mark stays with whoever set it.
    return { row: { ...row, sealedWith: before.sealedWith }, keys: again };
  }

  /** All rows that point to one of these. */
  async function pointingTo(names: readonly string[]): Promise<EntityRow[]> {
    const found: EntityRow[] = [];
    for (let at = 0; at < names.length; at += readAtOnce) {
      const some = names.slice(at, at + readAtOnce);
      found.push(
        ...(await ask(() =>
          rows()
            .find({ references: { $in: some } })
            .toArray(),
        )),
      );
    }
    return found;
  }

  /** The row and all that cascades from it, marked by us, and what else points to any of them. */
  async function markReach(first: string, by: string) {
    const going = new Map<string, EntityRow>();
    let names = [first];
    while (names.length > 0) {
      for (const name of names) {
        const row = await mark(name, by);
        if (row === 'busy') return { busy: true, marked: [...going.keys()] } as const;
        if (row !== undefined) going.set(name, row);
      }
      const pointing = await pointingTo(names);
      names = pointing.filter((row) => !going.has(row._id) && cascades(row, going)).map(({ _id }) => _id);
    }
    const staying = (await pointingTo([...going.keys()])).filter(({ _id }) => !going.has(_id));
    return { busy: false, going, staying } as const;
  }

  const cascades = ({ pointers }: EntityRow, going: ReadonlyMap<string, EntityRow>): boolean =>
    pointers.some(({ to, onDelete }) => onDelete === 'cascade' && going.has(to));

  async function mark(name: string, by: string): Promise<EntityRow | 'busy' | undefined> {
    const now = clock.now();
    const free = [
      { going: { $exists: false } },
      { 'going.by': by },
      { 'going.at': { $lt: now - markIsVoid } },
      { 'going.at': { $gt: now + markIsVoid } },
    ];
    const marked = await ask(() =>
      rows().findOneAndUpdate(
        { _id: name, $or: free },
        { $set: { going: { by, at: now } } },
        { returnDocument: 'after' },
      ),
    );
    if (marked !== null) return marked;
    return (await find(name)) === null ? undefined : 'busy';
  }

  async function unmark(names: readonly string[], by: string): Promise<void> {
    for (const name of names) {
      await ask(() => rows().updateOne({ _id: name, 'going.by': by }, { $unset: { going: '' } }));
    }
  }

  /** `undefined`: somebody came between; to be looked at again. */
  async function removeOnce(name: string, by: string): Promise<Removed | undefined> {
    const reached = await markReach(name, by);
    if (reached.busy) {
      await unmark(reached.marked, by);
      await pause(pauseForMark * (1 + (Number.parseInt(by.slice(0, 2), 16) % 4)));
      return undefined;
    }
    const { going, staying } = reached;
    if (!going.has(name)) return { outcome: 'missing' };
    const emptying = await empty(going, staying);
    if (emptying !== 'emptied') {
      await unmark([...going.keys()], by);
      return emptying === 'again' ? undefined : { outcome: 'restricted', by: emptying.restrictedBy };
    }
    // The furthest first: a process that dies here leaves nothing that points to nothing.
    const gone: EntityRow[] = [];
    for (const row of [...going.values()].reverse()) {
      if (await removeAsItIs(row, going, by)) gone.push(row);
    }
    if (gone.at(-1)?._id !== name) return undefined;
    // Inserted between our look and its end, by somebody who may have died before taking it back.
    for (const late of await pointingTo(gone.map(({ _id }) => _id))) {
      if (cascades(late, going)) await ask(() => rows().deleteOne({ _id: late._id, version: late.version }));
    }
    return { outcome: 'removed', rows: gone.reverse().map((row) => ({ kind: row.kind, row: opened(row) })) };
  }

  /** Whether a marked row went. One that was written since stays if it points elsewhere now. */
  async function removeAsItIs(row: EntityRow, going: Map<string, EntityRow>, by: string): Promise<boolean> {
    const { deletedCount } = await ask(() => rows().deleteOne({ _id: row._id, version: row.version, 'going.by': by }));
    if (deletedCount === 1) return true;
    const now = await find(row._id);
    // Gone, by us: the answer was lost. Nobody else removes what we have marked.
    if (now === null) return true;
    const isRoot = going.keys().next().value === row._id;
    if (now.going?.by === by && (isRoot || cascades(now, going))) return removeAsItIs(now, going, by);
    await unmark([row._id], by);
    return false;
  }

  /** Empties the references of rows that stay, or of none, if one of them does not allow it. */
  async function empty(
    going: ReadonlyMap<string, EntityRow>,
    staying: readonly EntityRow[],
  ): Promise<'emptied' | 'again' | { readonly restrictedBy: string }> {
    const restricting = staying.find(({ pointers }) =>
      pointers.some(({ to, onDelete }) => onDelete === 'restrict' && going.has(to)),
    );
    if (restricting !== undefined) return { restrictedBy: restricting.kind };
    const changes: { readonly before: EntityRow; readonly after: EntityRow }[] = [];
    for (const before of staying) {
      let after = before;
      for (const { field, to } of before.pointers) {
        if (!going.has(to)) continue;
        const next = emptied(after, field);
        const { id } = JSON.parse(before.row) as Entity;
        // Without the reference it would be the same as another row.
        if ((await clash(before.kind, id, next.keys)) !== undefined) return { restrictedBy: before.kind };
        after = next.row;
      }
      changes.push({ before, after });
    }
    const done: typeof changes = [];
    for (const change of changes) {
      let isWritten = false;
      let isClash = false;
      try {
        isWritten = await writeOver(change.before, change.after);
      } catch (error) {
        if (!isTaken(error)) throw error;
        isClash = true;
      }
      if (isWritten) done.push(change);
      else {
        for (const { before, after } of done) await takeBack(after, before);
        return isClash ? { restrictedBy: change.before.kind } : 'again';
      }
    }
    return 'emptied';
  }

  /** Rows that may match, in their order, from `after` on. */
  async function candidates(
    kind: EntityKind,
    { after, where, tags }: EntityQuery,
    limit: number,
  ): Promise<EntityRow[]> {
    const from = after === undefined ? { $gte: nameOf(kind.name, '') } : { $gt: nameOf(kind.name, after) };
    const _id = { ...from, $lt: `${text(kind.name)}0` };
    const narrower: object[] = [];
    if (where !== undefined && kind.unique.includes(where.field)) {
      narrower.push({
        unique: { $in: [...vault.candidates(uniquePurpose(kind.name), uniqueKey(where.field, where.value))] },
      });
    }
    const foreign = kind.foreign.find(({ field }) => `${field}.id` === where?.field);
    if (where !== undefined && foreign !== undefined) narrower.push({ references: nameOf(foreign.kind, where.value) });
    if (tags !== undefined) {
      const wanted = ('all' in tags ? tags.all : tags.any).map((tag) => taggedAs(kind.name, tag));
      if ('any' in tags) narrower.push({ tags: { $in: wanted } });
      else if (wanted.length > 0) narrower.push({ tags: { $all: wanted } });
    }
    return ask(() =>
      rows()
        .find({ _id, ...(narrower.length > 0 && { $and: narrower }) })
        .sort({ _id: 1 })
        .limit(limit)
        .toArray(),
    );
  }

  return {
    insert: (kind, row) => insert(kind, asJson(row)),

    async get(kind, id) {
      const row = await find(nameOf(kind.name, id));
      return row === null ? undefined : opened(row);
    },

    async getBy(kind, field, value) {
      const row = await holder(kind.name, uniqueKey(field, value));
      return row === null ? undefined : opened(row);
    },

    async replace(kind, row, how = {}) {
      const plain = asJson(row);
      for (let left = looks; left > 0; left--) {
        const next = stored(kind, plain);
        const written = await inTurn(next.unique ?? [], () => replaceOnce(kind, plain, next, how));
        if (written !== undefined) return written;
      }
      throw new Unavailable('a row could not be replaced: others write it again and again');
    },

    async remove(kind, id) {
      const by = randomUUID();
      const until = clock.now() + 2 * markIsVoid;
      for (let left = looks * 10; left > 0 && clock.now() < until; left--) {
        const removed = await removeOnce(nameOf(kind.name, id), by);
        if (removed !== undefined) return removed;
      }
      throw new Unavailable('a row could not be removed: others write what belongs to it again and again');
    },

    async page(kind, query) {
      const { size } = query;
      const found: Entity[] = [];
      const isNarrow = query.where === undefined && query.tags === undefined;
      const limit = isNarrow ? size + 1 : Math.max(size + 1, readAtOnce);
      let after = query.after;
      for (;;) {
        const some = await candidates(kind, { ...query, after }, limit);
        for (const row of some) {
          const whole = opened(row);
          if (!matches(whole, query)) continue;
          if (found.length === size) return { rows: found, next: found.at(-1)?.id };
          found.push(whole);
        }
        if (some.length < limit) return { rows: found, next: undefined };
        after = (JSON.parse(some.at(-1)!.row) as Entity).id;
      }
    },

    async reencrypt() {
      const tried = new Set<string>();
      for (;;) {
        const some = await ask(() =>
          rows()
            .find({ sealedWith: { $exists: true, $ne: vault.keyId } })
            .limit(reencryptedAtOnce)
            .toArray(),
        );
        for (const before of some) {
          tried.add(before._id);
          const whole = opened(before);
          const after = complete({
            ...before,
            sealed: before.sealed.map(({ place }) => sealedAt(before.kind, whole, place)),
            keys: before.keys.flatMap((one) => uniqueKeyAgain(one, whole).map((key) => digested(before.kind, key))),
          });
          await writeOver(before, after);
        }
        if (some.every(({ _id }) => tried.has(_id)) && some.length < reencryptedAtOnce) return;
      }
    },

    uses: async (keyId) => (await ask(() => rows().findOne({ unique: { $elemMatch: ofKey(keyId) } }))) !== null,
  };
}

const uniquePurpose = (kind: string): string => `unique in ${kind}`;

/** Bound to its place in its row: a sealed secret that is moved elsewhere does not open. */
const sealPurpose = (kind: string, id: string, place: string): string => `${kind} ${id} ${place}`;

const nameOf = (kind: string, id: string): string => `${text(kind)}/${text(id)}`;

/** What an index must not see when it is empty: for a unique index, two empty lists are the same. */
const lists = ['unique', 'references', 'tags'] as const;

function sparse({ going: _, ...row }: EntityRow): EntityRow {
  const empty = lists.filter((name) => row[name] === undefined || row[name]?.length === 0) as readonly string[];
  return Object.fromEntries(Object.entries(row).filter(([name]) => !empty.includes(name))) as unknown as EntityRow;
}

function asJson(row: Entity): Entity {
  return JSON.parse(JSON.stringify(row)) as Entity;
}

function tagsOf(row: Entity): readonly string[] {
  const tags = row['tags'];
  return Array.isArray(tags) ? [...new Set(tags.filter((tag): tag is string => typeof tag === 'string'))] : [];
}

/** A tag may be of any length and hold anything; an index entry may not. */
function taggedAs(kind: string, tag: string): string {
  return `${text(kind)}/${createHash('sha256').update(text(tag)).digest('base64url')}`;
}
