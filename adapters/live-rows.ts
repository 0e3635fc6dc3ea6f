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
import { allRows } from '../src/records/pages.ts';

/** By the name of the kind, then by id. */
export type RowsByKind = ReadonlyMap<string, ReadonlyMap<string, Entity>>;

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
  /** Called after the first read and after each batch of changes, before their publishers continue. */
  readonly changed: (rows: RowsByKind) => void;
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
      if (readsAll) await readAll();
      else await readChanged(changes);
    } catch (error) {
      batch.readsAll = true;
      throw error;
    }
    changed(rows);
  }

  async function readAll(): Promise<void> {
    const found: (readonly Entity[])[] = [];
    for (const kind of kinds) found.push(await allRows(store, kind));
    for (const [at, { name }] of kinds.entries()) rows.set(name, new Map(found[at]!.map((row) => [row.id, row])));
  }

  async function readChanged(changes: Iterable<EntityChange>): Promise<void> {
    const found: (Entity | undefined)[] = [];
    const read = [...changes];
    for (const { kind, id } of read) found.push(await store.get(byName.get(kind)!, id));
    for (const [at, { kind, id }] of read.entries()) {
      const row = found[at];
      if (row === undefined) rows.get(kind)!.delete(id);
      else rows.get(kind)!.set(id, row);
    }
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

type EntityChange = Extract<Announcement, { readonly announces: 'entityChanged' }>;

function emptyBatch(readsAll: boolean): { readsAll: boolean; readonly changes: EntityChange[] } {
  return { readsAll, changes: [] };
}
