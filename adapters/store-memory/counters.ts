/**
 * What rate limits count, in memory. Every act is synchronous, hence indivisible.
 *
 * Whoever calls under many names (addresses, mostly) must not fill the memory: no more than `most` are remembered. Each
 * call looks at a few of the oldest, buries the dead, and gives the others a second round.
 */
import type { Clock } from '../../src/ports/clock.ts';
import { type Counters, type Counts, countsExpiry, judgeCall } from '../../src/ports/counters.ts';

export interface MemoryCounters extends Counters {
  readonly remembered: number;
}

interface CounterRow {
  counts: Counts;
  deleteAt: number;
  /** Counted since the last look. */
  inUse: boolean;
}

export function memoryCounters(clock: Clock, most = 200_000): MemoryCounters {
  const rows = new Map<string, CounterRow>();

  function makeRoom(): void {
    const now = clock.now();
    let looks = 0;
    for (const [key, row] of rows) {
      const isFull = rows.size >= most;
      if (!isFull && looks >= 2) return;
      // Where everybody calls all the time, somebody has to go in the end.
      const goes = row.deleteAt <= now || (isFull && (!row.inUse || looks >= 32));
      rows.delete(key);
      if (!goes) {
        row.inUse = false;
        rows.set(key, row);
      }
      looks++;
    }
  }

  return {
    count(key, windows) {
      const row = rows.get(key);
      const { before, counts } = judgeCall(row?.counts ?? {}, windows);
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

    get remembered() {
      return rows.size;
    },
  };
}
