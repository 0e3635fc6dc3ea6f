/**
 * What an operator writes, in lmdb. Each row carries all that stands for it elsewhere, so that it can be taken out
 * again by whoever removes what it points to, without knowing its kind.
 *
 *     entities     kind, id → the row without its secrets, the secrets sealed, and the keys below
 *     unique       digest of the fields and their values → id
 *     references   kind and id of the row pointed to; kind, id and field of the one that points → what is to become of it
 *     tags         kind, digest of the tag, id
 */
import { createHash } from 'node:crypto';
import {
  type Entity,
  type EntityKind,
  type EntityQuery,
  type EntityStore,
  type ForeignKey,
  type Json,
  matches,
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
import { type Environment, isId, mustBeId, under } from './environment.ts';

interface EntityRow {
  /** With null in the place of each secret. */
  readonly row: Entity;
  /** Each secret with its place, sealed. */
  readonly sealed: readonly (readonly [place: string, text: string])[];
  readonly unique: readonly {
    readonly fields: readonly string[];
    readonly together: boolean;
    readonly digest: string;
  }[];
  readonly references: readonly Reference[];
  readonly tags: readonly string[];
}

interface Reference {
  readonly field: string;
  readonly kind: string;
  readonly id: string;
  readonly onDelete: ForeignKey['onDelete'];
}

type ReferenceKey = [toKind: string, toId: string, kind: string, id: string, field: string];

export interface LmdbEntityStore extends EntityStore {
  /** Writes anew, with the current key, what was sealed with an older one. */
  reencrypt(): Promise<void>;
  /** Whether anything is still found by a digest of this key. */
  uses(keyId: string): boolean;
}

const reencryptedAtOnce = 50;

export function lmdbEntityStore(environment: Environment): LmdbEntityStore {
  const { vault, act, read, collection } = environment;
  const entities = collection<EntityRow, [kind: string, id: string]>('entities');
  const unique = collection<string>('unique');
  const references = collection<ForeignKey['onDelete'], ReferenceKey>('references');
  const tagged = collection<0, [kind: string, tag: string, id: string]>('tags');

  function find(kind: string, id: string): Entity | undefined {
    const found = isId(id) ? entities.get([kind, id]) : undefined;
    return found === undefined ? undefined : opened(kind, found);
  }

  function opened(kind: string, { row, sealed }: EntityRow): Entity {
    return sealed.reduce((whole, [place, text]) => {
      const value = JSON.parse(vault.unseal(sealPurpose(kind, row.id, place), text)) as Json;
      return withValue(whole, place, value);
    }, row);
  }

  /** Who has these unique values. */
  function holder(kind: string, key: string): string | undefined {
    for (const digest of vault.candidates(uniquePurpose(kind), key)) {
      const id = unique.get(digest);
      if (id !== undefined) return id;
    }
    return undefined;
  }

  /** Why `row` cannot be written; its own earlier self is no obstacle. */
  function obstacle(kind: EntityKind, row: Entity): Written | undefined {
    for (const { fields, key } of uniqueKeys(kind, row)) {
      const id = holder(kind.name, key);
      if (id !== undefined && id !== row.id) return { outcome: 'taken', fields };
    }
    for (const foreign of kind.foreign) {
      const target = referenceIn(row, foreign.field);
      if (target !== undefined && !(isId(target) && entities.doesExist([foreign.kind, target]))) {
        return { outcome: 'dangling', field: foreign.field };
      }
    }
    return undefined;
  }

  function put(kind: EntityKind, row: Entity): void {
    const before = entities.get([kind.name, row.id]);
    if (before !== undefined) unlink(kind.name, before);
    const places = kind.encrypted(row).filter((place) => (valueAt(row, place) ?? null) !== null);
    link(kind.name, {
      row: places.reduce((open, place) => withValue(open, place, null), row),
      sealed: places.map((place) => sealedAt(kind.name, row, place)),
      unique: uniqueKeys(kind, row).map((key) => digested(kind.name, key)),
      references: kind.foreign.flatMap(({ field, kind: target, onDelete }) => {
        const id = referenceIn(row, field);
        return id === undefined ? [] : [{ field, kind: target, id, onDelete }];
      }),
      tags: tagsOf(row).map(digestOfTag),
    });
  }

  const sealedAt = (kind: string, row: Entity, place: string) =>
    [place, vault.seal(sealPurpose(kind, row.id, place), JSON.stringify(valueAt(row, place)))] as const;

  const digested = (kind: string, { fields, together, key }: UniqueKey) => ({
    fields,
    together,
    digest: vault.digest(uniquePurpose(kind), key),
  });

  function link(kind: string, stored: EntityRow): void {
    const { row, unique: keys, references: pointed, tags } = stored;
    entities.putSync([kind, row.id], stored);
    for (const { digest } of keys) unique.putSync(digest, row.id);
    for (const { kind: target, id, field, onDelete } of pointed) {
      references.putSync([target, id, kind, row.id, field], onDelete);
    }
    for (const tag of tags) tagged.putSync([kind, tag, row.id], 0);
  }

  function unlink(kind: string, { row, unique: keys, references: pointed, tags }: EntityRow): void {
    for (const { digest } of keys) unique.removeSync(digest);
    for (const { kind: target, id, field } of pointed) references.removeSync([target, id, kind, row.id, field]);
    for (const tag of tags) tagged.removeSync([kind, tag, row.id]);
  }

  /** The row and all that cascades from it, and what else points to any of them. */
  function reach(kind: string, id: string) {
    const going = new Map([[JSON.stringify([kind, id]), { kind, id }]]);
    const others: {
      readonly kind: string;
      readonly id: string;
      readonly field: string;
      readonly restricts: boolean;
    }[] = [];
    for (const target of going.values()) {
      for (const { key, value } of references.getRange(under(target.kind, target.id))) {
        const [, , fromKind, fromId, field] = key;
        if (value === 'cascade') going.set(JSON.stringify([fromKind, fromId]), { kind: fromKind, id: fromId });
        else others.push({ kind: fromKind, id: fromId, field, restricts: value === 'restrict' });
      }
    }
    return {
      going: [...going.values()],
      staying: others.filter(({ kind, id }) => !going.has(JSON.stringify([kind, id]))),
    };
  }

  /** A stored row whose reference is null now; `undefined` if it would then be the same as another row. */
  function emptied(kind: string, stored: EntityRow, field: string): EntityRow | undefined {
    const whole = withValue(opened(kind, stored), field, null);
    const keys: EntityRow['unique'][number][] = [];
    for (const one of stored.unique) {
      if (!one.fields.includes(field)) keys.push(one);
      else {
        for (const again of uniqueKeyAgain(one, whole)) {
          const id = holder(kind, again.key);
          if (id !== undefined && id !== whole.id) return undefined;
          keys.push(digested(kind, again));
        }
      }
    }
    const others = stored.references.filter((reference) => reference.field !== field);
    return { ...stored, row: withValue(stored.row, field, null), unique: keys, references: others };
  }

  function reencryptOne(kind: string, id: string): void {
    const stored = entities.get([kind, id])!;
    const texts = [...stored.sealed.map(([, text]) => text), ...stored.unique.map(({ digest }) => digest)];
    if (texts.every((text) => text.startsWith(`${vault.keyId}.`))) return;
    const whole = opened(kind, stored);
    unlink(kind, stored);
    link(kind, {
      ...stored,
      sealed: stored.sealed.map(([place]) => sealedAt(kind, whole, place)),
      unique: stored.unique.flatMap((one) => uniqueKeyAgain(one, whole).map((key) => digested(kind, key))),
    });
  }

  /** The ids of rows that may match, in their order, from some way before `after` on. */
  function* candidates(kind: EntityKind, { after, where, tags }: EntityQuery): Iterable<string> {
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
    const wanted = tags === undefined ? [] : 'all' in tags ? tags.all.slice(0, 1) : tags.any;
    if (tags !== undefined && wanted.length > 0) {
      yield* merged(wanted.map((tag) => withTag(kind.name, digestOfTag(tag), from)));
      return;
    }
    const { end } = under(kind.name);
    for (const [, id] of entities.getKeys({ start: [kind.name, from], end })) yield id;
  }

  function* withTag(kind: string, tag: string, from: string): Generator<string, void> {
    const { end } = under(kind, tag);
    for (const [, , id] of tagged.getKeys({ start: [kind, tag, from], end })) yield id;
  }

  return {
    insert(kind, row) {
      mustBeId(row.id, `the id of a row of ${kind.name}`);
      const plain = asJson(row);
      return act((): Written => {
        if (entities.doesExist([kind.name, row.id])) return { outcome: 'taken', fields: ['id'] };
        const reason = obstacle(kind, plain);
        if (reason !== undefined) return reason;
        put(kind, plain);
        return { outcome: 'written' };
      });
    },

    get: (kind, id) => read(() => find(kind.name, id)),

    getBy: (kind, field, value) =>
      read(() => {
        const id = holder(kind.name, uniqueKey(field, value));
        return id === undefined ? undefined : find(kind.name, id);
      }),

    replace(kind, row, { expected, orInsert = false } = {}) {
      mustBeId(row.id, `the id of a row of ${kind.name}`);
      const plain = asJson(row);
      return act((): Written => {
        const before = find(kind.name, row.id);
        if (before === undefined && !orInsert) return { outcome: 'missing' };
        if (expected !== undefined && !sameRow(before, expected)) return { outcome: 'changed' };
        const reason = obstacle(kind, plain);
        if (reason !== undefined) return reason;
        put(kind, plain);
        return { outcome: 'written' };
      });
    },

    remove: (kind, id) =>
      act(() => {
        if (!isId(id) || !entities.doesExist([kind.name, id])) return { outcome: 'missing' };
        const { going, staying } = reach(kind.name, id);
        const restricting = staying.find(({ restricts }) => restricts);
        if (restricting !== undefined) return { outcome: 'restricted', by: restricting.kind };

        const changed = new Map<
          string,
          { readonly kind: string; readonly before: EntityRow; readonly after: EntityRow }
        >();
        for (const { kind, id, field } of staying) {
          const name = JSON.stringify([kind, id]);
          const before = changed.get(name)?.before ?? entities.get([kind, id])!;
          const after = emptied(kind, changed.get(name)?.after ?? before, field);
          if (after === undefined) return { outcome: 'restricted', by: kind };
          changed.set(name, { kind, before, after });
        }
        const rows = going.map(({ kind, id }) => {
          const stored = entities.get([kind, id])!;
          const row = opened(kind, stored);
          unlink(kind, stored);
          entities.removeSync([kind, id]);
          return { kind, row };
        });
        for (const { kind, before, after } of changed.values()) {
          unlink(kind, before);
          link(kind, after);
        }
        return { outcome: 'removed', rows };
      }),

    page: (kind, query) =>
      read(() => {
        const { size, after } = query;
        const rows: Entity[] = [];
        for (const id of candidates(kind, query)) {
          if (after !== undefined && id <= after) continue;
          const row = find(kind.name, id);
          if (row === undefined || !matches(row, query)) continue;
          if (rows.length === size) return { rows, next: rows.at(-1)?.id };
          rows.push(row);
        }
        return { rows, next: undefined };
      }),

    async reencrypt() {
      let after: [string, string] | undefined = ['', ''];
      while (after !== undefined) {
        const start: [string, string] = after;
        after = await act(() => {
          const keys = [...entities.getKeys({ start, limit: reencryptedAtOnce })];
          for (const [kind, id] of keys) reencryptOne(kind, id);
          const last = keys.at(-1);
          return last === undefined || keys.length < reencryptedAtOnce ? undefined : [last[0], `${last[1]}!`];
        });
      }
    },

    uses: (keyId) => read(() => unique.getKeysCount({ start: `${keyId}.`, end: `${keyId}/`, limit: 1 }) > 0),
  };
}

const uniquePurpose = (kind: string): string => `unique in ${kind}`;

/** Bound to its place in its row: a sealed secret that is moved elsewhere does not open. */
const sealPurpose = (kind: string, id: string, place: string): string => `${kind} ${id} ${place}`;

function asJson(row: Entity): Entity {
  return JSON.parse(JSON.stringify(row)) as Entity;
}

function tagsOf(row: Entity): readonly string[] {
  const tags = row['tags'];
  return Array.isArray(tags) ? tags.filter((tag): tag is string => typeof tag === 'string') : [];
}

/** A tag may be of any length and hold anything; a key may not. */
function digestOfTag(tag: string): string {
  return createHash('sha256').update(tag).digest('base64url');
}

/** Several ordered sequences as one, each id once. */
function* merged(sequences: readonly Generator<string, void>[]): Iterable<string> {
  const heads = sequences.map((sequence) => ({ sequence, head: sequence.next() }));
  try {
    for (;;) {
      const ids = heads.flatMap(({ head }) => (head.done === true ? [] : [head.value]));
      if (ids.length === 0) return;
      const least = ids.reduce((one, other) => (other < one ? other : one));
      yield least;
      for (const one of heads) if (one.head.done !== true && one.head.value === least) one.head = one.sequence.next();
    }
  } finally {
    for (const { sequence } of heads) sequence.return();
  }
}
