import type { Clock } from '../../src/ports/clock.ts';

/** A clock that the test sets. */
export interface TestClock extends Clock {
  set(to: number): void;
}

export const noon = 1_800_000_000_000;

export function testClock(at = noon): TestClock {
  let now = at;
  return {
    now: () => now,
    set(to) {
      now = to;
    },
  };
}
