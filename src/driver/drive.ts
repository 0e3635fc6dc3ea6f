import { type Effect, type Event, type Final, type Machine, transition, type Waiting } from '../machine/machine.ts';
import { isPending, type MaybePromise } from '../ports/maybe-promise.ts';

/** One function per effect. Its type only allows the events that may answer the effect. */
export type Performers<R, F extends Effect> = {
  readonly [K in F as K['effect']]: (effect: K) => K['effect'] extends keyof R ? MaybePromise<R[K['effect']]> : never;
};

type EffectOf<W extends Waiting> = W['awaits'];
type Perform = (effect: Effect) => MaybePromise<Event>;

/**
 * Runs a machine to its outcome. Nothing else in `src` waits.
 *
 * While every effect returns a value (an access token in memory), no promise is created. From the first effect that
 * returns a promise, the rest runs asynchronously.
 */
export function drive<I, R, W extends Waiting, O extends Final>(
  machine: Machine<I, R, W, O>,
  input: I,
  performers: Performers<R, EffectOf<W>>,
): MaybePromise<O> {
  return run(machine, machine.start(input), performers);
}

function run<I, R, W extends Waiting, O extends Final>(
  machine: Machine<I, R, W, O>,
  from: W | O,
  performers: Performers<R, EffectOf<W>>,
): MaybePromise<O> {
  let state = from;
  while (isWaiting(state)) {
    const event = perform(performers, state.awaits);
    if (isPending(event)) {
      const waiting: W = state;
      return event.then((event) => run(machine, transition(machine, waiting, event), performers));
    }
    state = transition(machine, state, event);
  }
  return state;
}

function isWaiting<W extends Waiting, O extends Final>(state: W | O): state is W {
  return state.awaits !== undefined;
}

function perform<R, F extends Effect>(performers: Performers<R, F>, effect: F): MaybePromise<Event> {
  return (performers as unknown as Readonly<Record<string, Perform>>)[effect.effect]!(effect);
}
