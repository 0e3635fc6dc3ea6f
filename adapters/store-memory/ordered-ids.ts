/**
 * The ids of a collection in order, for pages. Adding and removing an id cost almost nothing; the first page after
 * additions merges the new ids in, so that loading a million rows sorts them once.
 */
export interface OrderedIds {
  add(id: string): void;
  /** The ids of rows that are in the collection, from the first one after `after`. */
  after(after: string | undefined): Iterable<string>;
}

/** Skips ids that are no longer in `collection`. */
export function orderedIds(collection: { has(id: string): boolean; readonly size: number }): OrderedIds {
  let sorted: string[] = [];
  let added: string[] = [];

  function merge(): void {
    if (added.length === 0) return;
    const fresh = added.filter((id) => collection.has(id)).sort(byCodeUnits);
    const merged: string[] = [];
    let place = 0;
    for (const id of sorted) {
      while (place < fresh.length && fresh[place]! < id) merged.push(fresh[place++]!);
      if (collection.has(id)) merged.push(id);
    }
    while (place < fresh.length) merged.push(fresh[place++]!);
    // An id that was removed and added again came from both sides.
    sorted = merged.filter((id, at) => id !== merged[at - 1]);
    added = [];
  }

  return {
    add(id) {
      added.push(id);
      // Where no page is ever read, the ids of deleted rows must not accumulate.
      if (added.length > 1_000 && sorted.length + added.length > 2 * collection.size) merge();
    },
    *after(after) {
      merge();
      const ids = sorted;
      for (let at = after === undefined ? 0 : firstAfter(ids, after); at < ids.length; at++) {
        if (collection.has(ids[at]!)) yield ids[at]!;
      }
    },
  };
}

const byCodeUnits = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

function firstAfter(ids: readonly string[], id: string): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ids[middle]! <= id) low = middle + 1;
    else high = middle;
  }
  return low;
}
