/** The windows of rate limits. They are periods of the calendar in UTC (Kong). */
import type { EpochMilliseconds } from '../oauth/client.ts';
import type { CountedWindow } from '../ports/counters.ts';

/** From the shortest to the longest. */
export const periods = ['second', 'minute', 'hour', 'day', 'month', 'year'] as const;
export type Period = (typeof periods)[number];

export type Limits = readonly { readonly period: Period; readonly limit: number }[];

/** The window of a period that contains a time. */
export function windowAt(period: Period, now: EpochMilliseconds): Omit<CountedWindow, 'limit'> {
  const length = lengths[period];
  if (length !== undefined) {
    const from = Math.floor(now / length) * length;
    return { name: period, from, until: from + length };
  }
  const date = new Date(now);
  const year = date.getUTCFullYear();
  const month = date.getUTCMonth();
  return period === 'month'
    ? { name: period, from: Date.UTC(year, month), until: Date.UTC(year, month + 1) }
    : { name: period, from: Date.UTC(year, 0), until: Date.UTC(year + 1, 0) };
}

// Leap seconds do not count, as in POSIX.
const lengths: { readonly [period in Period]: number | undefined } = {
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  month: undefined,
  year: undefined,
};

export interface Usage {
  readonly windows: readonly (CountedWindow & { readonly remaining: number })[];
  /** A window was full before this call. The call was not counted. */
  readonly exceeded: boolean;
  /** The window with the fewest calls remaining; the longest of several. */
  readonly tightest: CountedWindow & { readonly remaining: number };
}

/** `before`: the calls counted in each window before this one. */
export function usageOf(windows: readonly CountedWindow[], before: readonly number[]): Usage {
  const exceeded = windows.some(({ limit }, i) => before[i]! >= limit);
  const used = windows.map((window, i) => ({
    ...window,
    remaining: Math.max(0, window.limit - before[i]! - (exceeded ? 0 : 1)),
  }));
  const tightest = used.reduce((one, other) => (other.remaining <= one.remaining ? other : one));
  return { windows: used, exceeded, tightest };
}
