import type { EpochMilliseconds } from '../oauth/client.ts';
import type { MaybePromise } from './maybe-promise.ts';

/** Counts calls in windows of time, for rate limits. */
export interface Counters {
  /**
   * Counts one call of `key` in every window, unless one of them is full: then in none. Tells how many had been counted
   * in each before. However many calls come at once, no more of them are counted than the limits allow.
   */
  count(key: string, windows: readonly CountedWindow[]): MaybePromise<readonly number[]>;
}

export interface CountedWindow {
  /** Names the series of windows that follow each other: `minute`. */
  readonly name: string;
  readonly from: EpochMilliseconds;
  /** Exclusive; what was counted is of no use after it. */
  readonly until: EpochMilliseconds;
  /** Full when this many were counted, or more. */
  readonly limit: number;
}

// What stores decide by -----------------------------------------------------------------------------------------------

/** What was counted for one key, by the name of the window. */
export type Counts = { readonly [window: string]: Count };

export interface Count {
  readonly from: EpochMilliseconds;
  readonly until: EpochMilliseconds;
  readonly calls: number;
}

/** What to keep after one more call; `counts: undefined`: it is not counted. To be decided between one read and one write. */
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

/** When nothing is left of what was counted. */
export function countsExpiry(counts: Counts): EpochMilliseconds {
  return Math.max(...Object.values(counts).map(({ until }) => until));
}
