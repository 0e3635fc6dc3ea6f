/**
 * A map in the order of insertion that finds its oldest entry in constant time. `Map` does not: a new iterator passes all
 * places of deleted entries at the beginning, so evicting the oldest of 100,000 entries takes 130 µs, and a flood of new
 * keys would keep a core busy with evictions.
 */
export interface OrderedMap<K, V> {
  get(key: K): V | undefined;
  has(key: K): boolean;
  /** Adds an entry at the end. A key that exists moves to the end. */
  set(key: K, value: V): void;
  delete(key: K): boolean;
  clear(): void;
  readonly size: number;
  /** From the oldest on. The entry that was just returned may be deleted or moved to the end meanwhile. */
  [Symbol.iterator](): Iterator<readonly [K, V]>;
}

interface Link<K, V> {
  readonly key: K;
  readonly value: V;
  before: Link<K, V> | undefined;
  after: Link<K, V> | undefined;
}

export function orderedMap<K, V>(): OrderedMap<K, V> {
  const links = new Map<K, Link<K, V>>();
  let oldest: Link<K, V> | undefined;
  let newest: Link<K, V> | undefined;

  function unlink({ before, after }: Link<K, V>): void {
    if (before === undefined) oldest = after;
    else before.after = after;
    if (after === undefined) newest = before;
    else after.before = before;
  }

  function remove(key: K): boolean {
    const link = links.get(key);
    if (link === undefined) return false;
    links.delete(key);
    unlink(link);
    return true;
  }

  return {
    get: (key) => links.get(key)?.value,
    has: (key) => links.has(key),
    set(key, value) {
      remove(key);
      const link: Link<K, V> = { key, value, before: newest, after: undefined };
      if (newest === undefined) oldest = link;
      else newest.after = link;
      newest = link;
      links.set(key, link);
    },
    delete: remove,
    clear() {
      links.clear();
      oldest = undefined;
      newest = undefined;
    },
    get size() {
      return links.size;
    },
    *[Symbol.iterator]() {
      for (let link = oldest; link !== undefined; ) {
        const { key, value, after } = link;
        yield [key, value];
        link = after;
      }
    },
  };
}

/** The oldest key; `undefined` for an empty map. */
export function oldestKey<K, V>(map: OrderedMap<K, V>): K | undefined {
  for (const [key] of map) return key;
  return undefined;
}
