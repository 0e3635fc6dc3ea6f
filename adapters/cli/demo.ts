/**
 * `portcullis demo`: a gate with an embedded store in front of a small service, and the three calls that say what it is
 * for. They are made for real; what is shown is what was answered. With `--check` they are judged as well, and it ends.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfiguration } from '../configuration.ts';
import { openLog } from '../logging.ts';
import { adminClient } from './admin-client.ts';
import type { CommandLine } from './command-line.ts';
import { type Call, type CallResponse, curlLine, make, responseText } from './curl.ts';
import { guard, registerClient } from './guarding.ts';
import { invocation } from './invocation.ts';
import { type SampleService, sampleService } from './sample-service.ts';
import { addressesOf, logOn, serve } from './serving.ts';
import { type OpenGate, type Paint, paintFor, type Terminal } from './terminal.ts';

export async function demo({ switches }: CommandLine, terminal: Terminal): Promise<number> {
  const checks = switches.has('check');
  const directory = await mkdtemp(join(tmpdir(), 'portcullis-demo-'));
  const service = await sampleService();
  try {
    // What the environment says is for the operator's own gate, not for this one.
    const read = readConfiguration({
      flags: {
        'proxy-listen': '127.0.0.1:0',
        'admin-listen': '127.0.0.1:0',
        store: `lmdb:${join(directory, 'store')}`,
        'state-dir': directory,
      },
      env: { PORTCULLIS_KEY: randomBytes(32).toString('hex') },
    });
    if (!read.ok) throw new Error('the settings of the demo are refused');
    const log = checks ? openLog({ level: 'error', to: terminal.err }) : logOn(terminal, read.configuration);
    return await serve(read.configuration, log, terminal, async (gate) => {
      const right = await show(gate, service, terminal);
      const paint = paintFor(terminal.out, terminal.env);
      if (checks) {
        terminal.out.write(right ? paint.green('All three calls were answered as they must be.\n') : '');
        return right ? 'done' : 'failed';
      }
      terminal.out.write(invitation(paint, terminal.env));
      return 'stay';
    });
  } finally {
    await service.close();
    await rm(directory, { recursive: true, force: true });
  }
}

/** What each call has to be answered; the first that was not is told. */
interface Step {
  readonly title: string;
  readonly call: Call;
  readonly shown: readonly string[];
  readonly wrong: (answer: CallResponse) => string | undefined;
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
    title: '1  Without a token the gate denies the call. The service never hears of it.',
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
            ? 'the answer may be stored by a cache'
            : undefined,
  });
  const admitted = await step(out, paint, {
    title: '3  With the token the call is admitted, and the service is told who calls.',
    call: { url: orders, headers: { Authorization: `Bearer ${tokenIn(issued.answer.body) ?? ''}` } },
    shown: [],
    wrong: ({ status, body }) =>
      status !== 200
        ? 'the status is not 200'
        : !body.includes(`"calledBy":${JSON.stringify({ consumer, client: clientId, scope })}`)
          ? 'the service was not told who calls'
          : service.calls() !== 1
            ? 'the service was not called once'
            : undefined,
  });
  return denied.right && issued.right && admitted.right;
}

async function step(
  out: Terminal['out'],
  paint: Paint,
  { title, call, shown, wrong }: Step,
): Promise<{ readonly answer: CallResponse; readonly right: boolean }> {
  const answer = await make(call);
  const problem = wrong(answer);
  const decision = problem === undefined ? '' : `${paint.red(`✗ not as it must be: ${problem}`)}\n`;
  const text = `${paint.dim('$')} ${paint.cyan(curlLine(call))}\n${responseText(answer, shown, paint)}`;
  out.write(`${paint.bold(title)}\n\n${indented(text)}\n${decision}\n`);
  return { answer, right: problem === undefined };
}

function introduction(
  { bold, dim }: Paint,
  { orders, service, admin }: { readonly orders: string; readonly service: string; readonly admin: string },
): string {
  return `
${bold('Portcullis')}  an OAuth 2.0 gate in front of your service

  the service  ${service}  ${dim('orders; it knows nothing of OAuth')}
  the gate     ${orders}
  Admin API    ${admin}  ${dim('here service, route, plugin and client')}
               ${dim('were registered')}

`;
}

function invitation({ bold, dim }: Paint, env: Terminal['env']): string {
  return `${bold('The gate stays up.')} Paste a line from above into another terminal, or change it:
each call shows here. Ctrl-C ends the demo.
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
