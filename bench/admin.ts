/**
 * What the work of an operator costs: the start with a large file, a change at many routes, a large file by the Admin API,
 * lists, and the removal of a consumer with many credentials. CPU is the kernel's account of all threads of the gate, RSS
 * its peak; the longest turn is the longest time in which its event loop served no request.
 *
 *     npm run bench:admin                 # memory and lmdb
 *     npm run bench:admin -- --store lmdb --scale 0.1
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cpuSeconds, freePorts, machine } from './machine.ts';

const { values } = parseArgs({
  options: { store: { type: 'string', multiple: true }, scale: { type: 'string', default: '1' } },
});
const scale = Number(values.scale);
const count = (whole: number): number => Math.max(2, Math.round(whole * scale));
const directory = mkdtempSync(join(tmpdir(), 'portcullis-bench-'));
const running = new Set<ChildProcess>();
let grown = 0;

interface Gate {
  readonly child: ChildProcess;
  readonly admin: string;
}

interface Turn {
  /** The longest CPU time of a turn, and the longest time, in milliseconds. */
  readonly cpu: number;
  readonly wall: number;
}

interface Figures {
  readonly cpu: number;
  readonly turn: Turn;
}

try {
  console.log(machine());
  console.log(
    '\n| store | work | CPU s | longest turn, CPU ms | wall ms | peak RSS MB |\n|---|---|---:|---:|---:|---:|',
  );
  for (const store of values.store ?? ['memory', 'lmdb']) await measureStore(store);
} finally {
  for (const child of running) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
}

async function measureStore(store: string): Promise<void> {
  const print = (gate: Gate, work: string, { cpu, turn }: Figures) =>
    console.log(
      `| ${store} | ${work} | ${cpu.toFixed(2)} | ${turn.cpu.toFixed(0)} | ${turn.wall.toFixed(0)} | ${peakOf(gate.child).toFixed(0)} |`,
    );
  const where = placeOf(store, 'file');
  const routes = count(10_000);
  const file = join(directory, 'routes.yaml');
  writeFileSync(file, routesFile(routes));

  const first = await start(where, file);
  print(first.gate, `start with a file of ${routes} routes`, first);
  const consumers = count(100_000);
  print(
    first.gate,
    `POST /config, ${consumers} consumers`,
    await measured(first.gate, () => config(first.gate, consumersFile(consumers))),
  );
  await stop(first.gate);

  if (store !== 'memory') {
    const again = await start(where, file);
    print(again.gate, 'start with the routes again', again);
    await stop(again.gate);
    const same = await start(where, file);
    print(same.gate, 'start with the same file', same);
    await stop(same.gate);
  }

  grown = 0;
  const { gate } = await start(placeOf(store, 'api'), undefined);
  for (const size of [10, 1_000, 10_000].map(count)) {
    await growRoutes(gate, size);
    const changes = 5;
    const figures = await measured(gate, async () => {
      for (let n = 0; n < changes; n++) {
        await call(gate, 'POST', '/routes', { name: `new-${size}-${n}`, paths: [`/new-${size}-${n}`] });
      }
    });
    print(gate, `POST /routes at ${size} routes, each`, { ...figures, cpu: figures.cpu / changes });
  }
  const credentials = count(20_000);
  const { id } = await call(gate, 'POST', '/consumers', { username: 'ada' });
  await inParallel(credentials, (n) =>
    call(gate, 'POST', `/consumers/${id}/oauth2`, { name: `app ${n}`, redirect_uris: ['https://app.example/'] }),
  );
  print(
    gate,
    `a page of ${credentials} credentials`,
    await measured(gate, () => call(gate, 'GET', `/consumers/${id}/oauth2`)),
  );
  const removal = await measured(gate, async () => {
    await call(gate, 'DELETE', `/consumers/${id}`);
    // What is left to do after the response counts, too.
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  });
  print(gate, `DELETE of a consumer with ${credentials} credentials`, removal);

  const tokens = count(100_000);
  const [one, other] = [await service(gate, 'one'), await service(gate, 'other')];
  const { id: bob } = await call(gate, 'POST', '/consumers', { username: 'bob' });
  const client = await call(gate, 'POST', `/consumers/${bob}/oauth2`, {
    name: 'b',
    redirect_uris: ['https://b.example/'],
  });
  await inParallel(tokens, () =>
    call(gate, 'POST', '/oauth2_tokens', { credential: { id: client.id }, service: { id: one }, expires_in: 7200 }),
  );
  const list = (path: string) => measured(gate, () => call(gate, 'GET', path));
  print(gate, `tokens of a service without any, ${tokens} elsewhere`, await list(`/services/${other}/oauth2_tokens`));
  print(gate, `a page of ${tokens} tokens of a client`, await list(`/oauth2/${client.id}/oauth2_tokens`));
  await stop(gate);
}

async function service(gate: Gate, name: string): Promise<string> {
  return (await call(gate, 'POST', '/services', { name, host: 'h.example' })).id;
}

async function growRoutes(gate: Gate, size: number): Promise<void> {
  const from = grown;
  grown = size;
  await inParallel(size - from, (n) =>
    call(gate, 'POST', '/routes', { name: `r${from + n}`, paths: [`/api/${from + n}`] }),
  );
}

function routesFile(size: number): string {
  const lines = ["_format_version: '3.0'", 'services:'];
  for (let n = 0; n < size; n++) {
    lines.push(
      `- name: s${n}`,
      `  url: http://h${n}.internal:8080`,
      '  routes:',
      `  - name: r${n}`,
      `    paths: [/api/${n}]`,
    );
    if (n % 10 === 0) lines.push('  plugins:', '  - name: key-auth');
  }
  return `${lines.join('\n')}\n`;
}

function consumersFile(size: number): string {
  const consumers = Array.from({ length: size }, (_, n) => `- username: user${n}`);
  return `_format_version: '3.0'\nconsumers:\n${consumers.join('\n')}\n`;
}

async function start(store: string, config: string | undefined): Promise<Figures & { readonly gate: Gate }> {
  const [proxyPort, adminPort] = await freePorts(2);
  const settings = {
    PORTCULLIS_STORE: store,
    PORTCULLIS_KEY: '00'.repeat(32),
    PORTCULLIS_STATE_DIR: join(directory, 'state'),
    PORTCULLIS_PROXY_LISTEN: `127.0.0.1:${proxyPort}`,
    PORTCULLIS_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
    PORTCULLIS_LOG_LEVEL: 'warn',
    ...(config === undefined ? {} : { PORTCULLIS_CONFIG: config, PORTCULLIS_CONFIG_TAKES_OVER: 'yes' }),
  };
  const root = join(import.meta.dirname, '..');
  const child = fork(join(root, 'bin', 'portcullis.js'), ['start'], {
    env: { ...process.env, ...settings },
    execArgv: ['--import', join(import.meta.dirname, 'loop-delay.ts')],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const gate = { child, admin: `http://127.0.0.1:${adminPort}` };
  while (running.has(child)) {
    const isOpen = await fetch(`${gate.admin}/status`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isOpen) return { gate, cpu: cpuSeconds(child.pid!), turn: await longestTurn(gate, 'read') };
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('the gate did not start');
}

async function stop({ child }: Gate): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

async function measured(gate: Gate, work: () => Promise<unknown>): Promise<Figures> {
  await longestTurn(gate, 'reset');
  const before = cpuSeconds(gate.child.pid!);
  await work();
  return { cpu: cpuSeconds(gate.child.pid!) - before, turn: await longestTurn(gate, 'read') };
}

async function longestTurn({ child }: Gate, message: 'read' | 'reset'): Promise<Turn> {
  const answered = once(child, 'message');
  child.send(message);
  const [turn] = await answered;
  return turn;
}

function peakOf({ pid }: ChildProcess): number {
  const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return Number(kilobytes) / 1024;
}

// biome-ignore lint/suspicious/noExplicitAny: the rows of the Admin API
async function call(gate: Gate, method: string, path: string, body?: unknown): Promise<any> {
  const response = await fetch(gate.admin + path, {
    method,
    headers: { 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 500)}`);
  return text === '' ? undefined : JSON.parse(text);
}

async function config(gate: Gate, text: string): Promise<void> {
  const response = await fetch(`${gate.admin}/config`, {
    method: 'POST',
    headers: { 'Content-Type': 'text/yaml' },
    body: text,
  });
  const body = await response.text();
  if (!response.ok) throw new Error(`POST /config: ${response.status} ${body.slice(0, 500)}`);
}

async function inParallel(total: number, act: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      while (next < total) await act(next++);
    }),
  );
}

function placeOf(store: string, name: string): string {
  return store === 'memory' ? 'memory:' : `${store}:${join(directory, name)}`;
}
