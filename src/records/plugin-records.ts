/**
 * Rows that plugins look up by key, remembered in memory. A change that was announced takes effect at once
 * (`bounded-cache.ts`); a key without a row is looked up each time.
 */
import type { Consumer } from '../oauth/client.ts';
import type { Announcement } from '../ports/announcements.ts';
import type { Entity, EntityKind, EntityStore } from '../ports/entity-store.ts';
import { type MaybePromise, whenThere } from '../ports/maybe-promise.ts';
import type { PluginRecords } from '../ports/plugin-records.ts';
import { consumerOf } from './bearers.ts';
import { boundedCache, type CacheEntry } from './bounded-cache.ts';
import { allRows } from './pages.ts';

export interface RememberedRecords extends PluginRecords {
  /** Subscribe this to the announcements. */
  apply(announcement: Announcement): void;
  readonly remembered: number;
}

export function rememberedRecords(
  store: Pick<EntityStore, 'get' | 'getBy' | 'page'>,
  kindOf: (name: string) => EntityKind,
  limit = 100_000,
  /** Whether all announcements of other nodes up to a moment ago were received. */
  isFresh: () => boolean = () => true,
): RememberedRecords {
  const cache = boundedCache<string, Entry, 'row' | 'list'>(limit, {
    row: ({ found }) => (isList(found) ? [] : [found.id]),
    // By the kind of their rows: a new row may belong to any list.
    list: ({ kind, found }) => (isList(found) ? [kind] : []),
  });

  function recall<T extends Entry['found']>(
    key: string,
    kind: string,
    read: () => MaybePromise<T | undefined>,
  ): MaybePromise<T | undefined> {
    const entry = isFresh() ? cache.get(key) : undefined;
    if (entry !== undefined) {
      entry.wasUsed = true;
      return entry.found as T;
    }
    return cache.readAndKeep(key, read, (found) => ({ key, kind, found, wasUsed: false }));
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
      cache.announced();
      if (announcement.announces === 'entityChanged') {
        cache.removeBy('row', announcement.id);
        cache.removeBy('list', announcement.kind);
      } else if (announcement.announces === 'everythingChanged') cache.clear();
    },

    get remembered() {
      return cache.size;
    },
  };
}

/** A consumer by its id, or else by its username. */
export function findConsumer(records: PluginRecords, idOrUsername: string): MaybePromise<Consumer | undefined> {
  const by = (field: string) =>
    whenThere(records.findBy('consumers', field, idOrUsername), (row) =>
      row === undefined ? undefined : consumerOf(row),
    );
  return whenThere(by('id'), (byId) => byId ?? by('username'));
}

interface Entry extends CacheEntry<string> {
  readonly kind: string;
  readonly found: Entity | readonly Entity[];
}

function isList(found: Entry['found']): found is readonly Entity[] {
  return Array.isArray(found);
}
