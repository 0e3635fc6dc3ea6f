/**
 * The current rows of some kinds, kept in step with the store: reads all rows, subscribes to changes, applies them in
 * order.
 *
 *   announcement, announcement … ──▶ one batch ──▶ read from the store ──▶ rows ──▶ `changed` ──▶ publisher continues
 *
 * No change is missed. The subscription starts before the first read, so a change between the two is read twice. A read
 * that fails changes no row, and the next announcement then reads all rows again.
 */
import type { Announcement, Announcements } from '../src/ports/announcements.ts';
import type { Entity, EntityKind, EntityStore } from '../src/ports/entity-store.ts';
import type { MaybePromise } from '../src/ports/maybe-promise.ts';
import { eachPage } from '../src/records/pages.ts';
import { turns } from './turns.ts';

/** By the name of the kind, then by id. */
export type RowsByKind = ReadonlyMap<string, ReadonlyMap<string, Entity>>;

/** The rows of a batch, by the name of the kind, then by id; `undefined`: the row was removed. */
export type ChangedRows = ReadonlyMap<string, ReadonlyMap<string, Entity | undefined>>;

export interface LiveRows {
  /** One map for the whole time; its content changes. A row is never edited: a changed row is another object. */
  readonly rows: RowsByKind;
  /** Ends the subscription. */
  close(): void;
}

export async function liveRows(options: {
  readonly store: Pick<EntityStore, 'get' | 'page'>;
  readonly kinds: readonly EntityKind[];
  readonly announcements: Announcements;
  /**
   * Called after the first read and after each batch of changes, one batch at a time, before their publishers continue.
   * `changes`: what was read; `undefined`: all rows.
   */
  readonly changed: (rows: RowsByKind, changes: ChangedRows | undefined) => MaybePromise<void>;
}): Promise<LiveRows> {
  const { store, kinds, announcements, changed } = options;
  const byName = new Map(kinds.map((kind) => [kind.name, kind]));
  const rows = new Map(kinds.map((kind) => [kind.name, new Map<string, Entity>()]));
  let batch = emptyBatch(true);
  let queued: Promise<void> | undefined;
  let last: Promise<void> = Promise.resolve();

  async function applyBatch(): Promise<void> {
    const { readsAll, changes } = batch;
    batch = emptyBatch(false);
    queued = undefined;
    try {
      await changed(rows, readsAll ? await readAll() : await readChanged(changes));
    } catch (error) {
      batch.readsAll = true;
      throw error;
    }
  }

  async function readAll(): Promise<undefined> {
    const found = new Map<string, Map<string, Entity>>();
    const turn = turns();
    for (const kind of kinds) {
      const all = new Map<string, Entity>();
      found.set(kind.name, all);
      await eachPage(store, kind, { size: rowsInPage }, (page) => {
        for (const row of page) all.set(row.id, row);
        return turn();
      });
    }
    for (const [name, all] of found) rows.set(name, all);
  }

  async function readChanged(changes: Iterable<EntityChange>): Promise<ChangedRows> {
    const found = new Map<string, Map<string, Entity | undefined>>();
    const turn = turns();
    for (const { kind, id } of changes) {
      const read = found.get(kind) ?? new Map<string, Entity | undefined>();
      found.set(kind, read);
      if (!read.has(id)) read.set(id, await store.get(byName.get(kind)!, id));
      await turn();
    }
    for (const [kind, read] of found) {
      const there = rows.get(kind)!;
      for (const [id, row] of read) {
        if (row === undefined) there.delete(id);
        else there.set(id, row);
      }
    }
    return found;
  }

  /** Changes announced while a batch is being read wait for the next one, which reads them together. */
  function queueBatch(): Promise<void> {
    if (queued === undefined) {
      queued = last.then(applyBatch);
      last = queued.catch(() => undefined);
    }
    return queued;
  }

  const close = announcements.subscribe((announcement) => {
    if (announcement.announces === 'everythingChanged') batch.readsAll = true;
    else if (announcement.announces === 'entityChanged' && byName.has(announcement.kind))
      batch.changes.push(announcement);
    else return undefined;
    return queueBatch();
  });
  try {
    await queueBatch();
  } catch (error) {
    close();
    throw error;
  }
  return { rows, close };
}

const rowsInPage = 200;

type EntityChange = Extract<Announcement, { readonly announces: 'entityChanged' }>;

function emptyBatch(readsAll: boolean): { readsAll: boolean; readonly changes: EntityChange[] } {
  return { readsAll, changes: [] };
}
