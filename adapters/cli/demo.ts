/**
 * `portcullis demo`: a gate with an embedded store in front of a small service, and three calls that show what it does.
 * The calls are real, and so are the responses. `--check` also checks the responses and then exits.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OpenGate } from '../composition-root.ts';
import { readConfiguration } from '../configuration.ts';
import { openLog } from '../logging.ts';
import { adminClient } from './admin-client.ts';
import type { CommandLine } from './command-line.ts';
import { type Call, type CallResponse, curlLine, make, responseText } from './curl.ts';
import { guard, registerClient } from './guarding.ts';
import { invocation } from './invocation.ts';
import { type SampleService, sampleService } from './sample-service.ts';
import { addressesOf, logOn, serve } from './serving.ts';
import { type Paint, paintFor, type Terminal } from './terminal.ts';

export async function demo({ switches }: CommandLine, terminal: Terminal): Promise<number> {
  const checks = switches.has('check');
  const directory = await mkdtemp(join(tmpdir(), 'portcullis-demo-'));
  const service = await sampleService();
  try {
    // The environment has the settings of the operator's own gate, not of this one.
    const read = readConfiguration({
      flags: {
        'proxy-listen': '127.0.0.1:0',
        'admin-listen': '127.0.0.1:0',
        store: `lmdb:${join(directory, 'store')}`,
        'state-dir': directory,
      },
      env: { PORTCULLIS_KEY: randomBytes(32).toString('hex') },
    });
    if (!read.ok) throw new Error('the settings of the demo are wrong');
    const log = checks ? openLog({ level: 'error', to: terminal.err }) : logOn(terminal, read.configuration);
    if (log === undefined) return 2;
    return await serve(read.configuration, log, terminal, async (gate) => {
      const passed = await show(gate, service, terminal);
      const paint = paintFor(terminal.out, terminal.env);
      if (checks) {
        terminal.out.write(passed ? paint.green('All three calls got the expected response.\n') : '');
        return passed ? 'done' : 'failed';
      }
      terminal.out.write(invitation(paint, terminal.env));
      return 'stay';
    });
  } finally {
    await service.close();
    await rm(directory, { recursive: true, force: true });
  }
}

/** One call. `wrong`: why its response is not the expected one; `undefined` if it is. */
interface Step {
  readonly title: string;
  readonly call: Call;
  readonly shown: readonly string[];
  readonly wrong: (response: CallResponse) => string | undefined;
}

async function show(gate: OpenGate, service: SampleService, { out, env }: Terminal): Promise<boolean> {
  const paint = paintFor(out, env);
  const { proxy, admin } = addressesOf(gate);
  const administrator = adminClient(admin[0]!, undefined);
  const consumer = 'marketplace';
  const scope = 'orders:read';
  await guard(administrator, { service: 'orders', url: service.url, path: '/orders', consumer, scopes: [scope] });
  const { clientId, clientSecret = '' } = await registerClient(administrator, consumer, 'demo client');
  const orders = `${proxy[0]}/orders`;
  out.write(introduction(paint, { orders, service: service.url, admin: admin[0]! }));

  const denied = await step(out, paint, {
    title: '1  Without a token the gate denies the call. The service does not receive it.',
    call: { url: orders },
    shown: ['WWW-Authenticate'],
    wrong: ({ status, headers }) =>
      status !== 401
        ? 'the status is not 401'
        : !/^Bearer\b/.test(headers.get('WWW-Authenticate') ?? '')
          ? 'there is no Bearer challenge'
          : service.calls() !== 0
            ? 'the service was called'
            : undefined,
  });
  const issued = await step(out, paint, {
    title: '2  A registered client gets a token (client credentials grant, RFC 6749 §4.4).',
    call: {
      url: `${orders}/oauth2/token`,
      user: { name: clientId, password: clientSecret },
      form: { grant_type: 'client_credentials', scope },
    },
    shown: ['Cache-Control'],
    wrong: ({ status, headers, body }) =>
      status !== 200
        ? 'the status is not 200'
        : tokenIn(body) === undefined
          ? 'there is no access token'
          : headers.get('Cache-Control') !== 'no-store'
            ? 'a cache may store the response'
            : undefined,
  });
  const admitted = await step(out, paint, {
    title: '3  With the token the gate admits the call, and tells the service who calls.',
    call: { url: orders, headers: { Authorization: `Bearer ${tokenIn(issued.response.body) ?? ''}` } },
    shown: [],
    wrong: ({ status, body }) =>
      status !== 200
        ? 'the status is not 200'
        : !body.includes(`"calledBy":${JSON.stringify({ consumer, client: clientId, scope })}`)
          ? 'the service did not receive the identity of the caller'
          : service.calls() !== 1
            ? 'the service was not called once'
            : undefined,
  });
  return denied.passed && issued.passed && admitted.passed;
}

async function step(
  out: Terminal['out'],
  paint: Paint,
  { title, call, shown, wrong }: Step,
): Promise<{ readonly response: CallResponse; readonly passed: boolean }> {
  const response = await make(call);
  const problem = wrong(response);
  const failure = problem === undefined ? '' : `${paint.red(`✗ not the expected response: ${problem}`)}\n`;
  const text = `${paint.dim('$')} ${paint.cyan(curlLine(call))}\n${responseText(response, shown, paint)}`;
  out.write(`${paint.bold(title)}\n\n${indented(text)}\n${failure}\n`);
  return { response, passed: problem === undefined };
}

function introduction(
  { bold, dim }: Paint,
  { orders, service, admin }: { readonly orders: string; readonly service: string; readonly admin: string },
): string {
  return `
${bold('Portcullis')}  an OAuth 2.0 gate in front of your service

  the service  ${service}  ${dim('returns orders; it does no OAuth')}
  the gate     ${orders}
  Admin API    ${admin}  ${dim('the demo registered service, route,')}
               ${dim('plugin and client here')}

`;
}

function invitation({ bold, dim }: Paint, env: Terminal['env']): string {
  return `${bold('The gate keeps running.')} Paste a line from above into another terminal, or
change it: each call is logged here. Ctrl-C stops the demo.
${dim(`Your own service: ${invocation('protect', 'http://localhost:3000', env)}`)}

`;
}

function tokenIn(body: string): string | undefined {
  try {
    const token: unknown = JSON.parse(body).access_token;
    return typeof token === 'string' && token !== '' ? token : undefined;
  } catch {
    return undefined;
  }
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '   ');
}
