/**
 * How many calls fail because their upstream closes connections at the wrong moment: the gate and nginx in one run, in front
 * of the same upstream. Some calls have to fail: a POST that the upstream may have received must not be sent again
 * (RFC 9110 §9.2.2). The upstream counts what it processes, and no call may be processed twice.
 *
 *   npm run bench:faults [-- --calls 1500 --connections 16]
 *
 * Exits with 1 where the gate fails more calls than nginx: more than 10 in addition for PUT, more than a tenth and 10 for
 * POST; or where a call was processed twice.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Counts, type Fault, faults } from './fault-kinds.ts';
import { forked, freePorts, machine, versionOf } from './machine.ts';
import { startGate, startNginx } from './targets.ts';

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '1500' },
    connections: { type: 'string', default: '16' },
  },
});

interface Kind {
  readonly name: string;
  readonly method: 'PUT' | 'POST';
  readonly body: string;
  /** The largest number of failures that is accepted. */
  readonly most: (failuresOfNginx: number) => number;
}

const kinds: readonly Kind[] = [
  { name: 'PUT with body', method: 'PUT', body: 'x'.repeat(200), most: (peer) => peer + 10 },
  { name: 'POST empty', method: 'POST', body: '', most: (peer) => peer * 1.1 + 10 },
  { name: 'POST with body', method: 'POST', body: 'x'.repeat(200), most: (peer) => peer * 1.1 + 10 },
];

interface Result extends Counts {
  readonly failures: number;
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
  if (nginxVersion === undefined) {
    process.stderr.write('bench:faults: needs nginx (Debian: apt-get install nginx-light)\n');
    return 2;
  }
  const [upstreamPort, nginxPort, gatePort, adminPort] = (await freePorts(4)) as [number, number, number, number];
  const upstream = await forked('faulty-upstream.ts', [String(upstreamPort)]);
  children.push(upstream);
  // As many attempts as the gate: `retries` of a service is 5, and nginx tries each server of the list once.
  const servers = `server 127.0.0.1:${upstreamPort} max_fails=0;`.repeat(6);
  children.push(
    await startNginx(
      directory,
      nginxPort,
      `upstream up { ${servers} keepalive 128; }
       server {
         listen 127.0.0.1:${nginxPort};
         location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; }
       }`,
    ),
  );
  const gate = await startGate(directory, gatePort, adminPort);
  children.push(gate.child);
  await gate.create('/services', { name: 'api', url: `http://127.0.0.1:${upstreamPort}` });
  await gate.create('/services/api/routes', { paths: ['/'] });

  const lines = [
    `${machine()}; ${nginxVersion}`,
    `calls of ${values.calls} that failed, gate / nginx; ${values.connections} connections`,
    '',
    `| the upstream closes | ${kinds.map(({ name }) => name).join(' | ')} |`,
    `|---|${kinds.map(() => '---:').join('|')}|`,
  ];
  const problems: string[] = [];
  let twice = 0;
  for (const fault of Object.keys(faults) as Fault[]) {
    const cells: string[] = [];
    for (const kind of kinds) {
      const peer = await measure(upstream, fault, nginxPort, kind);
      const own = await measure(upstream, fault, gatePort, kind);
      cells.push(`${own.failures} / ${peer.failures}`);
      twice += own.twice;
      if (own.failures > kind.most(peer.failures)) problems.push(`${kind.name}, ${faults[fault]}: too many failures`);
      if (own.twice > 0) problems.push(`${kind.name}, ${faults[fault]}: ${own.twice} calls were processed twice`);
    }
    lines.push(`| ${faults[fault]} | ${cells.join(' | ')} |`);
  }
  lines.push('', `calls that were processed twice through the gate: ${twice}`);
  process.stdout.write(`${lines.join('\n')}\n`);
  for (const problem of problems) process.stderr.write(`bench:faults: ${problem}\n`);
  return problems.length === 0 ? 0 : 1;
}

async function measure(upstream: ChildProcess, fault: Fault, port: number, kind: Kind): Promise<Result> {
  await reply(upstream, fault);
  const agent = new Agent({ keepAlive: true, maxSockets: Number(values.connections) });
  let next = 0;
  let failures = 0;
  const caller = async (): Promise<void> => {
    while (next < Number(values.calls)) if (!(await succeeds(agent, port, kind, `call-${next++}`))) failures++;
  };
  await Promise.all(Array.from({ length: Number(values.connections) }, caller));
  agent.destroy();
  return { failures, ...((await reply(upstream, 'count')) as Counts) };
}

/** Whether the response is a 200 with the id of this call. */
function succeeds(agent: Agent, port: number, { method, body }: Kind, call: string): Promise<boolean> {
  return new Promise((resolve) => {
    const headers = { 'X-Call': call, 'Content-Length': body.length };
    const calling = request({ agent, port, host: '127.0.0.1', method, path: `/${call}`, headers }, (response) => {
      let text = '';
      response.setEncoding('latin1');
      response.on('data', (piece) => {
        text += piece;
      });
      response.on('end', () => resolve(response.statusCode === 200 && text === call));
      response.on('error', () => resolve(false));
    });
    calling.on('error', () => resolve(false));
    calling.end(body);
  });
}

function reply(child: ChildProcess, message: Fault | 'count'): Promise<unknown> {
  child.send(message);
  return new Promise((resolve) => child.once('message', resolve));
}
