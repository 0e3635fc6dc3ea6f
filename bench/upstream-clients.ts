/**
 * What a request to an upstream costs: our pool of connections against undici's `Client.dispatch`, for decision 9. Each runs
 * in turn, alone on one core; the upstream runs on the other. The figure is CPU time per request, from the kernel's account
 * of the process, as the median of interleaved rounds. Run it twice: a claim is what repeats.
 *
 *   npm run bench:upstream [-- --rounds 15 --seconds 2 --warmup 5 --connections 64]
 */
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { forked, freePorts, machine, median, ratioOf } from './machine.ts';
import type { ClientRound } from './upstream-client.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    seconds: { type: 'string', default: '2' },
    /** Before the first round of each client, until V8 has compiled hot code. */
    warmup: { type: 'string', default: '5' },
    connections: { type: 'string', default: '64' },
  },
});
const children: ChildProcess[] = [];
try {
  await main();
} finally {
  for (const child of children) child.kill('SIGKILL');
}

async function main(): Promise<void> {
  const [port] = await freePorts(1);
  children.push(await forked('service.ts', [String(port)], 0));
  const clients: { readonly name: string; readonly child: ChildProcess; readonly cpu: number[] }[] = [];
  for (const kind of ['pool', 'undici']) {
    const child = await forked('upstream-client.ts', [kind, String(port), values.connections], 1);
    children.push(child);
    clients.push({ name: kind === 'pool' ? 'our pool' : `undici ${undiciVersion()}, Client.dispatch`, child, cpu: [] });
  }
  for (const { child } of clients) await measure(child, Number(values.warmup));
  for (let i = 0; i < Number(values.rounds); i++) {
    for (const { child, cpu } of clients) cpu.push(await measure(child, Number(values.seconds)));
  }
  const [own, undici] = clients;
  const lines = [
    machine(),
    `${values.rounds} interleaved rounds of ${values.seconds} s, ${values.connections} connections, the client alone on one core`,
    '',
    '| client | CPU ms / 1,000 requests |',
    '|---|---:|',
    ...clients.map(({ name, cpu }) => `| ${name} | ${median(cpu).toFixed(1)} |`),
    '',
    `undici / our pool, medians: CPU per request ${ratioOf(undici!.cpu, own!.cpu)}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** CPU milliseconds for 1,000 requests. */
async function measure(child: ChildProcess, seconds: number): Promise<number> {
  child.send(seconds * 1000);
  const round = await new Promise<ClientRound>((resolve, reject) => {
    child.once('message', (message) => resolve(message as ClientRound));
    child.once('exit', (code) => reject(new Error(`a client exited with ${code}`)));
  });
  child.removeAllListeners('exit');
  return (round.cpuSeconds * 1e6) / round.responses;
}

function undiciVersion(): string {
  const manifest = readFileSync(join(import.meta.dirname, '../node_modules/undici/package.json'), 'utf8');
  return (JSON.parse(manifest) as { readonly version: string }).version;
}
