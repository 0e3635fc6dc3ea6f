/** What an operator writes, in memory. Every act is synchronous, hence indivisible. */
import type {
  Entity,
  EntityKind,
  EntityPage,
  EntityStore,
  ForeignKey,
  Json,
  Written,
} from '../../src/ports/entity-store.ts';
import { matches, referenceIn, sameRow, uniqueKey, uniqueKeys } from '../../src/ports/entity-store.ts';
import { type OrderedIds, orderedIds } from './ordered-ids.ts';

interface EntityRow {
  readonly kind: EntityKind;
  readonly entity: Entity;
  /** Where it stands among the references to other rows. */
  readonly references: Reference[];
}

interface Collection {
  readonly rows: Map<string, EntityRow>;
  readonly ids: OrderedIds;
  /** The unique values, named with their fields, to the id of the row that has them. */
  readonly unique: Map<string, string>;
}

interface Reference {
  readonly from: EntityRow;
  readonly by: ForeignKey;
  /** The kind and id it points to. */
  readonly place: string;
}

export function memoryEntityStore(): EntityStore {
  const collections = new Map<string, Collection>();
  /** By kind and id of the row they point to. */
  const references = new Map<string, Set<Reference>>();

  function collection({ name }: { readonly name: string }): Collection {
    const known = collections.get(name);
    if (known !== undefined) return known;
    const rows = new Map<string, EntityRow>();
    const made = { rows, ids: orderedIds(rows), unique: new Map<string, string>() };
    collections.set(name, made);
    return made;
  }

  /** Why `entity` cannot be written; its own row, if there is one, is no obstacle. */
  function obstacle(kind: EntityKind, entity: Entity): Written | undefined {
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
      const target = referenceIn(entity, by.field);
      if (target === undefined) continue;
      const place = placeOf(by.kind, target);
      const reference = { from: row, by, place };
      row.references.push(reference);
      references.set(place, (references.get(place) ?? new Set()).add(reference));
    }
  }

  function unlink(row: EntityRow): void {
    const { unique } = collection(row.kind);
    for (const { key } of uniqueKeys(row.kind, row.entity)) unique.delete(key);
    for (const reference of row.references) {
      const there = references.get(reference.place)!;
      there.delete(reference);
      if (there.size === 0) references.delete(reference.place);
    }
  }

  /** The row and all that cascades from it, and what else points to any of them. */
  function reach(first: EntityRow): { readonly going: Set<EntityRow>; readonly staying: readonly Reference[] } {
    const going = new Set([first]);
    const others: Reference[] = [];
    for (const row of going) {
      for (const reference of references.get(placeOf(row.kind.name, row.entity.id)) ?? []) {
        if (reference.by.onDelete === 'cascade') going.add(reference.from);
        else others.push(reference);
      }
    }
    return { going, staying: others.filter(({ from }) => !going.has(from)) };
  }

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
    return [...(references.get(placeOf(foreign.kind, where.value)) ?? [])]
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

  return {
    insert(kind, entity) {
      if (collection(kind).rows.has(entity.id)) return { outcome: 'taken', fields: ['id'] };
      const row = frozen(entity);
      const reason = obstacle(kind, row);
      if (reason !== undefined) return reason;
      put(kind, row);
      return { outcome: 'written' };
    },

    get: (kind, id) => collection(kind).rows.get(id)?.entity,

    getBy: (kind, field, value) => bySingleField(kind, field, value)?.entity,

    replace(kind, entity, { expected, orInsert = false } = {}) {
      const before = collection(kind).rows.get(entity.id)?.entity;
      if (before === undefined && !orInsert) return { outcome: 'missing' };
      if (expected !== undefined && (before === undefined || !sameRow(before, expected))) return { outcome: 'changed' };
      const row = frozen(entity);
      const reason = obstacle(kind, row);
      if (reason !== undefined) return reason;
      put(kind, row);
      return { outcome: 'written' };
    },

    remove(kind, id) {
      const first = collection(kind).rows.get(id);
      if (first === undefined) return { outcome: 'missing' };
      const { going, staying } = reach(first);
      const emptied = new Map<EntityRow, Entity>();
      for (const { from, by } of staying) {
        if (by.onDelete === 'restrict') return { outcome: 'restricted', by: from.kind.name };
        emptied.set(from, { ...(emptied.get(from) ?? from.entity), [by.field]: null });
      }
      for (const [{ kind }, entity] of emptied) {
        // Without the reference it would be the same as another row.
        if (obstacle(kind, entity)?.outcome === 'taken') return { outcome: 'restricted', by: kind.name };
      }
      for (const row of going) {
        unlink(row);
        collection(row.kind).rows.delete(row.entity.id);
      }
      for (const [{ kind }, entity] of emptied) put(kind, frozen(entity));
      return { outcome: 'removed', rows: [...going].map(({ kind, entity }) => ({ kind: kind.name, row: entity })) };
    },

    page(kind, query): EntityPage {
      const rows: Entity[] = [];
      const { after, size, where } = query;
      for (const entity of candidates(kind, where) ?? all(kind, after)) {
        if ((after !== undefined && entity.id <= after) || !matches(entity, query)) continue;
        if (rows.length === size) return { rows, next: rows.at(-1)?.id };
        rows.push(entity);
      }
      return { rows, next: undefined };
    },
  };
}

const placeOf = (kind: string, id: string): string => JSON.stringify([kind, id]);

/** A copy that nobody else holds and nobody can change. */
function frozen(entity: Entity): Entity {
  return freeze(JSON.parse(JSON.stringify(entity)) as Entity);
}

function freeze<T extends Json | Entity>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) freeze(part as Json);
    Object.freeze(value);
  }
  return value;
}
