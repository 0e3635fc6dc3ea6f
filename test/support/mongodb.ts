/**
 * A server of MongoDB's protocol for the tests. In this order: MONGODB_URL; a mongod on the PATH; mongodb-memory-server,
 * if it is installed; start-mongo.sh, on Debian as root. Without any of them the suite fails with a message.
 */
import { execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { MongoClient } from 'mongodb';

export interface Server {
  /** Without a database. */
  readonly url: string;
  stop(): Promise<void> | void;
}

let running: Promise<Server> | undefined;

/** The one server of this process; started by the first call. */
export function mongoServer(): Promise<Server> {
  running ??= findServer();
  return running;
}

/** To be called once, after all tests. */
export async function stopMongoServer(): Promise<void> {
  await (await running)?.stop();
  running = undefined;
}

async function findServer(): Promise<Server> {
  const { MONGODB_URL: url } = process.env;
  if (url !== undefined && url !== '') return { url: url.replace(/\/+$/, ''), stop: () => undefined };
  const mongod = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((place) => join(place, 'mongod'))
    .find(isExecutable);
  if (mongod !== undefined) return startMongod(mongod);
  return (await memoryServer()) ?? byScript();
}

async function startMongod(mongod: string): Promise<Server> {
  const directory = mkdtempSync(join(tmpdir(), 'portcullis-mongod-'));
  const port = await freePort();
  const child = spawn(mongod, ['--dbpath', directory, '--port', String(port), '--bind_ip', '127.0.0.1', '--quiet'], {
    stdio: 'ignore',
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const client = new MongoClient(`mongodb://127.0.0.1:${port}`, { serverSelectionTimeoutMS: 30_000 });
  try {
    await client.db('admin').command({ setParameter: 1, ttlMonitorSleepSecs: 1 });
  } finally {
    await client.close();
  }
  return {
    url: `mongodb://127.0.0.1:${port}`,
    async stop() {
      child.kill('SIGTERM');
      await exited;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function memoryServer(): Promise<Server | undefined> {
  const name = 'mongodb-memory-server';
  const found = (await import(name).catch(() => undefined)) as
    | { MongoMemoryServer: { create(): Promise<{ getUri(): string; stop(): Promise<unknown> }> } }
    | undefined;
  if (found === undefined) return undefined;
  const server = await found.MongoMemoryServer.create();
  return { url: server.getUri().replace(/\/+(\?.*)?$/, ''), stop: async () => void (await server.stop()) };
}

async function byScript(): Promise<Server> {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) {
    throw new Error(
      'no MongoDB server: set MONGODB_URL, put a mongod on the PATH, install mongodb-memory-server, ' +
        'or run this as root on Debian (test/support/start-mongo.sh)',
    );
  }
  const script = join(import.meta.dirname, 'start-mongo.sh');
  // A developer may keep one running on the default port, which saves the start each time.
  if (isRunning('27017')) return { url: 'mongodb://127.0.0.1:27017', stop: () => undefined };
  const port = String(await freePort());
  execFileSync('bash', [script, 'start', port], { stdio: ['ignore', 'inherit', 'inherit'], timeout: 600_000 });
  return {
    url: `mongodb://127.0.0.1:${port}`,
    stop: () => void execFileSync('bash', [script, 'wipe', port], { stdio: 'ignore' }),
  };
}

/** Whether the script has started a server on this port before. */
function isRunning(port: string): boolean {
  const home = process.env['MONGO_HOME'] ?? join(process.env['TMPDIR'] ?? '/tmp', 'portcullis-test-mongo');
  const file = join(home, 'run', port, 'pid');
  try {
    execFileSync('bash', ['-c', `kill -0 "$(cat '${file}')"`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
