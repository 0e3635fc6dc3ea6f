/** A terminal that records its output and that a test can stop. */
import type { OpensGate, Terminal } from '../../adapters/cli/terminal.ts';
import type { OpenGate } from '../../adapters/composition-root.ts';
import type { Configuration } from '../../adapters/configuration.ts';

export interface TestTerminal extends Terminal {
  readonly printed: { out: string; err: string };
  /** The configurations a gate was opened with. */
  readonly opened: Configuration[];
  closed: number;
  stop(): void;
}

export function testTerminal(how: {
  readonly env?: Record<string, string>;
  readonly isTTY?: boolean;
  readonly gate?: OpensGate;
}): TestTerminal {
  const printed = { out: '', err: '' };
  const opened: Configuration[] = [];
  let stop = () => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const gate: OpenGate = {
    proxy: [
      { host: '0.0.0.0', port: 8000, ssl: false },
      { host: '::1', port: 8443, ssl: true },
    ],
    admin: [{ host: '127.0.0.1', port: 8001, ssl: false }],
    status: [],
    async reload() {},
    async close() {
      terminal.closed += 1;
    },
  };
  const terminal: TestTerminal = {
    env: how.env ?? {},
    out: { isTTY: how.isTTY, write: (text) => void (printed.out += text) },
    err: { write: (text) => void (printed.err += text) },
    stopped: () => stopped,
    onCrash: () => {},
    gate: async () => async (configuration, io) => {
      opened.push(configuration);
      return how.gate?.(configuration, io) ?? gate;
    },
    printed,
    opened,
    closed: 0,
    stop,
  };
  return terminal;
}
