import type { EpochMilliseconds } from '../oauth/client.ts';

export interface Clock {
  now(): EpochMilliseconds;
}

/** Milliseconds. A clock that goes back by more was wrong and is now correct; by less, it was set back. */
export const farthestSetBack = 24 * 60 * 60 * 1000;
