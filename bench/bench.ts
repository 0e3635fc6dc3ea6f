/**
 * What a guarded call costs: the gate with token check and identity headers against nginx as a plain proxy. Each runs in
 * turn, alone on one core; load (wrk) and upstream run on the other. The figure is CPU time per request, from the kernel's
 * account of the process, as the median of short interleaved rounds. Only the ratio within one run means anything, since
 * other programs on the machine add to both figures. Run it twice: a claim is what repeats.
 *
 *   npm run bench [-- --rounds 15 --seconds 2 --warmup 20 --connections 64 --bound 2.2]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cpuSeconds, forked, freePorts, machine, median, ratioOf, versionOf } from './machine.ts';
import { startGate, startNginx } from './targets.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    seconds: { type: 'string', default: '2' },
    /** Before the first round: V8 compiles hot code step by step, on the one core that the gate has. */
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
  readonly pid: number;
  readonly requests: readonly string[];
}

interface Tally {
  readonly responses: number;
  readonly failures: number;
  /** Milliseconds. */
  readonly p99: number;
  readonly seconds: number;
}

interface Round {
  /** CPU milliseconds for 1,000 requests. */
  readonly cpu: number;
  /** Requests a second. */
  readonly rate: number;
  readonly p99: number;
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
  const nginxVersion = versionOf('nginx -v')?.replace('nginx version: ', '');
  if (nginxVersion === undefined || versionOf('command -v wrk') === undefined) {
    process.stderr.write('bench: needs nginx and wrk (Debian: apt-get install nginx-light wrk)\n');
    return 2;
  }
  const [upstreamPort, nginxPort, gatePort, adminPort] = await freePorts(4);
  children.push(await forked('service.ts', [String(upstreamPort)], 0));
  const targets = [await nginx(nginxPort!, upstreamPort!), await gate(gatePort!, adminPort!, upstreamPort!)];

  const results = new Map<string, Round[]>(targets.map(({ name }) => [name, []]));
  for (const target of targets) await measure(target, Number(values.warmup));
  for (let round = 0; round < rounds; round++) {
    for (const target of targets) results.get(target.name)!.push(await measure(target, seconds));
  }
  return report(results, nginxVersion);
}

async function measure(target: Target, time: number): Promise<Round> {
  const before = cpuSeconds(target.pid);
  const { responses, failures, p99, seconds } = await load(target, time);
  if (failures > 0) throw new Error(`${target.name}: ${failures} requests did not get a 200`);
  return { cpu: ((cpuSeconds(target.pid) - before) * 1e6) / responses, rate: responses / seconds, p99 };
}

/** Sends the requests in turn, from a script that wrk runs. */
async function load({ name, port, requests }: Target, time: number): Promise<Tally> {
  const script = join(directory, `${name.replace(/\W+/g, '-')}.lua`);
  const lines = requests.map((request) => `[==[${request.replaceAll('\r\n', '\n')}]==]`).join(',\n');
  writeFileSync(
    script,
    `local texts = {${lines}}
     local requests, next = {}, 0
     for i, text in ipairs(texts) do requests[i] = text:gsub("\\n", "\\r\\n") end
     function request() next = next % #requests + 1; return requests[next] end
     function done(summary, latency)
       io.write(string.format("tally %d %d %d %d\\n", summary.requests,
         summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout,
         latency:percentile(99), summary.duration))
     end`,
  );
  const args = ['-c', '0', 'wrk', '-t', '1', '-c', String(connections), '-d', `${time}s`, '-s', script];
  const wrk = spawn('taskset', [...args, `http://127.0.0.1:${port}/`], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  for await (const chunk of wrk.stdout) output += String(chunk);
  const tally = /tally (\d+) (\d+) (\d+) (\d+)/.exec(output);
  if (tally === null) throw new Error(`wrk printed: ${output}`);
  const [responses, failures, p99, duration] = tally.slice(1).map(Number) as [number, number, number, number];
  return { responses, failures, p99: p99 / 1000, seconds: duration / 1e6 };
}

function report(results: ReadonlyMap<string, readonly Round[]>, nginxVersion: string): number {
  const of = (all: readonly Round[], figure: keyof Round) => all.map((round) => round[figure]);
  const [peer, own] = [...results.values()] as [readonly Round[], readonly Round[]];
  const ratio = (figure: keyof Round) => ratioOf(of(own, figure), of(peer, figure));
  const lines = [
    `${machine()}; ${nginxVersion}`,
    `${rounds} interleaved rounds of ${seconds} s, ${connections} connections, the target alone on one core`,
    '',
    '| target | CPU ms / 1,000 requests | requests / s | p99 ms |',
    '|---|---:|---:|---:|',
    ...[...results].map(([name, all]) => {
      const [cpu, rate, p99] = (['cpu', 'rate', 'p99'] as const).map((figure) => median(of(all, figure)));
      return `| ${name} | ${cpu!.toFixed(1)} | ${rate!.toFixed(0)} | ${p99!.toFixed(2)} |`;
    }),
    '',
    `gate / nginx, medians: CPU per request ${ratio('cpu')}; requests / s ${ratio('rate')}; p99 ${ratio('p99')}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  const cost = median(of(own, 'cpu')) / median(of(peer, 'cpu'));
  if (values.bound === undefined || cost <= Number(values.bound)) return 0;
  process.stderr.write(`bench: CPU per request is more than ${values.bound} times that of nginx\n`);
  return 1;
}

// The targets -----------------------------------------------------------------------------------------------------------

async function nginx(port: number, upstream: number): Promise<Target> {
  const child = await startNginx(
    directory,
    port,
    `upstream up { server 127.0.0.1:${upstream}; keepalive 128; keepalive_requests 1000000; }
     server {
       listen 127.0.0.1:${port};
       location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; }
     }`,
    1,
  );
  children.push(child);
  return {
    name: 'nginx, plain proxy',
    port,
    pid: child.pid!,
    requests: Array.from(
      { length: 997 },
      (_, i) => `GET /api/orders/${i} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${'x'.repeat(32)}\r\n\r\n`,
    ),
  };
}

async function gate(port: number, adminPort: number, upstream: number): Promise<Target> {
  const { child, create } = await startGate(directory, port, adminPort, 1);
  children.push(child);
  await create('/services', { name: 'api', url: `http://127.0.0.1:${upstream}` });
  await create('/services/api/routes', { paths: ['/api'] });
  await create('/services/api/plugins', {
    name: 'oauth2',
    config: { enable_client_credentials: true, scopes: ['read', 'write'] },
  });
  await create('/consumers', { username: 'bench', custom_id: 'bench-custom' });
  await create('/consumers/bench/oauth2', {
    name: 'bench',
    client_id: 'bench',
    client_secret: 'bench',
    redirect_uris: ['https://bench.example'],
  });
  const tokens: string[] = [];
  for (let i = 0; i < 97; i++) {
    const response = await fetch(`http://127.0.0.1:${port}/api/oauth2/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: 'bench',
        client_secret: 'bench',
        scope: 'read write',
      }),
    });
    tokens.push(((await response.json()) as { access_token: string }).access_token);
  }
  return {
    name: 'the gate: token check, identity headers',
    port,
    pid: child.pid!,
    requests: Array.from(
      { length: 997 },
      (_, i) =>
        `GET /api/orders/${i} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${tokens[i % tokens.length]}\r\n\r\n`,
    ),
  };
}
