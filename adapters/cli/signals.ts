/** The signals of an operator, from the first moment of the process: none of them ends a gate. */
import type { OperatorSignal } from './terminal.ts';

/** Signals that come before there is a listener are kept for it: a file may have changed after it was read. */
export function operatorSignals(
  process: Pick<NodeJS.Process, 'on'>,
): (signal: OperatorSignal, listener: () => void) => void {
  const listeners = new Map<OperatorSignal, () => void>();
  const early = new Set<OperatorSignal>();
  for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) {
    process.on(signal, () => {
      const listener = listeners.get(signal);
      if (listener === undefined) early.add(signal);
      else listener();
    });
  }
  return (signal, listener) => {
    listeners.set(signal, listener);
    if (early.delete(signal)) listener();
  };
}
