import type { MaybePromise } from './maybe-promise.ts';

/**
 * The rows that an operator writes: services, routes, plugins, consumers, credentials … One port for all kinds. The
 * `EntityKind` says what a kind needs from the store; it is derived from the description of the entity.
 */
export interface EntityStore {
  insert(kind: EntityKind, row: Entity): MaybePromise<Written>;
  get(kind: EntityKind, id: string): MaybePromise<Entity | undefined>;
  /** By a unique field. Secret fields are found by their digest. */
  getBy(kind: EntityKind, field: string, value: string): MaybePromise<Entity | undefined>;
  /**
   * Writes `row` over the one with its id. With `expected` (the row as it was read) only if the row is still the same:
   * `changed` otherwise. `missing`: there is no such row, and `orInsert` is not set.
   */
  replace(kind: EntityKind, row: Entity, how?: Replacement): MaybePromise<Written>;
  /** Removes a row and all rows that cascade from it, in one operation. Removes nothing if another row restricts it. */
  remove(kind: EntityKind, id: string): MaybePromise<Removed>;
  /**
   * In the order of their ids. A page starts after an id, so rows that are inserted between two pages do not shift it.
   * Where the query names a unique field, a reference or tags, the store uses an index and reads only rows that match.
   */
  page(kind: EntityKind, query: EntityQuery): MaybePromise<EntityPage>;
}

export interface Replacement {
  readonly expected?: Entity;
  readonly orInsert?: boolean;
}

/** A row: JSON values only. `id` is a UUID. A reference to another row is `{ id }` or null. */
export type Entity = { readonly id: string } & { readonly [field: string]: Json | undefined };
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

export interface EntityKind {
  /** The name of the collection, as in the Admin API's paths: `services`, `oauth2_credentials`. */
  readonly name: string;
  /** Fields whose value, when not null, no other row of the kind has. */
  readonly unique: readonly string[];
  /** Sets of fields whose values together no other row has, null counting as a value (a plugin's name and its scopes). */
  readonly uniqueTogether: readonly (readonly string[])[];
  readonly foreign: readonly ForeignKey[];
  /** The places in a row (`client_secret`, `config.provision_key`) that are encrypted at rest. */
  readonly encrypted: (row: Entity) => readonly string[];
}

export interface ForeignKey {
  readonly field: string;
  /** The kind it points to. */
  readonly kind: string;
  /** What happens to this row when the other is removed. */
  readonly onDelete: 'cascade' | 'restrict' | 'null';
}

export type Written =
  | { readonly outcome: 'written' }
  /** The fields that clash: one for `unique`, several for `uniqueTogether`. */
  | { readonly outcome: 'taken'; readonly fields: readonly string[] }
  | { readonly outcome: 'dangling'; readonly field: string }
  | { readonly outcome: 'missing' }
  | { readonly outcome: 'changed' };

export type Removed =
  /** Kind and id of all removed rows, the requested one first. */
  | { readonly outcome: 'removed'; readonly rows: readonly RemovedRow[] }
  | { readonly outcome: 'missing' }
  /** The kind of the rows that still refer to this one. */
  | { readonly outcome: 'restricted'; readonly by: string };

export interface RemovedRow {
  readonly kind: string;
  readonly id: string;
}

export interface EntityQuery {
  readonly size: number;
  readonly after: string | undefined;
  /** Only rows whose field (dotted for a reference: `service.id`) has this value. */
  readonly where?: { readonly field: string; readonly value: string };
  /** Only rows that carry all (or any) of these tags; `some`: at least one tag. */
  readonly tags?: TagFilter;
}

export type TagFilter = { readonly all: readonly string[] } | { readonly any: readonly string[] } | 'some';

export interface EntityPage {
  readonly rows: readonly Entity[];
  /** Pass as `after` for the next page; absent on the last. */
  readonly next: string | undefined;
}

// Decisions for stores without a query language ---------------------------------------------------------------------

/** The value at a place of a row: a field, or a path into one with dots. Undefined where there is none. */
export function valueAt(row: Entity, place: string): Json | undefined {
  let value: Json | undefined = row as Json;
  for (const name of place.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as { readonly [key: string]: Json })[name];
  }
  return value;
}

/** The id that a reference points to. */
export function referenceIn(row: Entity, field: string): string | undefined {
  const id = valueAt(row, `${field}.id`);
  return typeof id === 'string' ? id : undefined;
}

/** The keys that no other row of the kind may have: one for each unique field with a value, and one for each set of fields. */
export function uniqueKeys(kind: Pick<EntityKind, 'unique' | 'uniqueTogether'>, row: Entity): readonly UniqueKey[] {
  const keys: UniqueKey[] = [];
  for (const field of kind.unique) {
    const value = valueAt(row, field) ?? null;
    if (value !== null) keys.push({ fields: [field], together: false, key: uniqueKey(field, value) });
  }
  for (const fields of kind.uniqueTogether) {
    const values = fields.map((field) => referenceIn(row, field) ?? valueAt(row, field) ?? null);
    keys.push({ fields, together: true, key: JSON.stringify([fields, values]) });
  }
  return keys;
}

export interface UniqueKey {
  readonly fields: readonly string[];
  readonly together: boolean;
  readonly key: string;
}

export function uniqueKey(field: string, value: Json): string {
  return JSON.stringify([field, value]);
}

/** The unique key of the same fields in another row; none if the row has no value there. */
export function uniqueKeyAgain(
  { fields, together }: Pick<UniqueKey, 'fields' | 'together'>,
  row: Entity,
): readonly UniqueKey[] {
  return uniqueKeys(together ? { unique: [], uniqueTogether: [fields] } : { unique: fields, uniqueTogether: [] }, row);
}

/** A copy of `row` with another value at a place that it has. */
export function withValue(row: Entity, place: string, value: Json): Entity {
  return replaced(row as Json, place.split('.'), value) as Entity;
}

function replaced(whole: Json, [name, ...rest]: readonly string[], value: Json): Json {
  if (name === undefined) return value;
  if (Array.isArray(whole)) {
    return whole.map((part: Json, at) => (String(at) === name ? replaced(part, rest, value) : part));
  }
  const parts = whole as { readonly [name: string]: Json };
  return { ...parts, [name]: replaced(parts[name] ?? null, rest, value) };
}

/** Whether a row belongs to the result of a query, on whichever page. */
export function matches(row: Entity, { where, tags }: EntityQuery): boolean {
  if (where !== undefined && valueAt(row, where.field) !== where.value) return false;
  if (tags === undefined) return true;
  const its = tagsOf(row);
  if (tags === 'some') return its.length > 0;
  return 'all' in tags ? tags.all.every((tag) => its.includes(tag)) : tags.any.some((tag) => its.includes(tag));
}

export function tagsOf(row: Entity): readonly string[] {
  const tags = row['tags'];
  return Array.isArray(tags) ? tags.filter((tag): tag is string => typeof tag === 'string') : [];
}

/** Why a row cannot be written over `before`; `undefined` if it can. */
export function replacementProblem(
  before: Entity | undefined,
  { expected, orInsert = false }: Replacement,
): Written | undefined {
  if (before === undefined && !orInsert) return { outcome: 'missing' };
  return expected !== undefined && !sameRow(before, expected) ? { outcome: 'changed' } : undefined;
}

/** Whether two rows are the same as JSON: the order of names and members that are undefined do not count. */
export function sameRow(one: Json | Entity | undefined, other: Json | Entity | undefined): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const names = (value: object) => Object.keys(value).filter((name) => Reflect.get(value, name) !== undefined);
  const of = names(one);
  return (
    of.length === names(other).length &&
    of.every((name) => Object.hasOwn(other, name) && sameRow(Reflect.get(one, name), Reflect.get(other, name)))
  );
}
