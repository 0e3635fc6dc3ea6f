/** A gate as an operator starts it: a process with known ports, whatever happens to its output. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export const bin = join(import.meta.dirname, '..', '..', 'bin', 'portcullis.js');

export interface GateProcess {
  readonly child: ChildProcess;
  readonly proxy: string;
  readonly admin: string;
  readonly directory: string;
  /** The exit status, or the name of the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** What it has written, where its output is a pipe to the test. */
  readonly printed: { out: string; err: string };
  ready(): Promise<void>;
  /** Waits until a line of its output matches. */
  prints(what: RegExp): Promise<RegExpExecArray>;
  /** Ends it if it still runs, and deletes its directory. */
  cleanUp(): Promise<void>;
}

export async function startGate({
  words = ['start'],
  env = {},
  stdio = ['ignore', 'pipe', 'pipe'],
  command = bin,
  before = [],
  uid,
  reads = true,
}: {
  readonly words?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly stdio?: StdioOptions;
  readonly command?: string;
  /** Words before those of the gate. */
  readonly before?: readonly string[];
  readonly uid?: number;
  /** `false`: its standard output is not read. */
  readonly reads?: boolean;
} = {}): Promise<GateProcess> {
  const directory = mkdtempSync(join(tmpdir(), 'portcullis-gate-'));
  const [proxyPort, adminPort] = await freePorts();
  const child = spawn(command, [...before, ...words], {
    cwd: directory,
    env: {
      PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
      PORTCULLIS_PROXY_LISTEN: `127.0.0.1:${proxyPort}`,
      PORTCULLIS_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
      PORTCULLIS_STORE: 'memory:',
      PORTCULLIS_STATE_DIR: directory,
      PORTCULLIS_KEY_FILE: join(directory, 'master.key'),
      ...env,
    },
    stdio,
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const printed = { out: '', err: '' };
  if (reads) child.stdout?.setEncoding('utf8').on('data', (text) => (printed.out += text));
  child.stderr?.setEncoding('utf8').on('data', (text) => (printed.err += text));
  let end: number | string | undefined;
  const ended = once(child, 'exit').then(([code, signal]) => (end = code ?? signal));
  const admin = `http://127.0.0.1:${adminPort}`;
  const stopIfEnded = () => {
    if (end !== undefined) throw new Error(`the gate exited with ${end}: ${JSON.stringify(printed)}`);
  };
  return {
    child,
    proxy: `http://127.0.0.1:${proxyPort}`,
    admin,
    directory,
    ended,
    printed,
    async ready() {
      for (;;) {
        const responds = await fetch(`${admin}/status`).then(
          ({ status }) => status === 200,
          () => false,
        );
        if (responds) return;
        stopIfEnded();
        await soon();
      }
    },
    async prints(what) {
      for (;;) {
        const found = what.exec(printed.out);
        if (found !== null) return found;
        stopIfEnded();
        await soon();
      }
    },
    async cleanUp() {
      if (end === undefined && child.pid !== undefined) {
        child.kill('SIGKILL');
        await ended;
      }
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

/** Ports that were free a moment ago, below those that the system gives to connections. */
export async function freePorts(): Promise<[number, number, number]> {
  const ports: number[] = [];
  while (ports.length < 3) {
    const port = 10_240 + randomInt(22_000);
    if (given.has(port)) continue;
    given.add(port);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.on('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    await new Promise((done) => server.close(done));
    ports.push(port);
  }
  return ports as [number, number, number];
}

const given = new Set<number>();
