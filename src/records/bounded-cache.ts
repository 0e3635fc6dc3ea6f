/**
 * A cache with a limit, which is never older than what was announced. An announcement removes the entries that it concerns
 * at once. What was being read while anything was announced may be out of date, so it is not kept.
 */
import { type MaybePromise, whenThere } from '../ports/maybe-promise.ts';
import { orderedMap } from './ordered-map.ts';

export interface CacheEntry<K> {
  readonly key: K;
  /** Whether the entry was used since it was last looked at for eviction. */
  wasUsed: boolean;
}

export interface BoundedCache<K, E extends CacheEntry<K>, Index extends string> {
  /** The entry of a key. The caller sets `wasUsed` when it uses the entry. */
  get(key: K): E | undefined;
  /** Reads a value, and keeps it as the entry that `entryOf` makes of it, unless something was announced meanwhile. */
  readAndKeep<V>(
    key: K,
    read: () => MaybePromise<V | undefined>,
    entryOf: (value: V) => E,
  ): MaybePromise<V | undefined>;
  /** Something was announced: what is being read now is not kept. */
  announced(): void;
  /** Removes the entries that `index` has under `id`. */
  removeBy(index: Index, id: string): void;
  clear(): void;
  readonly size: number;
}

/** `indexes`: the ids by which entries are removed. An entry that `isExpired` may be evicted before the cache is full. */
export function boundedCache<K, E extends CacheEntry<K>, Index extends string>(
  limit: number,
  indexes: Readonly<Record<Index, (entry: E) => readonly string[]>>,
  isExpired?: (entry: E) => boolean,
): BoundedCache<K, E, Index> {
  /** In the order they were added. An entry that was used since goes to the end once before it is evicted. */
  const entries = orderedMap<K, E>();
  const parts = Object.entries<(entry: E) => readonly string[]>(indexes).map(([name, idsOf]) => ({
    name,
    idsOf,
    byId: new Map<string, Set<E>>(),
  }));

  /** How many announcements came. */
  let generation = 0;

  function remove(entry: E): void {
    entries.delete(entry.key);
    for (const { idsOf, byId } of parts) {
      for (const id of idsOf(entry)) {
        const there = byId.get(id);
        if (there?.delete(entry) && there.size === 0) byId.delete(id);
      }
    }
  }

  /** Evicts expired entries among the oldest, and one more if the cache is full. */
  function makeRoom(): void {
    let looks = 0;
    for (const [, entry] of entries) {
      const isFull = entries.size >= limit;
      if (!isFull && (isExpired === undefined || looks >= 2)) return;
      // Where all entries are in use, one has to be evicted in the end.
      if (isExpired?.(entry) || (isFull && (!entry.wasUsed || looks >= 32))) remove(entry);
      else if (entry.wasUsed) {
        entry.wasUsed = false;
        entries.set(entry.key, entry);
      }
      looks++;
    }
  }

  function add(entry: E): void {
    makeRoom();
    entries.set(entry.key, entry);
    for (const { idsOf, byId } of parts) {
      for (const id of idsOf(entry)) {
        const there = byId.get(id);
        if (there === undefined) byId.set(id, new Set([entry]));
        else there.add(entry);
      }
    }
  }

  return {
    get: (key) => entries.get(key),

    readAndKeep(key, read, entryOf) {
      const readAt = generation;
      return whenThere(read(), (value) => {
        if (readAt !== generation) return value;
        const before = entries.get(key);
        if (before !== undefined) remove(before);
        if (value !== undefined) add(entryOf(value));
        return value;
      });
    },

    announced: () => void generation++,

    removeBy(index, id) {
      const theirs = parts.find(({ name }) => name === index)?.byId.get(id);
      for (const entry of theirs ?? []) remove(entry);
    },

    clear() {
      entries.clear();
      for (const { byId } of parts) byId.clear();
    },

    get size() {
      return entries.size;
    },
  };
}
