/**
 * The time that decides when tokens expire. The clock of a machine can be set back; an expired token must not become valid
 * again because of that (SE-14).
 */
import type { EpochMilliseconds } from '../../src/oauth/client.ts';
import { type Clock, farthestSetBack } from '../../src/ports/clock.ts';

export interface NodeClock extends Clock {
  /** Sets the clock to at least `time`, the latest time found in the store. */
  notBefore(time: EpochMilliseconds): void;
}

/** A gate with its own store has a steady clock. Gates that share a store use the clocks of their machines. */
export function clockFor(store: { readonly isShared: boolean }): NodeClock {
  return store.isShared ? systemClock : steadyClock();
}

/** The clock of this machine. */
export const systemClock: NodeClock = { now: () => Date.now(), notBefore: () => {} };

/**
 * When the machine's clock is set back, this clock continues with the elapsed time until the machine's clock has caught up.
 * It follows a step of more than a day: the clock was wrong before and was corrected.
 */
export function steadyClock(wall: () => number = Date.now, elapsed: () => number = () => performance.now()): NodeClock {
  let time = wall();
  let lookedAt = elapsed();

  function now(): EpochMilliseconds {
    const at = elapsed();
    time = judged(time + at - lookedAt, wall());
    lookedAt = at;
    return Math.floor(time);
  }

  return {
    now,
    notBefore(earlier) {
      if (earlier > now()) time = judged(earlier, wall());
    },
  };
}

function judged(ours: number, wall: number): number {
  return wall < ours && ours - wall <= farthestSetBack ? ours : wall;
}
