/**
 * Counters of rate limits in memory. Every operation is synchronous, hence atomic.
 *
 * A client that calls under many names (addresses, mostly) must not fill the memory, so at most `limit` counters are
 * kept. Each call checks a few of the oldest, deletes the expired ones, and moves the others to the end.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../../src/ports/clock.ts';
import { type Counters, type Counts, countsExpiry, decideCount } from '../../src/ports/counters.ts';
import { orderedMap } from '../../src/records/ordered-map.ts';

export interface MemoryCounters extends Counters {
  /** How many counters are kept at present. */
  readonly size: number;
}

interface CounterRow {
  counts: Counts;
  deleteAt: number;
  /** Counted since the row was last checked. */
  inUse: boolean;
}

export function memoryCounters(clock: Clock, limit = 200_000): MemoryCounters {
  const rows = orderedMap<string, CounterRow>();

  function makeRoom(): void {
    const now = clock.now();
    let checked = 0;
    for (const [key, row] of rows) {
      const isFull = rows.size >= limit;
      if (!isFull && checked >= 2) return;
      // Where every counter is in use, the 33rd one is evicted all the same.
      const isEvicted = row.deleteAt <= now || (isFull && (!row.inUse || checked >= 32));
      if (isEvicted) rows.delete(key);
      else {
        row.inUse = false;
        rows.set(key, row);
      }
      checked++;
    }
  }

  return {
    count(given, windows) {
      const key = shortened(given);
      const row = rows.get(key);
      const { before, counts } = decideCount(row?.counts ?? {}, windows);
      if (row !== undefined) row.inUse = true;
      if (counts === undefined) return before;
      const deleteAt = countsExpiry(counts);
      if (row !== undefined) {
        row.counts = counts;
        row.deleteAt = deleteAt;
      } else {
        makeRoom();
        rows.set(key, { counts, deleteAt, inUse: false });
      }
      return before;
    },
    get size() {
      return rows.size;
    },
  };
}

/** A caller may choose a part of its key, so a long one is kept as its digest. */
function shortened(key: string): string {
  return key.length <= 64 ? key : createHash('sha256').update(key, 'utf8').digest('base64url');
}
