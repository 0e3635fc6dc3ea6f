/**
 * How the stores on disk keep a row: secrets encrypted, unique values and tags as digests. An encrypted row carries every
 * key under which it is indexed, so that it can be deleted, or lose a reference, without the description of its kind.
 */
import { createHash } from 'node:crypto';
import {
  type Entity,
  type EntityKind,
  type ForeignKey,
  type Json,
  referenceIn,
  tagsOf,
  type UniqueKey,
  uniqueKeyAgain,
  uniqueKeys,
  valueAt,
  withValue,
} from '../ports/entity-store.ts';
import type { Vault } from '../ports/vault.ts';

export interface EncryptedRow {
  readonly kind: string;
  /** The row with null in the place of each secret. */
  readonly row: Entity;
  readonly secrets: readonly { readonly place: string; readonly text: string }[];
  readonly unique: readonly UniqueDigest[];
  readonly references: readonly StoredReference[];
  /** Digests of the tags, and `anyTag` if there is one. */
  readonly tags: readonly string[];
}

export interface UniqueDigest extends Omit<UniqueKey, 'key'> {
  readonly digest: string;
}

export interface StoredReference {
  readonly field: string;
  /** The kind and id of the row that it points to. */
  readonly kind: string;
  readonly id: string;
  readonly onDelete: ForeignKey['onDelete'];
}

export interface RowEncryption {
  /** Expects JSON values only, as `plainRow` returns them. */
  encrypt(kind: EntityKind, row: Entity): EncryptedRow;
  decrypt(stored: EncryptedRow): Entity;
  /** All digests under which a unique key may be stored. */
  candidates(kind: string, key: string): readonly string[];
  /** The row with null in these references, and its unique keys that change with them. */
  withoutReferences(
    stored: EncryptedRow,
    fields: readonly string[],
  ): { readonly stored: EncryptedRow; readonly changed: readonly UniqueKey[] };
  /** The same row under the current key. */
  reencrypt(stored: EncryptedRow): EncryptedRow;
}

export function rowEncryption(vault: Pick<Vault, 'digest' | 'candidates' | 'seal' | 'unseal'>): RowEncryption {
  const secretAt = (kind: string, row: Entity, place: string) => ({
    place,
    text: vault.seal(secretPurpose(kind, row.id, place), JSON.stringify(valueAt(row, place))),
  });

  const digestOf = (kind: string, { fields, together, key }: UniqueKey): UniqueDigest => ({
    fields,
    together,
    digest: vault.digest(uniquePurpose(kind), key),
  });

  function decrypt({ kind, row, secrets }: EncryptedRow): Entity {
    return secrets.reduce((whole, { place, text }) => {
      const value = JSON.parse(vault.unseal(secretPurpose(kind, row.id, place), text)) as Json;
      return withValue(whole, place, value);
    }, row);
  }

  return {
    encrypt(kind, row) {
      const places = kind.encrypted(row).filter((place) => (valueAt(row, place) ?? null) !== null);
      return {
        kind: kind.name,
        row: withNull(row, places),
        secrets: places.map((place) => secretAt(kind.name, row, place)),
        unique: uniqueKeys(kind, row).map((key) => digestOf(kind.name, key)),
        references: kind.foreign.flatMap(({ field, kind: target, onDelete }) => {
          const id = referenceIn(row, field);
          return id === undefined ? [] : [{ field, kind: target, id, onDelete }];
        }),
        tags: tagDigests(row),
      };
    },

    decrypt,

    candidates: (kind, key) => vault.candidates(uniquePurpose(kind), key),

    withoutReferences(stored, emptied) {
      const whole = withNull(decrypt(stored), emptied);
      const changes = ({ fields }: UniqueDigest) => fields.some((field) => emptied.includes(field));
      const changed = stored.unique.filter(changes).flatMap((digest) => uniqueKeyAgain(digest, whole));
      return {
        changed,
        stored: {
          ...stored,
          row: withNull(stored.row, emptied),
          unique: [
            ...stored.unique.filter((digest) => !changes(digest)),
            ...changed.map((key) => digestOf(stored.kind, key)),
          ],
          references: stored.references.filter(({ field }) => !emptied.includes(field)),
        },
      };
    },

    reencrypt(stored) {
      const { kind, secrets, unique } = stored;
      const whole = decrypt(stored);
      return {
        ...stored,
        secrets: secrets.map(({ place }) => secretAt(kind, whole, place)),
        unique: unique.flatMap((digest) => uniqueKeyAgain(digest, whole).map((key) => digestOf(kind, key))),
      };
    },
  };
}

/** A copy with JSON values only. */
export function plainRow(row: Entity): Entity {
  return JSON.parse(JSON.stringify(row)) as Entity;
}

/** Stands for "at least one tag" in an index of tags. No digest is empty. */
export const anyTag = '';

/** A tag may have any length and any characters; a key of an index may not. */
export function tagDigest(tag: string): string {
  return createHash('sha256').update(tag).digest('base64url');
}

function tagDigests(row: Entity): readonly string[] {
  const digests = new Set(tagsOf(row).map(tagDigest));
  return digests.size === 0 ? [] : [anyTag, ...digests];
}

function withNull(row: Entity, places: readonly string[]): Entity {
  return places.reduce((rest, place) => withValue(rest, place, null), row);
}

const uniquePurpose = (kind: string): string => `unique in ${kind}`;

/** Bound to its place in its row: a secret that is moved to another place or row cannot be decrypted. */
const secretPurpose = (kind: string, id: string, place: string): string => `${kind} ${id} ${place}`;
