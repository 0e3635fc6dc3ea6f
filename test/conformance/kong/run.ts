/**
 * `npm run conformance`: sends the recorded calls to this gate and compares its responses with Kong's.
 *
 * Each difference must be listed in docs/differences-from-kong.md with its reason, and each listed difference must occur.
 * Gates and the upstream listen on free ports; python3 makes the calls, as for the recording.
 * `npm run conformance -- services nested` compares these topics only.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Compared, errorsOf, readDifferences } from './differences.ts';
import { echoServer } from './echo.ts';

const here = import.meta.dirname;
const root = join(here, '..', '..', '..');

/** Slow topics (windows of rate limits, upstreams without a response) run at another gate at the same time. */
const waiting = ['plugins-proxy', 'routing'];
const all = readdirSync(join(here, 'golden')).map((file) => file.replace(/\.jsonl$/, ''));

interface Group {
  readonly topics: readonly string[];
  readonly trusted: boolean;
}

interface Interaction extends Compared {
  readonly call: string;
  readonly differences: readonly (readonly [at: string, want: string, got: string])[];
}

async function main(wanted: readonly string[]): Promise<number> {
  const unknown = wanted.filter((topic) => !all.includes(topic));
  if (unknown.length > 0) {
    console.error(`there are no recordings of ${unknown.join(', ')}; there are ${all.join(', ')}`);
    return 2;
  }
  const python = spawnSync('python3', ['-c', 'import sys; print(sys.version_info >= (3, 8))'], { encoding: 'utf8' });
  if (python.stdout?.trim() !== 'True') {
    console.error('the conformance run needs python3, 3.8 or newer, which makes the recorded calls; it was not found');
    return 1;
  }
  const chosen = wanted.length === 0 ? all : wanted;
  const groups: Group[] = [
    { topics: chosen.filter((topic) => topic !== 'untrusted' && !waiting.includes(topic)), trusted: true },
    { topics: chosen.filter((topic) => waiting.includes(topic)), trusted: true },
    { topics: chosen.filter((topic) => topic === 'untrusted'), trusted: false },
  ];
  const upstream = echoServer();
  await new Promise<void>((done) => upstream.listen(0, '127.0.0.1', done));
  const upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  try {
    const runs = await Promise.all(
      groups.filter(({ topics }) => topics.length > 0).map((group) => replay(group, upstreamUrl)),
    );
    return report(runs.flat(), chosen);
  } finally {
    upstream.closeAllConnections();
    upstream.close();
  }
}

async function replay({ topics, trusted }: Group, upstream: string): Promise<readonly Interaction[]> {
  const directory = mkdtempSync(join(tmpdir(), 'portcullis-conformance-'));
  const gate = spawn(process.execPath, [join(root, 'bin', 'portcullis.js'), 'start'], {
    env: {
      PATH: process.env['PATH'],
      HOME: directory,
      PORTCULLIS_STORE: 'memory:',
      PORTCULLIS_STATE_DIR: directory,
      PORTCULLIS_ADMIN_LISTEN: '127.0.0.1:0',
      PORTCULLIS_PROXY_LISTEN: '127.0.0.1:0, 127.0.0.1:0 http2 ssl',
      PORTCULLIS_PLAIN_HTTP_TOKENS: 'never',
      PORTCULLIS_TRUSTED_IPS: trusted ? '127.0.0.1' : '',
      PORTCULLIS_LOG_LEVEL: 'error',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const { proxy, admin } = await addresses(gate);
    const calls = spawn(
      'python3',
      [join(here, 'replay.py'), '--json', '--topic', topics.join(), ...(trusted ? [] : ['--untrusted'])],
      {
        env: {
          ...process.env,
          SETTLE: '0',
          PYTHONDONTWRITEBYTECODE: '1',
          ADMIN: admin[0]!,
          PROXY: proxy.find((url) => url.startsWith('http:'))!,
          PROXY_TLS: proxy.find((url) => url.startsWith('https:'))!,
          UPSTREAM: upstream,
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const ended = new Promise<number | null>((done) => calls.on('exit', done));
    const interactions: Interaction[] = [];
    for await (const line of createInterface({ input: calls.stdout })) {
      const said = JSON.parse(line);
      if (said.cut !== undefined) console.log(said.cut);
      else interactions.push({ ...said, place: `${said.topic}/${said.case}:${said.step}` });
    }
    const status = await ended;
    if (status !== 0) throw new Error(`the calls of ${topics.join(', ')} could not all be made (status ${status})`);
    return interactions;
  } finally {
    const ended = new Promise((done) => gate.on('exit', done));
    gate.kill('SIGTERM');
    const impatience = setTimeout(() => gate.kill('SIGKILL'), 15_000);
    if (gate.exitCode === null && gate.signalCode === null) await ended;
    clearTimeout(impatience);
    rmSync(directory, { recursive: true, force: true });
  }
}

/** From the log line of a gate that is ready. */
async function addresses(gate: ChildProcess): Promise<{ readonly proxy: string[]; readonly admin: string[] }> {
  const lines = createInterface({ input: gate.stdout! });
  for await (const line of lines) {
    const said = JSON.parse(line);
    if (said.proxy !== undefined && said.admin !== undefined) {
      gate.stdout!.on('data', (chunk: Buffer) => process.stderr.write(chunk));
      return said;
    }
    console.error(line);
  }
  throw new Error('the gate exited before it was ready');
}

function report(interactions: readonly Interaction[], topics: readonly string[]): number {
  const page = readFileSync(join(root, 'docs', 'differences-from-kong.md'), 'utf8');
  const meant = readDifferences(page).filter(({ place }) => topics.includes(place.split('/')[0]!));
  const { unmeant, gone, unknown } = errorsOf(interactions, meant);
  for (const topic of topics) {
    const its = interactions.filter(({ place }) => place.startsWith(`${topic}/`));
    const equal = its.filter((one) => one.equal).length;
    const excluded = its.filter(({ place, equal }) => !equal && !unmeant.includes(place)).length;
    console.log(
      `${topic}: ${equal} of ${its.length} equal${excluded === 0 ? '' : `, ${excluded} different on purpose`}`,
    );
  }
  for (const { place, call, differences } of interactions) {
    if (!unmeant.includes(place)) continue;
    console.log(`\n${call}`);
    for (const [at, want, got] of differences) console.log(`    ${at}: Kong ${want}\n    ${at}: here ${got}`);
  }
  for (const place of gone) console.log(`\n${place} is equal; remove it from docs/differences-from-kong.md`);
  for (const place of unknown) console.log(`\n${place} is in docs/differences-from-kong.md but is not a recorded step`);
  const failed = unmeant.length + gone.length + unknown.length;
  const purposes = interactions.filter((one) => !one.equal).length - unmeant.length;
  console.log(
    `\n${interactions.length} calls: ${purposes} responses differ on purpose, ${unmeant.length} without one.`,
  );
  console.log(`  ${interactions.length - unmeant.length} passing\n  ${failed} failing`);
  return failed === 0 && interactions.length > 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
