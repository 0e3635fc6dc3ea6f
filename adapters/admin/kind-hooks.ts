/**
 * What the Admin API does around the reads and writes of single kinds of entity: an entry for each such kind, and one
 * store that applies the entries (`hook-table.ts` holds them). Rows of all other kinds go straight to the store.
 */
import type { Entity, EntityKind, EntityStore, Written } from '../../src/ports/entity-store.ts';
import type { MaybePromise } from '../../src/ports/maybe-promise.ts';
import type { Description, Fields } from '../../src/schema/description.ts';
import type { Draft } from '../../src/schema/draft.ts';
import type { RefusalBody } from '../../src/schema/error-bodies.ts';
import type { Violations } from '../../src/schema/violations.ts';
import type { AdminRequest, Method } from './endpoints.ts';
import type { AdminResponse } from './response.ts';

export interface KindHooks {
  /** Holds the rows of this kind instead of the entity store. */
  readonly store?: EntityStore;
  /** Fields that rows of this kind have in the Admin API only. */
  readonly fields?: Fields;
  /** An expired row is deleted when it is read, and another row can have its unique values. */
  readonly hasExpired?: (stored: Entity) => boolean;
  /** The row that the Admin API shows for a stored one. */
  readonly shown?: (stored: Entity) => MaybePromise<Entity>;
  /** The row to store for one that the Admin API shows. */
  readonly stored?: (row: Entity, before: Before | undefined) => Entity;
  /** What is wrong with a row in view of other rows. */
  readonly violations?: (draft: Draft) => MaybePromise<Violations | undefined>;
  /** Runs after a valid row was written; returns the row for the response. */
  readonly afterWrite?: (row: Entity) => MaybePromise<Entity>;
  /** Why a row cannot be removed. */
  readonly beforeRemove?: (row: Entity) => MaybePromise<RefusalBody | undefined>;
  readonly afterRemove?: (ids: readonly string[]) => MaybePromise<unknown>;
  /** Reads the keys of a path whose first key means a row of this kind. */
  readonly readKeys?: (
    request: AdminRequest,
    path: string,
    method: Method,
  ) => MaybePromise<AdminRequest | AdminResponse>;
}

/** The row that is replaced. */
export interface Before {
  readonly shown: Entity;
  readonly stored: Entity;
}

export type Hooks = ReadonlyMap<string, KindHooks>;

/** The descriptions with the fields that rows have in the Admin API only. */
export function withHookedFields(
  entities: ReadonlyMap<string, Description>,
  hooks: Hooks,
): ReadonlyMap<string, Description> {
  return new Map(
    [...entities].map(([name, description]) => {
      const fields = hooks.get(name)?.fields;
      return [
        name,
        fields === undefined ? description : { ...description, fields: { ...description.fields, ...fields } },
      ];
    }),
  );
}

const none: KindHooks = {};

/** The store as the Admin API sees it. */
export function hookedStore(store: EntityStore, hooks: Hooks): EntityStore {
  const of = (kind: EntityKind): KindHooks => hooks.get(kind.name) ?? none;
  const storeOf = (kind: EntityKind): EntityStore => of(kind).store ?? store;
  /** The stored row of a row that was shown. */
  const storedRow = new WeakMap<Entity, Entity>();

  async function show(kind: EntityKind, stored: Entity | undefined): Promise<Entity | undefined> {
    const { hasExpired, shown } = of(kind);
    if (stored === undefined) return undefined;
    if (hasExpired?.(stored) === true) {
      await storeOf(kind).remove(kind, stored.id);
      return undefined;
    }
    if (shown === undefined) return stored;
    const row = await shown(stored);
    storedRow.set(row, stored);
    return row;
  }

  const write = async (
    kind: EntityKind,
    row: Entity,
    before: Before | undefined,
    act: (stored: Entity) => MaybePromise<Written>,
  ): Promise<Written> => act(of(kind).stored?.(row, before) ?? row);

  const getBy = async (kind: EntityKind, field: string, value: string): Promise<Entity | undefined> =>
    show(kind, await storeOf(kind).getBy(kind, field, value));

  return {
    getBy,
    get: async (kind, id) => show(kind, await storeOf(kind).get(kind, id)),

    async page(kind, query) {
      const page = await storeOf(kind).page(kind, query);
      const rows: Entity[] = [];
      for (const stored of page.rows) {
        const row = await show(kind, stored);
        if (row !== undefined) rows.push(row);
      }
      return { rows, next: page.next };
    },

    async insert(kind, row) {
      const insert = () => write(kind, row, undefined, (stored) => storeOf(kind).insert(kind, stored));
      const written = await insert();
      if (written.outcome !== 'taken' || of(kind).hasExpired === undefined) return written;
      // Reading an expired row deletes it, so that the second attempt finds its values free.
      for (const field of written.fields) {
        if ((await getBy(kind, field, String(row[field]))) !== undefined) return written;
      }
      return insert();
    },

    replace(kind, row, how) {
      const shown = how?.expected;
      if (shown === undefined) return write(kind, row, undefined, (stored) => storeOf(kind).replace(kind, stored, how));
      const expected = storedRow.get(shown) ?? shown;
      return write(kind, row, { shown, stored: expected }, (stored) =>
        storeOf(kind).replace(kind, stored, { ...how, expected }),
      );
    },

    async remove(kind, id) {
      const removed = await storeOf(kind).remove(kind, id);
      if (removed.outcome !== 'removed') return removed;
      for (const [name, rows] of Map.groupBy(removed.rows, (row) => row.kind)) {
        await hooks.get(name)?.afterRemove?.(rows.map(({ id }) => id));
      }
      return removed;
    },
  };
}
