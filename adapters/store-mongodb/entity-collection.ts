/** Reads and writes of single documents of `entities`, and the checks around a write. */
import { randomUUID } from 'node:crypto';
import type { UniqueKey, Written } from '../../src/ports/entity-store.ts';
import { type RowEncryption, rowEncryption, type StoredReference } from '../../src/records/entities-at-rest.ts';
import { type Database, orTaken } from './database.ts';
import { documentOf, type EntityDocument, nameOf, replacing, rowOf } from './entity-documents.ts';
import { type RemovalMarks, removalMarks } from './removal-marks.ts';

export interface EntityCollection {
  readonly encryption: RowEncryption;
  readonly marks: RemovalMarks;
  find(name: string): Promise<EntityDocument | null>;
  /** The row that has this unique key. */
  holder(kind: string, key: string): Promise<EntityDocument | null>;
  /** The first of these unique keys that another row has. */
  taken(name: string, kind: string, keys: readonly UniqueKey[]): Promise<UniqueKey | undefined>;
  /** The first of these references whose target does not exist. */
  dangling(references: readonly StoredReference[]): Promise<Written | undefined>;
  /** All rows that point to one of these. */
  pointingTo(names: readonly string[]): Promise<readonly EntityDocument[]>;
  /** Whether `next` was written over `before`: not if that was written since. `taken`: another row has a unique value. */
  writeOver(before: EntityDocument, next: EntityDocument): Promise<boolean | 'taken'>;
  /** Undoes a write, unless the row was written since. */
  undo(written: EntityDocument, before: EntityDocument): Promise<void>;
}

const readAtOnce = 200;

export function entityCollection(database: Database): EntityCollection {
  const { vault, run } = database;
  const rows = database.collection<EntityDocument>('entities');
  const encryption = rowEncryption(vault);
  const marks = removalMarks(database);
  const find = (_id: string) => run(() => rows().findOne({ _id }));

  const holder = (kind: string, key: string) =>
    run(() => rows().findOne({ unique: { $in: [...encryption.candidates(kind, key)] } }));

  const isDangling = async ({ kind, id }: StoredReference) => !(await marks.exists(nameOf(kind, id)));

  function writeOver({ _id, version }: EntityDocument, next: EntityDocument): Promise<boolean | 'taken'> {
    return orTaken(async () => {
      const { matchedCount } = await run(() => rows().updateOne({ _id, version }, replacing(next)));
      // The write succeeded before, if its response was lost.
      return matchedCount === 1 || (await find(_id))?.version === next.version;
    });
  }

  return {
    encryption,
    marks,
    find,
    holder,

    async taken(name, kind, keys) {
      for (const key of keys) {
        const held = await holder(kind, key.key);
        if (held !== null && held._id !== name) return key;
      }
      return undefined;
    },

    async dangling(references) {
      for (const reference of references) {
        if (await isDangling(reference)) return { outcome: 'dangling', field: reference.field };
      }
      return undefined;
    },

    async pointingTo(names) {
      const found: EntityDocument[] = [];
      for (let at = 0; at < names.length; at += readAtOnce) {
        const some = names.slice(at, at + readAtOnce);
        const pointing = await run(() =>
          rows()
            .find({ references: { $in: some } })
            .toArray(),
        );
        found.push(...pointing);
      }
      return found;
    },

    writeOver,

    async undo(written, before) {
      if ((await writeOver(written, { ...before, version: randomUUID() })) !== 'taken') return;
      // Another row has taken a unique value of the earlier version. The new version stays, without dangling references.
      const stored = rowOf(written);
      const fields: string[] = [];
      for (const reference of stored.references) if (await isDangling(reference)) fields.push(reference.field);
      const next = encryption.withoutReferences(stored, fields).stored;
      await writeOver(written, documentOf(next, written.encryptedWith));
    },
  };
}
