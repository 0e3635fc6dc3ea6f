import type { EpochMilliseconds } from '../oauth/client.ts';
import type { MaybePromise } from './maybe-promise.ts';

/** Counts requests in time windows, for rate limits. */
export interface Counters {
  /**
   * Counts one request of `key` in every window, unless one of them is full: then in none. Returns how many were counted
   * in each before. However many requests come at once, no more of them are counted than the limits allow.
   */
  count(key: string, windows: readonly CountedWindow[]): MaybePromise<readonly number[]>;
}

export interface CountedWindow {
  /** The name of the period: `minute`. */
  readonly name: string;
  readonly from: EpochMilliseconds;
  /** Exclusive: the count is not needed from this instant on. */
  readonly until: EpochMilliseconds;
  /** The window is full when this many requests were counted. */
  readonly limit: number;
}

// Decisions for stores ------------------------------------------------------------------------------------------------

/** The counts of one key, by the name of the window. */
export type Counts = { readonly [window: string]: Count };

export interface Count {
  readonly from: EpochMilliseconds;
  readonly until: EpochMilliseconds;
  readonly calls: number;
}

/** The counts after one more request; `undefined`: it is not counted. The read before and the write after must be one transaction. */
export function decideCount(
  kept: Counts,
  windows: readonly CountedWindow[],
): { readonly before: readonly number[]; readonly counts: Counts | undefined } {
  const before = windows.map(({ name, from }) => {
    const count = Object.hasOwn(kept, name) ? kept[name]! : undefined;
    return count !== undefined && count.from === from ? count.calls : 0;
  });
  if (windows.some(({ limit }, i) => before[i]! >= limit)) return { before, counts: undefined };
  const next = windows.map(({ name, from, until }, i) => [name, { from, until, calls: before[i]! + 1 }]);
  return { before, counts: { ...kept, ...Object.fromEntries(next) } };
}

/** When the last window of the counts has ended. */
export function countsExpiry(counts: Counts): EpochMilliseconds {
  return Math.max(...Object.values(counts).map(({ until }) => until));
}
