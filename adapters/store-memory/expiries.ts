/**
 * When the rows of a memory store die. Dead rows are buried a few at a time, whenever something is written, so that no
 * single call pays for all of them and no timer is needed. A binary heap of what is to be looked at, and when.
 */
import type { EpochMilliseconds } from '../../src/oauth/client.ts';
import type { Clock } from '../../src/ports/clock.ts';

/** How many rows one write looks at. More than one write ever adds, so that burying keeps up. */
const batch = 8;

export interface Expiries<Row extends Expiring> {
  /** To be called whenever `row.deleteAt` was set. */
  expect(row: Row): void;
  /** Buries some of those whose time has come. */
  sweepExpired(): void;
}

export interface Expiring {
  /** Exclusive; `undefined`: never. May change. */
  deleteAt: EpochMilliseconds | undefined;
  /** When the heap will look at it; kept by this file alone. A row stands in the heap once, not once for each change. */
  lookedAt?: EpochMilliseconds | undefined;
}

export function expiries<Row extends Expiring>(clock: Clock, bury: (row: Row) => void): Expiries<Row> {
  const heap: { readonly at: number; readonly row: Row }[] = [];

  function expect(row: Row): void {
    const { deleteAt, lookedAt } = row;
    if (deleteAt === undefined || (lookedAt !== undefined && lookedAt <= deleteAt)) return;
    row.lookedAt = deleteAt;
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
    expect,
    sweepExpired() {
      const now = clock.now();
      for (let looks = 0; looks < batch && heap.length > 0 && heap[0]!.at <= now; looks++) {
        const { at } = heap[0]!;
        const row = pop();
        // Left over from before its death was moved forward.
        if (row.lookedAt !== at) continue;
        row.lookedAt = undefined;
        if (isExpired(row, now)) bury(row);
        else expect(row);
      }
    },
  };
}

export function isExpired({ deleteAt }: Expiring, now: EpochMilliseconds): boolean {
  return deleteAt !== undefined && deleteAt <= now;
}
