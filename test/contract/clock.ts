import type { Clock } from '../../src/ports/clock.ts';

/** A clock that the test sets. */
export interface TurnedClock extends Clock {
  turn(to: number): void;
}

export const noon = 1_800_000_000_000;

export function turnedClock(at = noon): TurnedClock {
  let now = at;
  return {
    now: () => now,
    turn(to) {
      now = to;
    },
  };
}
