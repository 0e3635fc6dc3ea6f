/** When writes delete expired rows: each write while there may be more of them, else the first one after a pause. */
import type { EpochMilliseconds } from '../oauth/client.ts';

export interface SweepSchedule {
  isDue(now: EpochMilliseconds): boolean;
  swept(now: EpochMilliseconds, mayBeMore: boolean): void;
}

/** In milliseconds. */
const pause = 250;

export function sweepSchedule(): SweepSchedule {
  let next = Number.NEGATIVE_INFINITY;
  return {
    // A clock that was set back makes a sweep due at once.
    isDue: (now) => now >= next || now < next - pause,
    swept(now, mayBeMore) {
      next = mayBeMore ? now : now + pause;
    },
  };
}
