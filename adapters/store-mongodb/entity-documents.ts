/**
 * A row as a document. Rows are encrypted as src/records/entities-at-rest.ts says.
 *
 *     _id             kind/id
 *     row             the encrypted row as JSON
 *     unique          digests of its unique keys; the unique index covers them
 *     references      kind/id of each row that it points to
 *     tags            kind and digest of each tag
 *     encryptedWith   the id of the master key
 *     version         new with each write; a write succeeds only for the version that was read
 *     removal         a removal has marked the row: until it is decided, no new row may point to this one
 */
import { randomUUID } from 'node:crypto';
import type { UpdateFilter } from 'mongodb';
import { type EncryptedRow, tagDigest } from '../../src/records/entities-at-rest.ts';
import { text } from './database.ts';

export interface EntityDocument {
  readonly _id: string;
  readonly row: string;
  readonly unique?: readonly string[];
  readonly references?: readonly string[];
  readonly tags?: readonly string[];
  readonly encryptedWith: string;
  readonly version: string;
  readonly removal?: RemovalMark;
}

export interface RemovalMark {
  readonly by: string;
  readonly at: number;
}

/** Absent where they are empty: for a unique index, two empty lists are the same value. */
const lists = ['unique', 'references', 'tags'] as const;

export const nameOf = (kind: string, id: string): string => `${text(kind)}/${text(id)}`;

export const tagOf = (kind: string, tag: string): string => `${text(kind)}/${tagDigest(tag)}`;

export function documentOf(stored: EncryptedRow, encryptedWith: string): EntityDocument {
  const { kind, row, unique, references, tags } = stored;
  const all = {
    unique: unique.map(({ digest }) => digest),
    references: [...new Set(references.map((reference) => nameOf(reference.kind, reference.id)))],
    tags: tags.map((tag) => `${text(kind)}/${tag}`),
  };
  return {
    _id: nameOf(kind, row.id),
    row: JSON.stringify(stored),
    ...Object.fromEntries(Object.entries(all).filter(([, list]) => list.length > 0)),
    encryptedWith,
    version: randomUUID(),
  };
}

export function rowOf({ row }: EntityDocument): EncryptedRow {
  return JSON.parse(row) as EncryptedRow;
}

/** The update that replaces a document by `next`, except for the mark of a removal. */
export function replacing({ _id, removal, ...next }: EntityDocument): UpdateFilter<EntityDocument> {
  const absent = lists.filter((name) => !(name in next));
  return { $set: next, $unset: Object.fromEntries(absent.map((name) => [name, ''])) } as UpdateFilter<EntityDocument>;
}
