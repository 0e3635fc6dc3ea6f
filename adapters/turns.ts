/**
 * Long work in turns of the event loop: after a few milliseconds the gate serves requests, then the work goes on. A call
 * waits at most for one turn.
 */
import type { MaybePromise } from '../src/ports/maybe-promise.ts';

/** In milliseconds. A single step may take longer. */
const turnLength = 8;

/** Returns a function that is to be called after each step: it returns a promise when requests have to be served. */
export function turns(): () => MaybePromise<void> {
  let end = performance.now() + turnLength;
  return () => {
    if (performance.now() < end) return undefined;
    return othersTurn().then(() => {
      end = performance.now() + turnLength;
    });
  };
}

/** Runs all steps of a generator. */
export async function inTurns<T>(steps: Generator<unknown, T>): Promise<T> {
  const turn = turns();
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    const others = turn();
    if (others !== undefined) await others;
  }
}

function othersTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
