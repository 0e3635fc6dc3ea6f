/**
 * `portcullis protect http://localhost:3000`: one's own service behind the gate, with a client that may call it. What it
 * registers is kept in the state directory, in a store of its own, apart from that of `portcullis start`.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Configuration } from '../configuration.ts';
import { adminClient } from './admin-client.ts';
import type { CommandLine } from './command-line.ts';
import { type Call, curlLine } from './curl.ts';
import { clientOf, guard, type RegisteredClient, registerClient } from './guarding.ts';
import { invocation } from './invocation.ts';
import { addressesOf, logOn, serve } from './serving.ts';
import { settingsFrom } from './settings.ts';
import { type OpenGate, type Paint, paintFor, type Terminal } from './terminal.ts';

export async function protect({ flags, switches, positionals }: CommandLine, terminal: Terminal): Promise<number> {
  const { port, ...given } = flags;
  const upstream = readUpstream(positionals[0], terminal);
  if ('problem' in upstream) return misunderstood(terminal, upstream.problem);
  if (port !== undefined && given['proxy-listen'] !== undefined) {
    return misunderstood(terminal, '--port and --proxy-listen say the same thing; leave one out');
  }
  if (port !== undefined && (!/^\d{1,5}$/.test(port) || Number(port) > 65535)) {
    return misunderstood(terminal, '--port takes a number up to 65535, as in --port 9000');
  }
  const read = settingsFrom(port === undefined ? given : { ...given, 'proxy-listen': `127.0.0.1:${port}` }, terminal, {
    proxyListen: { text: '127.0.0.1:8000', from: '--port' },
    adminListen: { text: '127.0.0.1:0', from: '--admin-listen' },
  });
  if (read === undefined) return 2;
  const { configuration: asSet, warnings } = read;
  const set = port === undefined ? read.set : new Map([...read.set, ['proxyListen', '--port']]);
  const unfit = whyUnfit(asSet, set);
  if (unfit !== undefined) return misunderstood(terminal, unfit);
  const directory = join(asSet.stateDirectory, 'protect', nameOf(upstream.url));
  const configuration: Configuration = set.has('store') ? asSet : { ...asSet, store: { kind: 'lmdb', directory } };
  const log = logOn(terminal, configuration);
  for (const warning of warnings) log.warn(warning);
  const whenOpen = async (gate: OpenGate) => {
    const { proxy, admin } = addressesOf(gate);
    const administrator = adminClient(admin[0]!, configuration.adminToken);
    const consumer = 'owner';
    await guard(administrator, { service: 'protected', url: upstream.url, path: '/', consumer });
    const known = switches.has('new-client') ? undefined : await clientOf(administrator, consumer);
    const client = known ?? (await registerClient(administrator, consumer, 'protect'));
    const about = {
      gate: proxy[0]!,
      upstream: upstream.url,
      admin: admin[0]!,
      client,
      answers: await answers(upstream.url),
    };
    terminal.out.write(guide(paintFor(terminal.out, terminal.env), about));
    return 'stay' as const;
  };
  return serve(configuration, log, terminal, whenOpen, set);
}

/** What is registered is registered by the Admin API, which must be there and may write. */
function whyUnfit(
  { proxyListen, adminListen, config }: Configuration,
  set: ReadonlyMap<string, string>,
): string | undefined {
  if (config !== undefined) {
    return `${set.get('config')}: what the file says is all that is guarded; leave it out, or use portcullis start`;
  }
  if (proxyListen.length === 0) return `${set.get('proxyListen')}: off is not possible here: the gate has to listen`;
  if (adminListen.length === 0) {
    return `${set.get('adminListen')}: off is not possible here: the client is registered by the Admin API`;
  }
  return undefined;
}

function readUpstream(
  text: string | undefined,
  { env }: Terminal,
): { readonly url: string } | { readonly problem: string } {
  if (text === undefined) {
    return { problem: `which service? As in ${invocation('protect', 'http://localhost:3000', env)}` };
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    return { problem: `${JSON.stringify(text)} is no address of a service; it looks like http://localhost:3000` };
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    return { problem: 'the address of a service has no user name, query or fragment' };
  }
  return { url: url.href };
}

function misunderstood({ err }: Terminal, problem: string): number {
  err.write(`portcullis protect: ${problem}\n`);
  return 2;
}

/** A folder name for each upstream, so that what was registered for one is never another's. */
function nameOf(url: string): string {
  const { host } = new URL(url);
  const digest = createHash('sha256').update(url).digest('hex').slice(0, 8);
  return `${host.replace(/[^a-z0-9.-]/g, '_')}-${digest}`;
}

/** Whether somebody is there at all; what is answered does not matter. */
async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(2000) });
    await response.body?.cancel();
    return true;
  } catch {
    return false;
  }
}

function guide(
  { bold, dim, cyan, red }: Paint,
  about: {
    readonly gate: string;
    readonly upstream: string;
    readonly admin: string;
    readonly client: RegisteredClient;
    readonly answers: boolean;
  },
): string {
  const { gate, upstream, admin, client } = about;
  const secret = client.clientSecret;
  const token: Call = {
    url: `${gate}/oauth2/token`,
    user: { name: client.clientId, password: secret ?? 'THE_SECRET' },
    form: { grant_type: 'client_credentials' },
  };
  const call: Call = { url: `${gate}/`, headers: { Authorization: 'Bearer THE_TOKEN' } };
  const lines = [
    '',
    `${bold(upstream)} is behind ${bold(gate)}`,
    'Nobody gets through without a token.',
    ...(about.answers ? [] : [red(`Nothing answers at ${upstream} yet: start it, and calls get through.`)]),
    '',
    `  Admin API      ${admin}`,
    `  client id      ${bold(client.clientId)}`,
    ...(secret === undefined
      ? [
          `  client secret  ${dim('was shown when it was registered;')}`,
          `                 ${dim('if it is lost, --new-client registers another one')}`,
        ]
      : [
          `  client secret  ${bold(secret)}`,
          `                 ${dim('shown this once: the gate keeps no more than a hash of it')}`,
        ]),
    '',
    bold('Get a token:'),
    `  ${cyan(curlLine(token).replaceAll('\n', '\n  '))}`,
    bold('Call your service with it:'),
    `  ${cyan(curlLine(call).replaceAll('\n', '\n  '))}`,
    '',
    dim('Ctrl-C ends it. What was registered is kept for the next time.'),
    '',
    '',
  ];
  return lines.join('\n');
}
