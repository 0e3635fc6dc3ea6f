/** Entities (services, routes, consumers …) in memory. Every operation is synchronous, hence atomic. */
import type {
  Entity,
  EntityKind,
  EntityQuery,
  EntityStore,
  ForeignKey,
  Json,
  Written,
} from '../../src/ports/entity-store.ts';
import {
  matches,
  referenceIn,
  replacementProblem,
  tagsOf,
  uniqueKey,
  uniqueKeys,
} from '../../src/ports/entity-store.ts';
import { anyTag, plainRow } from '../../src/records/entities-at-rest.ts';
import { idsInAll, idsInAny } from '../../src/records/id-sequences.ts';
import { takePage } from '../../src/records/pages.ts';
import { type Pointer, planRemoval, type RelatedRows } from '../../src/records/removal.ts';
import { type OrderedIds, orderedIds } from './ordered-ids.ts';

interface EntityRow {
  readonly kind: EntityKind;
  readonly entity: Entity;
}

interface Collection {
  readonly rows: Map<string, EntityRow>;
  readonly ids: OrderedIds;
  /** From each unique key to the id of the row that has it. */
  readonly unique: Map<string, string>;
  /** The rows with each tag; those with any tag under `anyTag`. */
  readonly tagged: Map<string, OrderedIds>;
}

/** The rows of one kind that point to one row by one field. */
interface Pointers {
  readonly kind: string;
  readonly by: ForeignKey;
  readonly ids: OrderedIds;
}

export function memoryEntityStore(): EntityStore {
  const collections = new Map<string, Collection>();
  /** By the kind and id of the row that they point to, then by the kind and field that point. */
  const references = new Map<string, Map<string, Pointers>>();

  function collection({ name }: { readonly name: string }): Collection {
    const known = collections.get(name);
    if (known !== undefined) return known;
    const created = { rows: new Map(), ids: orderedIds(), unique: new Map(), tagged: new Map() };
    collections.set(name, created);
    return created;
  }

  /** Why `entity` cannot be written; `undefined` if it can. */
  function problem(kind: EntityKind, entity: Entity): Written | undefined {
    const { unique } = collection(kind);
    for (const { fields, key } of uniqueKeys(kind, entity)) {
      const holder = unique.get(key);
      if (holder !== undefined && holder !== entity.id) return { outcome: 'taken', fields };
    }
    for (const foreign of kind.foreign) {
      const target = referenceIn(entity, foreign.field);
      if (target !== undefined && !collections.get(foreign.kind)?.rows.has(target)) {
        return { outcome: 'dangling', field: foreign.field };
      }
    }
    return undefined;
  }

  function put(kind: EntityKind, entity: Entity): void {
    const { rows, ids, unique, tagged } = collection(kind);
    const { id } = entity;
    const before = rows.get(id);
    if (before !== undefined) unlink(before);
    rows.set(id, { kind, entity });
    ids.add(id);
    for (const { key } of uniqueKeys(kind, entity)) unique.set(key, id);
    for (const tag of tagKeys(entity)) entryOf(tagged, tag, orderedIds).add(id);
    for (const by of kind.foreign) {
      const target = referenceIn(entity, by.field);
      if (target === undefined) continue;
      const pointing = entryOf(references, nameOf(by.kind, target), () => new Map<string, Pointers>());
      entryOf(pointing, nameOf(kind.name, by.field), () => ({ kind: kind.name, by, ids: orderedIds() })).ids.add(id);
    }
  }

  function unlink({ kind, entity }: EntityRow): void {
    const { unique, tagged } = collection(kind);
    const { id } = entity;
    for (const { key } of uniqueKeys(kind, entity)) unique.delete(key);
    for (const tag of tagKeys(entity)) {
      const there = tagged.get(tag);
      there?.delete(id);
      if (there?.size === 0) tagged.delete(tag);
    }
    for (const by of kind.foreign) {
      const target = referenceIn(entity, by.field);
      const pointing = target === undefined ? undefined : references.get(nameOf(by.kind, target));
      const there = pointing?.get(nameOf(kind.name, by.field));
      there?.ids.delete(id);
      if (there?.ids.size === 0) pointing?.delete(nameOf(kind.name, by.field));
      if (pointing?.size === 0) references.delete(nameOf(by.kind, target!));
    }
  }

  function* pointersTo({ kind, entity }: EntityRow): Iterable<Pointer<EntityRow>> {
    for (const { kind: name, by, ids } of references.get(nameOf(kind.name, entity.id))?.values() ?? []) {
      const { rows } = collection({ name });
      for (const id of ids.from(undefined)) {
        yield { from: rows.get(id)!, field: by.field, onDelete: by.onDelete };
      }
    }
  }

  const related: RelatedRows<EntityRow> = {
    kindOf: ({ kind }) => kind.name,
    nameOf: ({ kind, entity }) => nameOf(kind.name, entity.id),
    pointersTo,
    uniqueKeysOf: ({ kind, entity }) => uniqueKeys(kind, entity).map(({ key }) => nameOf(kind.name, key)),
    withoutReferences(row, fields) {
      const entity = { ...row.entity, ...Object.fromEntries(fields.map((field) => [field, null])) };
      return problem(row.kind, entity)?.outcome === 'taken' ? undefined : { ...row, entity };
    },
  };

  function bySingleField(kind: EntityKind, field: string, value: string): EntityRow | undefined {
    const { rows, unique } = collection(kind);
    const id = unique.get(uniqueKey(field, value));
    return id === undefined ? undefined : rows.get(id);
  }

  /** The ids of rows that may match, in order, from the index that the query can use. */
  function mayMatch(kind: EntityKind, { after, where, tags }: EntityQuery): Iterable<string> {
    const { ids, tagged } = collection(kind);
    if (where !== undefined && kind.unique.includes(where.field)) {
      const row = bySingleField(kind, where.field, where.value);
      return row === undefined ? [] : [row.entity.id];
    }
    const foreign = kind.foreign.find(({ field }) => `${field}.id` === where?.field);
    if (where !== undefined && foreign !== undefined) {
      const pointing = references.get(nameOf(foreign.kind, where.value));
      return pointing?.get(nameOf(kind.name, foreign.field))?.ids.from(after) ?? [];
    }
    const withTag = (tag: string) => (from: string | undefined) => tagged.get(tag)?.from(from) ?? [];
    if (tags === 'some') return withTag(anyTag)(after);
    if (tags !== undefined && 'any' in tags) return idsInAny(tags.any.map(tagKey).map(withTag), after);
    if (tags !== undefined && tags.all.length > 0) return idsInAll(tags.all.map(tagKey).map(withTag), after);
    return ids.from(after);
  }

  function* matching(kind: EntityKind, query: EntityQuery): Iterable<Entity> {
    const { rows } = collection(kind);
    for (const id of mayMatch(kind, query)) {
      if (query.after !== undefined && id <= query.after) continue;
      const { entity } = rows.get(id)!;
      if (matches(entity, query)) yield entity;
    }
  }

  return {
    insert(kind, entity) {
      if (collection(kind).rows.has(entity.id)) return { outcome: 'taken', fields: ['id'] };
      const row = frozen(entity);
      const refused = problem(kind, row);
      if (refused !== undefined) return refused;
      put(kind, row);
      return { outcome: 'written' };
    },

    get: (kind, id) => collection(kind).rows.get(id)?.entity,

    getBy: (kind, field, value) => bySingleField(kind, field, value)?.entity,

    replace(kind, entity, how = {}) {
      const row = frozen(entity);
      const refused = replacementProblem(collection(kind).rows.get(row.id)?.entity, how) ?? problem(kind, row);
      if (refused !== undefined) return refused;
      put(kind, row);
      return { outcome: 'written' };
    },

    remove(kind, id) {
      const first = collection(kind).rows.get(id);
      if (first === undefined) return { outcome: 'missing' };
      const plan = planRemoval(first, related);
      if ('restrictedBy' in plan) return { outcome: 'restricted', by: plan.restrictedBy };
      for (const row of plan.deleted) {
        unlink(row);
        const { rows, ids } = collection(row.kind);
        rows.delete(row.entity.id);
        ids.delete(row.entity.id);
      }
      for (const { after } of plan.changed) put(after.kind, frozen(after.entity));
      return { outcome: 'removed', rows: plan.deleted.map(({ kind, entity }) => ({ kind: kind.name, id: entity.id })) };
    },

    page: (kind, query) => takePage(matching(kind, query), query.size, ({ id }) => id),
  };
}

const nameOf = (kind: string, id: string): string => JSON.stringify([kind, id]);

const tagKey = (tag: string): string => `tag ${tag}`;

function tagKeys(entity: Entity): Iterable<string> {
  const tags = tagsOf(entity);
  return tags.length === 0 ? [] : new Set([anyTag, ...tags.map(tagKey)]);
}

function entryOf<V>(map: Map<string, V>, key: string, create: () => V): V {
  let there = map.get(key);
  if (there === undefined) {
    there = create();
    map.set(key, there);
  }
  return there;
}

/** A copy that cannot be changed. */
function frozen(entity: Entity): Entity {
  return freeze(plainRow(entity));
}

function freeze<T extends Json | Entity>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) freeze(part as Json);
    Object.freeze(value);
  }
  return value;
}
