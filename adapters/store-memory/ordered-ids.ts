/**
 * The ids of a collection in their order, for paging. Adding and removing cost next to nothing; the first page after
 * additions merges them in, so that loading a million rows sorts them once.
 */
export interface OrderedIds {
  add(id: string): void;
  /** The living ids, from the first after `after` on. */
  after(after: string | undefined): Iterable<string>;
}

/** `living` is the collection itself: an id that is no longer in it is left out. */
export function orderedIds(living: { has(id: string): boolean; readonly size: number }): OrderedIds {
  let sorted: string[] = [];
  let added: string[] = [];

  function settle(): void {
    if (added.length === 0) return;
    const newcomers = added.filter((id) => living.has(id)).sort(byCodeUnits);
    const merged: string[] = [];
    let place = 0;
    for (const id of sorted) {
      while (place < newcomers.length && newcomers[place]! < id) merged.push(newcomers[place++]!);
      if (living.has(id)) merged.push(id);
    }
    while (place < newcomers.length) merged.push(newcomers[place++]!);
    // An id that was removed and added again came from both sides.
    sorted = merged.filter((id, at) => id !== merged[at - 1]);
    added = [];
  }

  return {
    add(id) {
      added.push(id);
      // Where nobody ever asks for a page, ids of the dead must not pile up.
      if (added.length > 1_000 && sorted.length + added.length > 2 * living.size) settle();
    },
    *after(after) {
      settle();
      const ids = sorted;
      for (let at = after === undefined ? 0 : firstAfter(ids, after); at < ids.length; at++) {
        if (living.has(ids[at]!)) yield ids[at]!;
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
