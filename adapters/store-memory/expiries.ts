/**
 * Expiry of the rows of a memory store. Each write deletes a few expired rows, so that no single call pays for all of
 * them and no timer is needed. A binary heap holds the rows by the time at which each is checked next.
 */
import type { EpochMilliseconds } from '../../src/oauth/client.ts';
import type { Clock } from '../../src/ports/clock.ts';

/** How many rows one write checks: more than one write ever adds, so that the sweeps keep up. */
const batch = 8;

export interface Expiries<Row extends Expiring> {
  /** To be called whenever `row.deleteAt` was set. */
  schedule(row: Row): void;
  /** Deletes a few expired rows. */
  sweep(): void;
}

export interface Expiring {
  /** Exclusive; `undefined`: never. May change. */
  deleteAt: EpochMilliseconds | undefined;
  /** When the heap checks the row next; only this file writes it. A row is in the heap once, not once for each change. */
  checkAt?: EpochMilliseconds | undefined;
}

export function expiries<Row extends Expiring>(clock: Clock, remove: (row: Row) => void): Expiries<Row> {
  const heap: { readonly at: number; readonly row: Row }[] = [];

  function schedule(row: Row): void {
    const { deleteAt, checkAt } = row;
    if (deleteAt === undefined || (checkAt !== undefined && checkAt <= deleteAt)) return;
    row.checkAt = deleteAt;
    push({ at: deleteAt, row });
  }

  function push(entry: { readonly at: number; readonly row: Row }): void {
    let place = heap.push(entry) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (heap[parent]!.at <= heap[place]!.at) break;
      swap(place, parent);
      place = parent;
    }
  }

  function pop(): Row {
    const { row } = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return row;
    heap[0] = last;
    for (let place = 0; ; ) {
      let least = place;
      for (const child of [2 * place + 1, 2 * place + 2]) {
        if (child < heap.length && heap[child]!.at < heap[least]!.at) least = child;
      }
      if (least === place) return row;
      swap(place, least);
      place = least;
    }
  }

  function swap(one: number, other: number): void {
    [heap[one], heap[other]] = [heap[other]!, heap[one]!];
  }

  return {
    schedule,
    sweep() {
      const now = clock.now();
      for (let checked = 0; checked < batch && heap.length > 0 && heap[0]!.at <= now; checked++) {
        const { at } = heap[0]!;
        const row = pop();
        // An old entry: the row was scheduled again for an earlier time.
        if (row.checkAt !== at) continue;
        row.checkAt = undefined;
        if (isExpired(row, now)) remove(row);
        else schedule(row);
      }
    },
  };
}

export function isExpired({ deleteAt }: Expiring, now: EpochMilliseconds): boolean {
  return deleteAt !== undefined && deleteAt <= now;
}
