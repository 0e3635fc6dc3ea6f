/**
 * The time by which tokens live and die. What this machine's clock says may go back, by hand or because it was set wrong;
 * what had expired must not come to life again for that (SE-14).
 */
import type { EpochMilliseconds } from '../../src/oauth/client.ts';
import { type Clock, farthestSetBack } from '../../src/ports/clock.ts';

export interface NodeClock extends Clock {
  /** It was as late as this already, by what the store has seen. */
  notBefore(time: EpochMilliseconds): void;
}

/** Gates that share a store have only their machines' clocks in common; a gate with a store of its own has a steady one. */
export function clockFor(store: { readonly isShared: boolean }): NodeClock {
  return store.isShared ? systemClock : steadyClock();
}

/** What this machine says. Where several gates have one store, they agree on nothing better. */
export const systemClock: NodeClock = { now: () => Date.now(), notBefore: () => {} };

/**
 * Where the machine's clock is set back, this one goes on by the time that passes, until it is overtaken. A step of more
 * than a day is taken for the mending of a clock that was wrong, and followed.
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
