/** What a command has to do with the world around it: its streams, its environment, the signals, and the gate. */
import type { Configuration } from '../configuration.ts';
import type { Log } from '../logging.ts';

export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: Output;
  readonly err: Output;
  /** Resolves when somebody wants the command to end: Ctrl-C or SIGTERM. */
  stopped(): Promise<void>;
  /** Calls `listener` each time somebody asks to read the files of the operator again (SIGHUP). */
  onHangup?(listener: () => void): void;
  /** Hands an error that nobody caught to `report`; the process ends after that. */
  onBreakdown(report: (error: unknown) => Promise<void>): void;
  /** The composition root, loaded when a gate is needed and not before. */
  gate(): Promise<OpensGate>;
}

export interface Output {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

export type OpensGate = (configuration: Configuration, io?: { readonly log: Log }) => Promise<OpenGate>;

/** A gate that listens. */
export interface OpenGate {
  readonly proxy: readonly { readonly host: string; readonly port: number; readonly ssl: boolean }[];
  readonly admin: readonly { readonly host: string; readonly port: number }[];
  /** Reads the configuration file and the certificate again; what comes of it is logged. */
  reload?(): Promise<void>;
  close(): Promise<void>;
}

export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  green(text: string): string;
  red(text: string): string;
  cyan(text: string): string;
}

/** Colours, where there is a terminal to show them and nobody said no (https://no-color.org). */
export function paintFor(output: Output, env: Terminal['env']): Paint {
  const colours = showsColours(output, env);
  const paint = (code: number, end: number) => (text: string) =>
    colours ? `\u001b[${code}m${text}\u001b[${end}m` : text;
  return { bold: paint(1, 22), dim: paint(2, 22), green: paint(32, 39), red: paint(31, 39), cyan: paint(36, 39) };
}

export function showsColours(output: Output, env: Terminal['env']): boolean {
  return output.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}
