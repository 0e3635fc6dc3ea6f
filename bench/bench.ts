/**
 * What a guarded call costs: the gate with its token check and identity headers against nginx as a plain proxy, each in
 * turn, the target alone on one core, load and upstream on the other. The figure to go by is CPU time per request, from
 * the kernel's own account of the process; machines are shared, so only the ratio of one run means anything.
 *
 * What else happens on a machine only ever adds to that time, and it adds more to the larger of two programs, since that
 * shares more of the caches. So the ratio to go by is that of the best of many short rounds, on either side; those of the
 * best fifth and of the medians stand beside it, and say how quiet the machine was.
 *
 * The load comes from wrk where it is installed (Debian has it), else from a loader of our own, which takes so much of its
 * core that neither target is ever busy: the figures are higher then, and mean less.
 *
 *   npm run bench [-- --rounds 40 --seconds 1 --warmup 20 --connections 64 --bound 2.2]
 */
import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Tally } from './load.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '40' },
    seconds: { type: 'string', default: '1' },
    /** Before the first round. V8 compiles what is hot bit by bit, on the one core that the gate has. */
    warmup: { type: 'string', default: '20' },
    connections: { type: 'string', default: '64' },
    /** Exit 1 if the ratio is larger. */
    bound: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const connections = Number(values.connections);

interface Target {
  readonly name: string;
  readonly port: number;
  /** The processes that do the work. */
  readonly pids: () => readonly number[];
  readonly requests: readonly string[];
}

interface Round extends Tally {
  /** CPU seconds for 1,000 requests. */
  readonly cpu: number;
}

const children: ChildProcess[] = [];
const directory = mkdtempSync(join(tmpdir(), 'portcullis-bench-'));
try {
  process.exitCode = await main();
} finally {
  for (const child of children) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
}

async function main(): Promise<number> {
  const nginxVersion = versionOf('nginx', ['-v']);
  if (nginxVersion === undefined) {
    process.stderr.write(
      'bench: nginx is not installed (Debian: apt-get install nginx-light); it is the peer to measure against\n',
    );
    return 2;
  }
  const [upstreamPort, nginxPort, gatePort, adminPort] = await freePorts(4);
  await forked('upstream.ts', [String(upstreamPort)], '0');
  const targets = [await nginx(nginxPort!, upstreamPort!), await gate(gatePort!, adminPort!, upstreamPort!)];
  const wrk = versionOf('command', ['-v', 'wrk']) !== undefined;
  const load = wrk ? wrkLoad : ownLoad(await forked('load.ts', [], '0'));

  const results = new Map<string, Round[]>(targets.map(({ name }) => [name, []]));
  for (const target of targets) await measure(load, target, Number(values.warmup));
  for (let round = 0; round < rounds; round++) {
    for (const target of targets) results.get(target.name)!.push(await measure(load, target, seconds));
  }
  return report(results, nginxVersion, wrk ? 'wrk' : 'a loader of our own');
}

type Load = (target: Target, time: number) => Promise<Tally>;

async function measure(load: Load, target: Target, time: number): Promise<Round> {
  const before = cpuSeconds(target.pids());
  const tally = await load(target, time);
  if (tally.refused > 0) throw new Error(`${target.name}: ${tally.refused} requests were not answered with 200`);
  const cpu = ((cpuSeconds(target.pids()) - before) * 1000) / tally.answered;
  return { ...tally, cpu };
}

function ownLoad(loader: ChildProcess): Load {
  return ({ port, requests }, time) => {
    loader.send({ port, connections, milliseconds: time * 1000, requests });
    return new Promise((resolve) => loader.once('message', (message) => resolve(message as Tally)));
  };
}

/** The same requests in turn, from a script that wrk runs. */
async function wrkLoad({ name, port, requests }: Target, time: number): Promise<Tally> {
  const script = join(directory, `${name.replace(/\W+/g, '-')}.lua`);
  const lines = requests.map((request) => `[==[${request.replaceAll('\r\n', '\n')}]==]`).join(',\n');
  writeFileSync(
    script,
    `local texts = {${lines}}
     local requests, next, refused = {}, 0, 0
     for i, text in ipairs(texts) do requests[i] = text:gsub("\\n", "\\r\\n") end
     function request() next = next % #requests + 1; return requests[next] end
     function done(summary, latency)
       io.write(string.format("tally %d %d %d %d %d\\n", summary.requests,
         summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout,
         latency:percentile(50), latency:percentile(99), summary.duration))
     end`,
  );
  const args = ['-c', '0', 'wrk', '-t', '1', '-c', String(connections), '-d', `${time}s`, '-s', script];
  const wrk = spawn('taskset', [...args, `http://127.0.0.1:${port}/`], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  for await (const chunk of wrk.stdout) output += String(chunk);
  const tally = /tally (\d+) (\d+) (\d+) (\d+) (\d+)/.exec(output);
  if (tally === null) throw new Error(`wrk said: ${output}`);
  const [answered, refused, p50, p99, duration] = tally.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  return { answered, refused, p50: p50 / 1000, p99: p99 / 1000, seconds: duration / 1e6 };
}

function report(results: ReadonlyMap<string, readonly Round[]>, nginxVersion: string, loader: string): number {
  const [peer, own] = [...results.values()];
  const ratio = (of: (all: readonly Round[]) => number) => of(own!) / of(peer!);
  const best = ratio(bestCpu);
  const lines = [
    `${new Date().toISOString()}; ${rounds} interleaved rounds of ${seconds} s, ${connections} connections, the target alone on one core, load from ${loader};`,
    `${cpus()[0]?.model.trim()}; Node ${process.version}; ${nginxVersion}; load average ${readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).join(' ')}`,
    '',
    '| target | CPU ms / 1,000 requests, best round | best fifth | median | requests / s, best fifth | p99 ms, median |',
    '|---|---:|---:|---:|---:|---:|',
    ...[...results].map(([name, all]) => {
      const cpu = [bestCpu, fifthCpu, medianCpu].map((of) => (of(all) * 1000).toFixed(1));
      return `| ${[name, ...cpu, bestRate(all).toFixed(0), p99(all).toFixed(2)].join(' | ')} |`;
    }),
    '',
    `gate / nginx: CPU per request ${best.toFixed(2)} (${ratio(fifthCpu).toFixed(2)} by best fifths, ${ratio(medianCpu).toFixed(2)} by medians); requests a second ${ratio(bestRate).toFixed(2)}; p99 ${ratio(p99).toFixed(2)}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  if (values.bound === undefined || best <= Number(values.bound)) return 0;
  process.stderr.write(`bench: the ratio is above ${values.bound}\n`);
  return 1;
}

function bestCpu(all: readonly Round[]): number {
  return Math.min(...all.map(({ cpu }) => cpu));
}

function fifthCpu(all: readonly Round[]): number {
  return bestFifth(all.map(({ cpu }) => cpu));
}

function medianCpu(all: readonly Round[]): number {
  return median(all.map(({ cpu }) => cpu));
}

function bestRate(all: readonly Round[]): number {
  return -bestFifth(all.map(({ answered, seconds }) => -answered / seconds));
}

function p99(all: readonly Round[]): number {
  return median(all.map((round) => round.p99));
}

/** The mean of the lowest fifth. */
function bestFifth(all: readonly number[]): number {
  const lowest = ascending(all).slice(0, Math.ceil(all.length / 5));
  return lowest.reduce((sum, each) => sum + each, 0) / lowest.length;
}

function median(all: readonly number[]): number {
  return ascending(all)[Math.floor(all.length / 2)]!;
}

function ascending(all: readonly number[]): number[] {
  return [...all].sort((one, other) => one - other);
}

// The targets -----------------------------------------------------------------------------------------------------------

async function nginx(port: number, upstream: number): Promise<Target> {
  const configuration = join(directory, 'nginx.conf');
  writeFileSync(
    configuration,
    `daemon off; master_process off; worker_processes 1; pid ${directory}/nginx.pid; error_log ${directory}/nginx.log;
     events { worker_connections 1024; }
     http {
       access_log off; keepalive_requests 1000000;
       client_body_temp_path ${directory}; proxy_temp_path ${directory}; fastcgi_temp_path ${directory};
       uwsgi_temp_path ${directory}; scgi_temp_path ${directory};
       upstream up { server 127.0.0.1:${upstream}; keepalive 128; keepalive_requests 1000000; }
       server {
         listen 127.0.0.1:${port};
         location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; }
       }
     }`,
  );
  const child = spawn('taskset', ['-c', '1', 'nginx', '-c', configuration], { stdio: 'ignore' });
  children.push(child);
  await untilListening(port);
  return {
    name: 'nginx, plain proxy',
    port,
    pids: () => [child.pid!],
    requests: Array.from(
      { length: 997 },
      (_, i) => `GET /api/orders/${i} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${'x'.repeat(32)}\r\n\r\n`,
    ),
  };
}

async function gate(port: number, adminPort: number, upstream: number): Promise<Target> {
  const child = spawn(
    'taskset',
    ['-c', '1', process.execPath, join(import.meta.dirname, '../bin/portcullis.js'), 'start'],
    {
      stdio: 'ignore',
      env: {
        ...process.env,
        PORTCULLIS_STORE: `lmdb:${join(directory, 'store')}`,
        PORTCULLIS_STATE_DIR: directory,
        PORTCULLIS_KEY: 'ab'.repeat(32),
        PORTCULLIS_PROXY_LISTEN: `127.0.0.1:${port}`,
        PORTCULLIS_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
        PORTCULLIS_LOG_LEVEL: 'warn',
      },
    },
  );
  children.push(child);
  await untilListening(port);
  await untilListening(adminPort);
  const admin = async (path: string, body: unknown) => {
    const answer = await fetch(`http://127.0.0.1:${adminPort}${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  };
  await admin('/services', { name: 'api', url: `http://127.0.0.1:${upstream}` });
  await admin('/services/api/routes', { paths: ['/api'] });
  await admin('/services/api/plugins', {
    name: 'oauth2',
    config: { enable_client_credentials: true, scopes: ['read', 'write'] },
  });
  await admin('/consumers', { username: 'bench', custom_id: 'bench-custom' });
  await admin('/consumers/bench/oauth2', {
    name: 'bench',
    client_id: 'bench',
    client_secret: 'bench',
    redirect_uris: ['https://bench.example'],
  });
  const tokens: string[] = [];
  for (let i = 0; i < 97; i++) {
    const answer = await fetch(`http://127.0.0.1:${port}/api/oauth2/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: 'bench',
        client_secret: 'bench',
        scope: 'read write',
      }),
    });
    tokens.push(((await answer.json()) as { access_token: string }).access_token);
  }
  return {
    name: 'the gate: token check, identity headers',
    port,
    pids: () => [child.pid!],
    requests: Array.from(
      { length: 997 },
      (_, i) =>
        `GET /api/orders/${i} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${tokens[i % tokens.length]}\r\n\r\n`,
    ),
  };
}

// The machine -----------------------------------------------------------------------------------------------------------

/** User and system time of all threads of these processes. */
function cpuSeconds(pids: readonly number[]): number {
  const ticks = Number(execFileSync('getconf', ['CLK_TCK']));
  let nanoseconds = 0;
  for (const pid of pids) {
    try {
      // schedstat counts in nanoseconds; ticks are the fallback.
      for (const task of readdirSync(`/proc/${pid}/task`)) {
        nanoseconds += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
      }
    } catch {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
      nanoseconds += ((Number(fields[11]) + Number(fields[12])) / ticks) * 1e9;
    }
  }
  return nanoseconds / 1e9;
}

async function forked(file: string, args: readonly string[], cpu: string): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, file), args, { serialization: 'advanced' });
  children.push(child);
  await new Promise<void>((resolve) => child.once('message', () => resolve()));
  execFileSync('taskset', ['-a', '-cp', cpu, String(child.pid)], { stdio: 'ignore' });
  return child;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once('listening', resolve))));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function untilListening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      await fetch(`http://127.0.0.1:${port}/`);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error(`nothing listens on port ${port}`);
}

function versionOf(command: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync('sh', ['-c', `${[command, ...args].join(' ')} 2>&1`], { encoding: 'utf8' })
      .trim()
      .replace('nginx version: ', '');
  } catch {
    return undefined;
  }
}
