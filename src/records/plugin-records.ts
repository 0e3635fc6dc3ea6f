/**
 * What plugins look up by key, remembered in memory under the same promise as bearers: what was announced as changed is
 * forgotten at once, what was being read while anything was announced is not kept, and what is unknown is looked for
 * each time.
 */
import type { Announcement } from '../ports/announcements.ts';
import type { Entity, EntityKind, EntityStore } from '../ports/entity-store.ts';
import { type MaybePromise, whenThere } from '../ports/maybe-promise.ts';
import type { PluginRecords } from '../ports/plugin-records.ts';
import { allRows } from './pages.ts';

export interface RememberedRecords extends PluginRecords {
  /** To be subscribed to the announcements. */
  apply(announcement: Announcement): void;
  readonly remembered: number;
}

export function rememberedRecords(
  store: Pick<EntityStore, 'get' | 'getBy' | 'page'>,
  kindOf: (name: string) => EntityKind,
  limit = 100_000,
  /** Whether all that other nodes announced until a moment ago was heard. */
  isFresh: () => boolean = () => true,
): RememberedRecords {
  /** In the order they were remembered; one that was asked for since gets a second round before it is let go. */
  const entries = new Map<string, Entry>();
  const byRow = new Map<string, Set<Entry>>();
  /** Lists, by the kind of their rows: a new row may belong to any of them. */
  const lists = new Map<string, Set<Entry>>();
  let generation = 0;

  function recall<T extends Entry['found']>(
    key: string,
    kind: string,
    read: () => MaybePromise<T | undefined>,
  ): MaybePromise<T | undefined> {
    const entry = isFresh() ? entries.get(key) : undefined;
    if (entry !== undefined) {
      entry.askedFor = true;
      return entry.found as T;
    }
    const readAt = generation;
    return whenThere(read(), (found) => {
      if (found !== undefined && readAt === generation) remember({ key, kind, found, askedFor: false });
      return found;
    });
  }

  function remember(entry: Entry): void {
    let looks = 0;
    for (const oldest of entries.values()) {
      if (entries.size < limit) break;
      // Where everything is asked for, something has to go in the end.
      if (oldest.askedFor && looks < 32) {
        oldest.askedFor = false;
        entries.delete(oldest.key);
        entries.set(oldest.key, oldest);
      } else forget(oldest);
      looks++;
    }
    const before = entries.get(entry.key);
    if (before !== undefined) forget(before);
    entries.set(entry.key, entry);
    for (const id of idsOf(entry)) add(byRow, id, entry);
    if (isList(entry.found)) add(lists, entry.kind, entry);
  }

  function forget(entry: Entry): void {
    entries.delete(entry.key);
    for (const id of idsOf(entry)) drop(byRow, id, entry);
    drop(lists, entry.kind, entry);
  }

  return {
    findBy: (kind, field, value) =>
      recall(JSON.stringify([kind, field, value]), kind, () =>
        field === 'id' ? store.get(kindOf(kind), value) : store.getBy(kindOf(kind), field, value),
      ),

    allOf(kind, reference, id) {
      const where = { field: `${reference}.id`, value: id };
      const read = () => allRows(store, kindOf(kind), { size: 100, where });
      return whenThere(
        recall<readonly Entity[]>(JSON.stringify([kind, reference, id, 'all']), kind, read),
        (rows) => rows ?? [],
      );
    },

    apply(announcement) {
      generation++;
      if (announcement.announces === 'entityChanged') {
        for (const entry of byRow.get(announcement.id) ?? []) forget(entry);
        for (const entry of lists.get(announcement.kind) ?? []) forget(entry);
      } else if (announcement.announces === 'everythingChanged') {
        for (const all of [entries, byRow, lists]) all.clear();
      }
    },

    get remembered() {
      return entries.size;
    },
  };
}

interface Entry {
  readonly key: string;
  readonly kind: string;
  readonly found: Entity | readonly Entity[];
  askedFor: boolean;
}

function idsOf({ found }: Entry): readonly string[] {
  return isList(found) ? found.map(({ id }) => id) : [found.id];
}

function isList(found: Entry['found']): found is readonly Entity[] {
  return Array.isArray(found);
}

function add(index: Map<string, Set<Entry>>, key: string, entry: Entry): void {
  const there = index.get(key);
  if (there === undefined) index.set(key, new Set([entry]));
  else there.add(entry);
}

function drop(index: Map<string, Set<Entry>>, key: string, entry: Entry): void {
  const there = index.get(key);
  if (there?.delete(entry) && there.size === 0) index.delete(key);
}
