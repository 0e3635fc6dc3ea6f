/**
 * `portcullis protect http://localhost:3000`: puts a service behind the gate, with a client that may call it. Its store is
 * in the state directory, separate from the store of `portcullis start`.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { OpenGate } from '../composition-root.ts';
import type { Configuration } from '../configuration.ts';
import { adminClient } from './admin-client.ts';
import type { CommandLine } from './command-line.ts';
import { type Call, curlLine } from './curl.ts';
import { clientOf, guard, type RegisteredClient, registerClient } from './guarding.ts';
import { invocation } from './invocation.ts';
import { addressesOf, logOn, serve } from './serving.ts';
import { settingsFrom } from './settings.ts';
import { type Paint, paintFor, type Terminal } from './terminal.ts';

export async function protect({ flags, switches, positionals }: CommandLine, terminal: Terminal): Promise<number> {
  const { port, ...given } = flags;
  const upstream = readUpstream(positionals[0], terminal);
  if ('problem' in upstream) return misunderstood(terminal, upstream.problem);
  if (port !== undefined && given['proxy-listen'] !== undefined) {
    return misunderstood(terminal, '--port and --proxy-listen set the same listener; leave one out');
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
  const conflict = conflictIn(asSet, set);
  if (conflict !== undefined) return misunderstood(terminal, conflict);
  const directory = join(asSet.stateDirectory, 'protect', nameOf(upstream.url));
  const configuration: Configuration = set.has('store') ? asSet : { ...asSet, store: { kind: 'lmdb', directory } };
  const log = logOn(terminal, configuration);
  if (log === undefined) return 2;
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
      isUp: await responds(upstream.url),
    };
    terminal.out.write(guide(paintFor(terminal.out, terminal.env), about));
    return 'stay' as const;
  };
  return serve(configuration, log, terminal, whenOpen, set);
}

/** `protect` needs a proxy listener, and an Admin API that may write, to register the client. */
function conflictIn(
  { proxyListen, adminListen, config }: Configuration,
  set: ReadonlyMap<string, string>,
): string | undefined {
  if (config !== undefined) {
    return `${set.get('config')}: protect cannot add a service to a configuration file; leave the file out, or use portcullis start`;
  }
  if (proxyListen.length === 0) return `${set.get('proxyListen')}: cannot be off with protect: the gate has to listen`;
  if (adminListen.length === 0) {
    return `${set.get('adminListen')}: cannot be off with protect: the Admin API registers the client`;
  }
  return undefined;
}

function readUpstream(
  text: string | undefined,
  { env }: Terminal,
): { readonly url: string } | { readonly problem: string } {
  if (text === undefined) {
    return {
      problem: `the URL of the service is missing, as in ${invocation('protect', 'http://localhost:3000', env)}`,
    };
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    return { problem: `${JSON.stringify(text)} is not the URL of a service; write it as in http://localhost:3000` };
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    return { problem: 'the URL of a service cannot have a user name, query or fragment' };
  }
  return { url: url.href };
}

function misunderstood({ err }: Terminal, problem: string): number {
  err.write(`portcullis protect: ${problem}\n`);
  return 2;
}

/** A directory for each upstream, so that a client registered for one cannot call another. */
function nameOf(url: string): string {
  const { host } = new URL(url);
  const digest = createHash('sha256').update(url).digest('hex').slice(0, 8);
  return `${host.replace(/[^a-z0-9.-]/g, '_')}-${digest}`;
}

/** Whether the service responds at all, with any status. */
async function responds(url: string): Promise<boolean> {
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
    readonly isUp: boolean;
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
    'Every call needs a token.',
    ...(about.isUp ? [] : [red(`${upstream} does not respond yet. Start the service; the gate need not restart.`)]),
    '',
    `  Admin API      ${admin}`,
    `  client id      ${bold(client.clientId)}`,
    ...(secret === undefined
      ? [
          `  client secret  ${dim('was shown at its registration;')}`,
          `                 ${dim('if it is lost, --new-client registers another one')}`,
        ]
      : [`  client secret  ${bold(secret)}`, `                 ${dim('shown only once: the gate stores a hash')}`]),
    '',
    bold('Get a token:'),
    `  ${cyan(curlLine(token).replaceAll('\n', '\n  '))}`,
    bold('Call your service with it:'),
    `  ${cyan(curlLine(call).replaceAll('\n', '\n  '))}`,
    '',
    dim('Ctrl-C stops the gate. The client is kept for the next start.'),
    '',
    '',
  ];
  return lines.join('\n');
}
