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
import { matches, referenceIn, replacementProblem, uniqueKey, uniqueKeys } from '../../src/ports/entity-store.ts';
import { plainRow } from '../../src/records/entities-at-rest.ts';
import { takePage } from '../../src/records/pages.ts';
import { planRemoval, type RelatedRows } from '../../src/records/removal.ts';
import { type OrderedIds, orderedIds } from './ordered-ids.ts';

interface EntityRow {
  readonly kind: EntityKind;
  readonly entity: Entity;
  /** Its own references to other rows. */
  readonly references: Reference[];
}

interface Collection {
  readonly rows: Map<string, EntityRow>;
  readonly ids: OrderedIds;
  /** From each unique key to the id of the row that has it. */
  readonly unique: Map<string, string>;
}

interface Reference {
  readonly from: EntityRow;
  readonly by: ForeignKey;
  /** The kind and id of the row that it points to. */
  readonly target: string;
}

export function memoryEntityStore(): EntityStore {
  const collections = new Map<string, Collection>();
  /** By the kind and id of the row that they point to. */
  const references = new Map<string, Set<Reference>>();

  function collection({ name }: { readonly name: string }): Collection {
    const known = collections.get(name);
    if (known !== undefined) return known;
    const rows = new Map<string, EntityRow>();
    const created = { rows, ids: orderedIds(rows), unique: new Map<string, string>() };
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
    const { rows, ids, unique } = collection(kind);
    const before = rows.get(entity.id);
    if (before === undefined) ids.add(entity.id);
    else unlink(before);
    const row: EntityRow = { kind, entity, references: [] };
    rows.set(entity.id, row);
    for (const { key } of uniqueKeys(kind, entity)) unique.set(key, entity.id);
    for (const by of kind.foreign) {
      const id = referenceIn(entity, by.field);
      if (id === undefined) continue;
      const target = nameOf(by.kind, id);
      const reference = { from: row, by, target };
      row.references.push(reference);
      references.set(target, (references.get(target) ?? new Set()).add(reference));
    }
  }

  function unlink(row: EntityRow): void {
    const { unique } = collection(row.kind);
    for (const { key } of uniqueKeys(row.kind, row.entity)) unique.delete(key);
    for (const reference of row.references) {
      const there = references.get(reference.target)!;
      there.delete(reference);
      if (there.size === 0) references.delete(reference.target);
    }
  }

  const related: RelatedRows<EntityRow> = {
    kindOf: ({ kind }) => kind.name,
    nameOf: ({ kind, entity }) => nameOf(kind.name, entity.id),
    pointersTo: ({ kind, entity }) =>
      [...(references.get(nameOf(kind.name, entity.id)) ?? [])].map(({ from, by: { field, onDelete } }) => ({
        from,
        field,
        onDelete,
      })),
    uniqueKeysOf: ({ kind, entity }) => uniqueKeys(kind, entity).map(({ key }) => nameOf(kind.name, key)),
    withoutReferences(row, fields) {
      const entity = { ...row.entity, ...Object.fromEntries(fields.map((field) => [field, null])) };
      return problem(row.kind, entity)?.outcome === 'taken' ? undefined : { ...row, entity };
    },
  };

  function candidates(
    kind: EntityKind,
    where: { field: string; value: string } | undefined,
  ): Iterable<Entity> | undefined {
    if (where === undefined) return undefined;
    if (kind.unique.includes(where.field)) {
      const row = bySingleField(kind, where.field, where.value);
      return row === undefined ? [] : [row.entity];
    }
    const foreign = kind.foreign.find(({ field }) => `${field}.id` === where.field);
    if (foreign === undefined) return undefined;
    return [...(references.get(nameOf(foreign.kind, where.value)) ?? [])]
      .filter(({ from, by }) => from.kind.name === kind.name && by.field === foreign.field)
      .map(({ from }) => from.entity)
      .sort((one, other) => (one.id < other.id ? -1 : 1));
  }

  function bySingleField(kind: EntityKind, field: string, value: string): EntityRow | undefined {
    const { rows, unique } = collection(kind);
    const id = unique.get(uniqueKey(field, value));
    return id === undefined ? undefined : rows.get(id);
  }

  function* all(kind: EntityKind, after: string | undefined): Iterable<Entity> {
    const { rows, ids } = collection(kind);
    for (const id of ids.after(after)) yield rows.get(id)!.entity;
  }

  function* matching(kind: EntityKind, query: EntityQuery): Iterable<Entity> {
    const { after, where } = query;
    for (const entity of candidates(kind, where) ?? all(kind, after)) {
      if ((after === undefined || entity.id > after) && matches(entity, query)) yield entity;
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
        collection(row.kind).rows.delete(row.entity.id);
      }
      for (const { after } of plan.changed) put(after.kind, frozen(after.entity));
      return { outcome: 'removed', rows: plan.deleted.map(({ kind, entity }) => ({ kind: kind.name, row: entity })) };
    },

    page: (kind, query) => takePage(matching(kind, query), query.size, ({ id }) => id),
  };
}

const nameOf = (kind: string, id: string): string => JSON.stringify([kind, id]);

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
