/**
 * One store directory has one gate. The lock is a Unix socket in the directory that its holder serves: the kernel closes it
 * when the process ends, however it ends, and it works across containers that share the directory.
 *
 * The sockets are called `lock-1.sock`, `lock-2.sock` and so on. The holder is the process that serves the highest number.
 *
 *   1. If a process serves one of the sockets, it holds the lock: the start is refused with its process id.
 *   2. Otherwise a gate listens on a socket with a random name, and links it to the next number. Of several gates, one
 *      succeeds, because a link never replaces a file.
 *   3. It reads the directory again. If there is a higher number, another gate was faster: it removes its own and begins
 *      again. Otherwise it holds the lock, and deletes the lower numbers, which no process serves any more.
 *
 * A name is only ever deleted by its own process or when no process serves it, and a socket without a server is never served
 * again. So no two processes hold the lock.
 *
 * The protocol is one line of JSON in each direction. `{"request":"holder"}` returns `{"pid":…,"host":…}`. For an upgrade,
 * `{"request":"hand over"}` has the holder stop using the store, and then returns `{"handedOver":true}`; the new process then
 * takes the next number while the old one still serves its own, so that no third one comes between them.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, linkSync, openSync, readdirSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { join, relative } from 'node:path';
import { StoreUnusable } from '../../src/ports/unavailable.ts';
import { usableDirectory } from './directory.ts';

export interface StoreLock {
  /**
   * Registers what to do before the lock is handed over: nothing may use the store after `stop` has resolved. Without it,
   * the lock is not handed over.
   */
  onHandOver(stop: () => Promise<void>): void;
  release(): Promise<void>;
}

export interface Holder {
  /** By its own count, which in a container differs from that of the machine. `undefined`: it did not respond. */
  readonly pid: number | undefined;
  readonly host: string | undefined;
}

/** Takes the lock of a directory, which is made if needed. Throws `StoreUnusable` with the holder if there is one. */
export async function lockStore(directory: string, { handOver = false } = {}): Promise<StoreLock> {
  usableDirectory(directory);
  const names = socketNames(directory);
  let stop: (() => Promise<void>) | undefined;
  const asking = new Set<Socket>();
  const server = createServer((socket) => {
    asking.add(socket);
    socket.on('close', () => asking.delete(socket));
    respond(socket, () => stop);
  });
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of asking) socket.destroy();
    });
  const ownName = `${randomBytes(4).toString('hex')}.sock`;
  try {
    await listen(server, names.pathOf(ownName));
    chmodSync(names.pathOf(ownName), 0o600);
    const taken = await take(names, ownName, directory, handOver);
    return {
      onHandOver(handler) {
        stop = handler;
      },
      async release() {
        names.remove(taken);
        await close();
        names.close();
      },
    };
  } catch (error) {
    await close();
    names.close();
    throw error instanceof StoreUnusable
      ? error
      : new StoreUnusable(`the store directory ${directory} cannot be locked: ${(error as Error).message}`, {
          cause: error,
        });
  } finally {
    names.remove(ownName);
  }
}

/** The process that uses the store in this directory; `undefined`: none does. */
export async function storeHolder(directory: string): Promise<Holder | undefined> {
  let names: SocketNames;
  try {
    names = socketNames(directory);
  } catch {
    return undefined;
  }
  try {
    for (const number of names.numbers().reverse()) {
      const path = names.pathOf(numbered(number));
      if (await isServed(path)) return await holderAt(path);
    }
    return undefined;
  } finally {
    names.close();
  }
}

async function take(names: SocketNames, ownName: string, directory: string, handOver: boolean): Promise<string> {
  for (;;) {
    const before = names.numbers();
    for (const number of before.toReversed()) {
      const path = names.pathOf(numbered(number));
      if (!(await isServed(path))) continue;
      if (handOver && (await ask(path, 'hand over'))?.['handedOver'] === true) break;
      throw inUse(directory, await holderAt(path));
    }
    const number = (before.at(-1) ?? 0) + 1;
    const name = numbered(number);
    try {
      linkSync(names.pathOf(ownName), names.pathOf(name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw error;
    }
    const after = names.numbers();
    if (after.at(-1) === number) {
      for (const lower of after) if (lower < number) names.remove(numbered(lower));
      return name;
    }
    names.remove(name);
  }
}

function inUse(directory: string, { pid, host }: Holder): StoreUnusable {
  const where = host === undefined || host === hostname() ? '' : ` on ${host}`;
  const which = pid === undefined ? 'which does not respond' : `process ${pid}${where}`;
  return new StoreUnusable(
    `the store in ${directory} is in use by another gate (${which}). Stop it first, or name another directory`,
  );
}

// Names and paths ----------------------------------------------------------------------------------------------------

const numbered = (number: number) => `lock-${number}.sock`;

interface SocketNames {
  /** The numbers in the directory, in ascending order. */
  numbers(): number[];
  pathOf(name: string): string;
  remove(name: string): void;
  close(): void;
}

/** The longest path of a socket, by the smallest `sun_path` (macOS) without its final zero. */
const longestPath = 103;

/** A path of a socket that is too long goes through a file descriptor of its directory, or begins at the working directory. */
function socketNames(directory: string): SocketNames {
  const isShort = (path: string) => Buffer.byteLength(path) <= longestPath;
  const sample = numbered(999_999);
  let base = [directory, relative(process.cwd(), directory)].find((path) => isShort(join(path, sample)));
  let descriptor: number | undefined;
  if (base === undefined) {
    descriptor = openSync(directory, 'r');
    base = `/proc/self/fd/${descriptor}`;
  }
  const pathOf = (name: string) => join(base, name);
  return {
    numbers: () =>
      readdirSync(directory)
        .flatMap((name) => /^lock-(\d{1,15})\.sock$/.exec(name)?.[1] ?? [])
        .map(Number)
        .sort((one, other) => one - other),
    pathOf,
    remove(name) {
      try {
        unlinkSync(join(directory, name));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    },
    close() {
      if (descriptor !== undefined) closeSync(descriptor);
    },
  };
}

// The socket ---------------------------------------------------------------------------------------------------------

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.unref();
      resolve();
    });
  });
}

/** A process that is stopped or busy still counts: its kernel accepts the connection. */
function isServed(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      // Its queue of connections is full.
      else if (error.code === 'EAGAIN') resolve(true);
      else reject(error);
    });
  });
}

/** Milliseconds until a holder counts as one that does not respond. */
const responseTime = 3000;

async function holderAt(path: string): Promise<Holder> {
  const answer = await ask(path, 'holder', responseTime);
  const { pid, host } = answer ?? {};
  return {
    pid: typeof pid === 'number' ? pid : undefined,
    host: typeof host === 'string' ? host : undefined,
  };
}

function ask(path: string, request: string, within?: number): Promise<Record<string, unknown> | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let text = '';
    if (within !== undefined) socket.setTimeout(within, () => socket.destroy());
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write(`${JSON.stringify({ request })}\n`));
    socket.on('data', (part) => {
      text += part;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(parsed(text)));
  });
}

function respond(socket: Socket, stop: () => (() => Promise<void>) | undefined): void {
  let text = '';
  socket.unref();
  socket.setEncoding('utf8');
  socket.on('error', () => {});
  socket.on('data', async (part) => {
    if (text.includes('\n')) return;
    text += part;
    if (!text.includes('\n')) {
      if (text.length > 1000) socket.destroy();
      return;
    }
    const response = await responseTo(parsed(text)?.['request'], stop());
    socket.end(`${JSON.stringify(response)}\n`);
  });
}

async function responseTo(request: unknown, stop: (() => Promise<void>) | undefined): Promise<object> {
  if (request === 'holder') return { pid: process.pid, host: hostname() };
  if (request !== 'hand over' || stop === undefined) return { handedOver: false };
  try {
    await stop();
    return { handedOver: true };
  } catch {
    return { handedOver: false };
  }
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
