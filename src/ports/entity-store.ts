import type { MaybePromise } from './maybe-promise.ts';

/**
 * What an operator writes: services, routes, plugins, consumers, credentials … One port for all of them; what a kind
 * needs of the store is said by its `EntityKind`, which is derived from the description of the entity.
 */
export interface EntityStore {
  insert(kind: EntityKind, row: Entity): MaybePromise<Written>;
  get(kind: EntityKind, id: string): MaybePromise<Entity | undefined>;
  /** By a unique field. Secret fields are found by their digest. */
  getBy(kind: EntityKind, field: string, value: string): MaybePromise<Entity | undefined>;
  /**
   * Writes `row` over the one with its id. With `expected` (the row as it was read) only if it is still that one:
   * `changed` otherwise. `missing` when there is none, unless `orInsert`.
   */
  replace(
    kind: EntityKind,
    row: Entity,
    how?: { readonly expected?: Entity; readonly orInsert?: boolean },
  ): MaybePromise<Written>;
  /** Removes a row with everything that cascades from it, in one act; or nothing, if something restricts it. */
  remove(kind: EntityKind, id: string): MaybePromise<Removed>;
  /** In the order of their ids. Survives inserts between two pages: a page goes on after an id, not after a count. */
  page(kind: EntityKind, query: EntityQuery): MaybePromise<EntityPage>;
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
  /** The places in a row (`client_secret`, `config.provision_key`) that are sealed at rest. */
  readonly sealed: (row: Entity) => readonly string[];
}

export interface ForeignKey {
  readonly field: string;
  /** The kind it points to. */
  readonly kind: string;
  /** What becomes of this row when the other is removed. */
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
  /** Every row that went, the one asked for first. */
  | { readonly outcome: 'removed'; readonly rows: readonly { readonly kind: string; readonly row: Entity }[] }
  | { readonly outcome: 'missing' }
  /** The kind of the rows that still point here. */
  | { readonly outcome: 'restricted'; readonly by: string };

export interface EntityQuery {
  readonly size: number;
  readonly after: string | undefined;
  /** Only rows whose field (dotted for a reference: `service.id`) has this value. */
  readonly where?: { readonly field: string; readonly value: string };
  /** Only rows that carry all (or any) of these tags. */
  readonly tags?: { readonly all: readonly string[] } | { readonly any: readonly string[] };
}

export interface EntityPage {
  readonly rows: readonly Entity[];
  /** Pass as `after` for the next page; absent on the last. */
  readonly next: string | undefined;
}
