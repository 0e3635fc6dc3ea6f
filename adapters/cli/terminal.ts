/** The surroundings of a command: its streams, its environment, signals, and the composition root. */
import { styleText } from 'node:util';
import type { OpenGate } from '../composition-root.ts';
import type { Configuration } from '../configuration.ts';
import type { Log } from '../logging.ts';

export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: Output;
  readonly err: Output;
  /** Resolves when the command has to stop: Ctrl-C, SIGTERM or SIGQUIT. */
  stopped(): Promise<void>;
  /** Calls `listener` at each such signal, and at once for one that came before. */
  onSignal?(signal: OperatorSignal, listener: () => void): void;
  /** Passes an error that no code caught to `report`; then the process exits. */
  onCrash(report: (error: unknown) => Promise<void>): void;
  /** The composition root, loaded only when a gate is needed. */
  gate(): Promise<OpensGate>;
}

export type OperatorSignal = 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2';

export interface Output {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

export type OpensGate = (configuration: Configuration, io?: { readonly log: Log }) => Promise<OpenGate>;

const styles = ['bold', 'dim', 'green', 'red', 'cyan'] as const;

export type Paint = { readonly [Style in (typeof styles)[number]]: (text: string) => string };

/** Colours on a terminal, unless NO_COLOR is set (https://no-color.org). */
export function paintFor(output: Output, env: Terminal['env']): Paint {
  const colours = showsColours(output, env);
  // `output` need not be a stream, so styleText does not look at it.
  const paint = (style: (typeof styles)[number]) => (text: string) =>
    colours ? styleText(style, text, { validateStream: false }) : text;
  return Object.fromEntries(styles.map((style) => [style, paint(style)])) as Paint;
}

export function showsColours(output: Output, env: Terminal['env']): boolean {
  return output.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}
