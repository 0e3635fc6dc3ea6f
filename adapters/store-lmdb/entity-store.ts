/**
 * Entities (services, routes, consumers …) in lmdb. Rows are encrypted as src/records/entities-at-rest.ts says.
 *
 *     entities     kind, id → the encrypted row
 *     unique       digest of the fields and their values → id
 *     references   kind and id of the target; kind, id and field of the row that points to it → what happens on delete
 *     tags         kind, digest of the tag, id
 */
import {
  type Entity,
  type EntityKind,
  type EntityQuery,
  type EntityStore,
  type ForeignKey,
  matches,
  referenceIn,
  replacementProblem,
  uniqueKey,
  uniqueKeys,
  type Written,
} from '../../src/ports/entity-store.ts';
import { digestsOfKey } from '../../src/ports/vault.ts';
import { anyTag, type EncryptedRow, plainRow, rowEncryption, tagDigest } from '../../src/records/entities-at-rest.ts';
import { idsInAll, idsInAny } from '../../src/records/id-sequences.ts';
import { takePage } from '../../src/records/pages.ts';
import { planRemoval, type RelatedRows } from '../../src/records/removal.ts';
import { type Environment, eachKey, isId, mustBeId, under } from './environment.ts';

type ReferenceKey = [toKind: string, toId: string, kind: string, id: string, field: string];

export interface LmdbEntityStore extends EntityStore {
  /** Re-encrypts, with the current key, all rows that an older key encrypted. */
  reencrypt(): Promise<void>;
  /** Whether any unique value is stored under a digest of this key. */
  uses(keyId: string): boolean;
}

const reencryptedAtOnce = 50;

export function lmdbEntityStore(environment: Environment): LmdbEntityStore {
  const { vault, transact, read, collection } = environment;
  const { encrypt, decrypt, candidates, withoutReferences, reencrypt } = rowEncryption(vault);
  const entities = collection<EncryptedRow, [kind: string, id: string]>('entities');
  const unique = collection<string>('unique');
  const references = collection<ForeignKey['onDelete'], ReferenceKey>('references');
  const tagged = collection<0, [kind: string, tag: string, id: string]>('tags');

  function find(kind: string, id: string): Entity | undefined {
    const found = isId(id) ? entities.get([kind, id]) : undefined;
    return found === undefined ? undefined : decrypt(found);
  }

  /** The id of the row that has this unique key. */
  function holder(kind: string, key: string): string | undefined {
    for (const digest of candidates(kind, key)) {
      const id = unique.get(digest);
      if (id !== undefined) return id;
    }
    return undefined;
  }

  const isTaken = (kind: string, id: string, key: string): boolean => {
    const held = holder(kind, key);
    return held !== undefined && held !== id;
  };

  /** Why `row` cannot be written; `undefined` if it can. */
  function problem(kind: EntityKind, row: Entity): Written | undefined {
    const taken = uniqueKeys(kind, row).find(({ key }) => isTaken(kind.name, row.id, key));
    if (taken !== undefined) return { outcome: 'taken', fields: taken.fields };
    for (const foreign of kind.foreign) {
      const target = referenceIn(row, foreign.field);
      if (target !== undefined && !(isId(target) && entities.doesExist([foreign.kind, target]))) {
        return { outcome: 'dangling', field: foreign.field };
      }
    }
    return undefined;
  }

  /** Writes a row in the place of its earlier version, and its keys in all indexes. */
  function put(stored: EncryptedRow): void {
    const { kind, row } = stored;
    const before = entities.get([kind, row.id]);
    if (before !== undefined) unlink(before);
    entities.putSync([kind, row.id], stored);
    for (const { digest } of stored.unique) unique.putSync(digest, row.id);
    for (const { kind: target, id, field, onDelete } of stored.references) {
      references.putSync([target, id, kind, row.id, field], onDelete);
    }
    for (const tag of stored.tags) tagged.putSync([kind, tag, row.id], 0);
  }

  function unlink({ kind, row, unique: keys, references: pointed, tags }: EncryptedRow): void {
    for (const { digest } of keys) unique.removeSync(digest);
    for (const { kind: target, id, field } of pointed) references.removeSync([target, id, kind, row.id, field]);
    for (const tag of tags) tagged.removeSync([kind, tag, row.id]);
  }

  const related: RelatedRows<EncryptedRow> = {
    kindOf: ({ kind }) => kind,
    nameOf: ({ kind, row }) => JSON.stringify([kind, row.id]),
    pointersTo: ({ kind, row }) =>
      [...references.getRange(under(kind, row.id))].map(({ key: [, , fromKind, fromId, field], value: onDelete }) => ({
        from: entities.get([fromKind, fromId])!,
        field,
        onDelete,
      })),
    uniqueKeysOf: ({ unique: keys }) => keys.map(({ digest }) => digest),
    withoutReferences(before, fields) {
      const { stored, changed } = withoutReferences(before, fields);
      return changed.some(({ key }) => isTaken(before.kind, before.row.id, key)) ? undefined : stored;
    },
  };

  /** The ids of rows that may match, in order, from `after` or a little before it. */
  function* mayMatch(kind: EntityKind, { after, where, tags }: EntityQuery): Generator<string, void> {
    const from = after !== undefined && isId(after) ? after : '';
    if (where !== undefined && kind.unique.includes(where.field)) {
      const id = holder(kind.name, uniqueKey(where.field, where.value));
      if (id !== undefined) yield id;
      return;
    }
    const foreign = kind.foreign.find(({ field }) => `${field}.id` === where?.field);
    if (where !== undefined && foreign !== undefined) {
      if (!isId(where.value)) return;
      const { end } = under(foreign.kind, where.value, kind.name);
      for (const [, , , id, field] of references.getKeys({
        start: [foreign.kind, where.value, kind.name, from],
        end,
      })) {
        if (field === foreign.field) yield id;
      }
      return;
    }
    const withTag = (tag: string) => (start: string | undefined) => idsWithTag(kind.name, tag, start ?? '');
    if (tags === 'some') return yield* idsWithTag(kind.name, anyTag, from);
    if (tags !== undefined && 'any' in tags) return yield* idsInAny(tags.any.map(tagDigest).map(withTag), from);
    if (tags !== undefined && tags.all.length > 0) {
      return yield* idsInAll(tags.all.map(tagDigest).map(withTag), from);
    }
    const { end } = under(kind.name);
    for (const [, id] of entities.getKeys({ start: [kind.name, from], end })) yield id;
  }

  function* idsWithTag(kind: string, tag: string, from: string): Generator<string, void> {
    const { end } = under(kind, tag);
    for (const [, , id] of tagged.getKeys({ start: [kind, tag, from], end })) yield id;
  }

  function* matching(kind: EntityKind, query: EntityQuery): Iterable<Entity> {
    for (const id of mayMatch(kind, query)) {
      if (query.after !== undefined && id <= query.after) continue;
      const row = find(kind.name, id);
      if (row !== undefined && matches(row, query)) yield row;
    }
  }

  return {
    insert(kind, row) {
      mustBeId(row.id, `the id of a row of ${kind.name}`);
      const plain = plainRow(row);
      return transact((): Written => {
        if (entities.doesExist([kind.name, row.id])) return { outcome: 'taken', fields: ['id'] };
        const refused = problem(kind, plain);
        if (refused !== undefined) return refused;
        put(encrypt(kind, plain));
        return { outcome: 'written' };
      });
    },

    get: (kind, id) => read(() => find(kind.name, id)),

    getBy: (kind, field, value) =>
      read(() => {
        const id = holder(kind.name, uniqueKey(field, value));
        return id === undefined ? undefined : find(kind.name, id);
      }),

    replace(kind, row, how = {}) {
      mustBeId(row.id, `the id of a row of ${kind.name}`);
      const plain = plainRow(row);
      return transact((): Written => {
        const refused = replacementProblem(find(kind.name, row.id), how) ?? problem(kind, plain);
        if (refused !== undefined) return refused;
        put(encrypt(kind, plain));
        return { outcome: 'written' };
      });
    },

    remove: (kind, id) =>
      transact(() => {
        const first = isId(id) ? entities.get([kind.name, id]) : undefined;
        if (first === undefined) return { outcome: 'missing' };
        const plan = planRemoval(first, related);
        if ('restrictedBy' in plan) return { outcome: 'restricted', by: plan.restrictedBy };
        for (const stored of plan.deleted) {
          unlink(stored);
          entities.removeSync([stored.kind, stored.row.id]);
        }
        for (const { after } of plan.changed) put(after);
        return {
          outcome: 'removed',
          rows: plan.deleted.map(({ kind, row }) => ({ kind, id: row.id })),
        };
      }),

    page: (kind, query) => read(() => takePage(matching(kind, query), query.size, ({ id }) => id)),

    reencrypt: () =>
      eachKey(environment, entities, reencryptedAtOnce, (key) => {
        const stored = entities.get(key)!;
        const texts = [...stored.secrets.map(({ text }) => text), ...stored.unique.map(({ digest }) => digest)];
        if (!texts.every((text) => text.startsWith(`${vault.keyId}.`))) put(reencrypt(stored));
      }),

    uses: (keyId) => read(() => unique.getKeysCount({ ...digestsOfKey(keyId), limit: 1 }) > 0),
  };
}
