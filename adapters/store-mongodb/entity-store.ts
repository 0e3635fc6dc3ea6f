/**
 * Entities (services, routes, consumers …) in MongoDB: one document for each row (entity-documents.ts).
 *
 * An insert is one write, and so is a replacement. Targets of references are checked again after the write, and the
 * write is undone if one of them was removed. A removal takes several writes (entity-removal.ts).
 */
import {
  type Entity,
  type EntityKind,
  type EntityQuery,
  type EntityStore,
  matches,
  type Replacement,
  replacementProblem,
  uniqueKey,
  uniqueKeys,
  type Written,
} from '../../src/ports/entity-store.ts';
import { anyTag, type EncryptedRow, plainRow } from '../../src/records/entities-at-rest.ts';
import { takePage } from '../../src/records/pages.ts';
import { type Database, ofKey, orTaken, reencryptDocuments, text, untilDecided } from './database.ts';
import { entityCollection } from './entity-collection.ts';
import { documentOf, type EntityDocument, nameOf, rowOf, tagOf } from './entity-documents.ts';
import { entityRemoval } from './entity-removal.ts';
import { keyedQueue } from './keyed-queue.ts';

export interface MongoEntityStore extends EntityStore {
  /** Re-encrypts, with the current key, all rows that an older key encrypted. */
  reencrypt(): Promise<void>;
  /** Whether any unique value is stored under a digest of this key. */
  uses(keyId: string): Promise<boolean>;
}

/** A row that is about to be written. */
interface Write {
  readonly kind: EntityKind;
  readonly row: Entity;
  readonly stored: EncryptedRow;
  readonly next: EntityDocument;
}

const readAtOnce = 200;

export function mongoEntityStore(database: Database): MongoEntityStore {
  const { vault, run } = database;
  const rows = database.collection<EntityDocument>('entities');
  const entities = entityCollection(database);
  const { find, holder, taken, dangling, writeOver, undo } = entities;
  const { encrypt, decrypt, candidates, reencrypt } = entities.encryption;
  const remove = entityRemoval(database, entities);
  const queued = keyedQueue();

  const read = (document: EntityDocument | null): Entity | undefined =>
    document === null ? undefined : decrypt(rowOf(document));

  /** Repeats a write until no other write comes in between. */
  function write(
    kind: EntityKind,
    row: Entity,
    attempt: (write: Write) => Promise<Written | undefined>,
  ): Promise<Written> {
    const plain = plainRow(row);
    return untilDecided('a row could not be written: other writes use the same values again and again', () => {
      const stored = encrypt(kind, plain);
      const next = documentOf(stored, vault.keyId);
      return queued(next.unique ?? [], () => attempt({ kind, row: plain, stored, next }));
    });
  }

  async function takenBy({ kind, row, next }: Write): Promise<Written | undefined> {
    const key = await taken(next._id, kind.name, uniqueKeys(kind, row));
    return key === undefined ? undefined : { outcome: 'taken', fields: key.fields };
  }

  /** Why the row cannot be written; `undefined` if it can. */
  const problem = async (write: Write) => (await takenBy(write)) ?? dangling(write.stored.references);

  /** `undefined`: another write came in between. */
  async function insertOnce(write: Write): Promise<Written | undefined> {
    const { stored, next } = write;
    if ((await orTaken(() => run(() => rows().insertOne(next)))) === 'taken') {
      const present = await find(next._id);
      if (present === null) return takenBy(write);
      // With our own version the insert succeeded before, and its response was lost.
      if (present.version !== next.version) return { outcome: 'taken', fields: ['id'] };
    }
    const refused = await dangling(stored.references);
    if (refused !== undefined) await run(() => rows().deleteOne({ _id: next._id, version: next.version }));
    return refused ?? { outcome: 'written' };
  }

  async function replaceOnce(write: Write, how: Replacement): Promise<Written | undefined> {
    const { stored, next } = write;
    const before = await find(next._id);
    const refused = replacementProblem(read(before), how) ?? (await problem(write));
    if (refused !== undefined) return refused;
    if (before === null) {
      const written = await insertOnce(write);
      return written?.outcome === 'taken' && written.fields[0] === 'id' ? undefined : written;
    }
    if ((await writeOver(before, next)) !== true) return undefined;
    const danglingNow = await dangling(stored.references);
    if (danglingNow !== undefined) await undo(next, before);
    return danglingNow ?? { outcome: 'written' };
  }

  /** Rows that may match, in order, from `after` on. */
  function mayMatch(kind: EntityKind, { after, where, tags }: EntityQuery, limit: number): Promise<EntityDocument[]> {
    const from = after === undefined ? { $gte: nameOf(kind.name, '') } : { $gt: nameOf(kind.name, after) };
    const _id = { ...from, $lt: `${text(kind.name)}0` };
    const conditions: object[] = [];
    if (where !== undefined && kind.unique.includes(where.field)) {
      conditions.push({ unique: { $in: [...candidates(kind.name, uniqueKey(where.field, where.value))] } });
    }
    const foreign = kind.foreign.find(({ field }) => `${field}.id` === where?.field);
    if (where !== undefined && foreign !== undefined) {
      conditions.push({ references: nameOf(foreign.kind, where.value) });
    }
    if (tags === 'some') conditions.push({ tags: `${text(kind.name)}/${anyTag}` });
    else if (tags !== undefined) {
      const wanted = ('all' in tags ? tags.all : tags.any).map((tag) => tagOf(kind.name, tag));
      if ('any' in tags) conditions.push({ tags: { $in: wanted } });
      else if (wanted.length > 0) conditions.push({ tags: { $all: wanted } });
    }
    return run(() =>
      rows()
        .find({ _id, ...(conditions.length > 0 && { $and: conditions }) })
        .sort({ _id: 1 })
        .limit(limit)
        .toArray(),
    );
  }

  return {
    insert: (kind, row) =>
      write(kind, row, async (write) => {
        if ((await find(write.next._id)) !== null) return { outcome: 'taken', fields: ['id'] };
        return (await problem(write)) ?? insertOnce(write);
      }),

    get: async (kind, id) => read(await find(nameOf(kind.name, id))),

    getBy: async (kind, field, value) => read(await holder(kind.name, uniqueKey(field, value))),

    replace: (kind, row, how = {}) => write(kind, row, (write) => replaceOnce(write, how)),

    remove: (kind, id) => remove(nameOf(kind.name, id)),

    async page(kind, query) {
      const { size } = query;
      const found: Entity[] = [];
      const isFiltered = query.where !== undefined || query.tags !== undefined;
      const limit = isFiltered ? Math.max(size + 1, readAtOnce) : size + 1;
      let after = query.after;
      let isLast = false;
      while (!isLast && found.length <= size) {
        const some = (await mayMatch(kind, { ...query, after }, limit)).map(rowOf);
        found.push(...some.map(decrypt).filter((row) => matches(row, query)));
        after = some.at(-1)?.row.id;
        isLast = some.length < limit;
      }
      return takePage(found, size, ({ id }) => id);
    },

    reencrypt: () =>
      reencryptDocuments(database, rows, (before) =>
        writeOver(before, documentOf(reencrypt(rowOf(before)), vault.keyId)),
      ),

    uses: async (keyId) => (await run(() => rows().findOne({ unique: { $elemMatch: ofKey(keyId) } }))) !== null,
  };
}
