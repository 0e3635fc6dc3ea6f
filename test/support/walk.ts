import { type Event, type Final, type Machine, transition, type Waiting } from '../../src/machine/machine.ts';

/** The state that a machine is in after these answers. All of them must be taken: none comes after the end. */
export function reached<I, R, W extends Waiting, O extends Final>(
  machine: Machine<I, R, W, O>,
  input: I,
  ...events: readonly Event[]
): W | O {
  let state = machine.start(input);
  for (const event of events) {
    if (state.awaits === undefined) throw new Error(`${machine.name} ended (${state.state}) before ${event.event}`);
    state = transition(machine, state as W, event);
  }
  return state;
}
