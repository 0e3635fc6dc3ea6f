/**
 * The settings of the gate: one strict schema with what each of them means and what we recommend. The environment, the
 * command line and a file speak the same names; docs/configuration.md and `--help` are written from here.
 *
 *   proxy_listen (file)  =  PORTCULLIS_PROXY_LISTEN (environment)  =  --proxy-listen (command line)
 *
 * Nothing is dropped silently: a name that is not here is an error that says which one was probably meant.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { isLoopbackHost, printedHostAndPort } from '../src/address/host.ts';
import { type Directories, directoriesOf } from './configuration/directories.ts';
import { type Listen, readListens } from './configuration/listen.ts';
import { isProblem, type Reading } from './configuration/reading.ts';
import { type Given, gather, inEnvironment, onCommandLine, type SettingSources } from './configuration/sources.ts';
import {
  type LogLevel,
  readAddresses,
  readAdminToken,
  readHosts,
  readKey,
  readLogLevel,
  readNames,
  readPath,
  readPaths,
  readPool,
  readPublicUrl,
  readSeconds,
  readStore,
  readTimeout,
} from './configuration/values.ts';

export type { Listen } from './configuration/listen.ts';
export type { SettingSources } from './configuration/sources.ts';

/** What the composition root is given: checked, complete, with every default filled in. */
export interface Configuration {
  readonly proxyListen: readonly Listen[];
  readonly adminListen: readonly Listen[];
  /** `undefined`: the Admin API asks for none. */
  readonly adminToken: string | undefined;
  /** Names in lower case; `*`: any. */
  readonly adminHosts: readonly string[];
  readonly store: Store;
  /** Milliseconds that one question to a shared store may take. */
  readonly storeTimeout: number;
  /** Connections to a shared store. */
  readonly storePool: number;
  /** Milliseconds for which what is remembered is relied on while a shared store does not answer. */
  readonly stalenessLimit: number;
  /** A declarative file in the form of kong.yml. */
  readonly config: string | undefined;
  /** Whether the first file may change and remove what the Admin API has written. */
  readonly configTakesOver: boolean;
  /** Plugins of the file to load it without. */
  readonly skipPlugins: readonly string[];
  /** Modules that export plugins of the operator's own. */
  readonly pluginModules: readonly string[];
  /** Without a slash at the end. */
  readonly publicUrl: string | undefined;
  /** Addresses and networks (`10.0.0.0/8`) of the proxies in front of the gate. */
  readonly trustedIps: readonly string[];
  readonly plainHttpTokens: 'loopback' | 'never';
  /** Where the master key comes from; see decision 4. */
  readonly masterKey: MasterKey;
  readonly workers: 1;
  readonly logLevel: LogLevel;
  /** Milliseconds that connections are given to finish when the gate is told to stop. */
  readonly drainLimit: number;
  /** `undefined`: the gate makes its own and keeps it in the state directory. */
  readonly tlsFiles: { readonly certificate: string; readonly key: string } | undefined;
  readonly stateDirectory: string;
}

export type Store =
  | { readonly kind: 'memory' }
  | { readonly kind: 'lmdb'; readonly directory: string }
  | { readonly kind: 'mongodb'; readonly url: string };

export type MasterKey =
  | { readonly from: 'bytes'; readonly bytes: Uint8Array }
  /** `make`: a first start makes it. Never so with a store that other nodes share: they must have the same key. */
  | { readonly from: 'file'; readonly path: string; readonly make: boolean };

/** What is said about a setting, in the documentation and by `--help`. */
export interface SettingDescription {
  readonly title: string;
  /** What may be written. */
  readonly form: string;
  readonly description: string;
  readonly recommendation: string;
  /** What holds when it is not given, where the schema has no default to show. */
  readonly otherwise?: string;
  /** Kong's name for it in the environment, without `KONG_`. */
  readonly kong?: string;
  /** The value never appears in a message. */
  readonly secret?: true;
}

export const descriptions = z.registry<SettingDescription>();

export const settings = z.strictObject({
  proxyListen: z
    .string()
    .default('0.0.0.0:8000, 0.0.0.0:8443 http2 ssl')
    .transform(by(readListens))
    .register(descriptions, {
      title: 'Proxy listeners',
      form: 'host:port [ssl] [http2] [reuseport] [backlog=N] [ipv6only=on] [so_keepalive=…], …; or off',
      description:
        'Where calls to the guarded services come in. The grammar is that of Kong. An IPv6 address stands in brackets. Port 0 takes any free port.',
      recommendation: 'Keep the TLS listener: tokens are only issued over TLS, or over plain HTTP on loopback.',
      kong: 'PROXY_LISTEN',
    }),
  adminListen: z.string().default('127.0.0.1:8001').transform(by(readListens)).register(descriptions, {
    title: 'Admin listeners',
    form: 'host:port, …; or off',
    description: 'Where the Admin API is served, over plain HTTP. Off loopback it needs `admin_token`.',
    recommendation: 'Leave it on loopback and reach it through SSH or a sidecar. Whoever reaches it owns the gate.',
    kong: 'ADMIN_LISTEN',
  }),
  adminToken: z.string().transform(by(readAdminToken)).optional().register(descriptions, {
    title: 'Admin token',
    form: '16 visible ASCII characters or more; or none',
    description:
      'What a caller of the Admin API has to present, as `Authorization: Bearer …`. `none` opens an Admin listener off loopback to everybody, and is warned about at each start.',
    recommendation: 'Make one with `openssl rand -hex 32`. Use `none` only where a network policy stands in its place.',
    otherwise: 'no token on loopback; no start off loopback',
    secret: true,
  }),
  adminHosts: z.string().default('').transform(by(readHosts)).register(descriptions, {
    title: 'Names of the Admin API',
    form: 'host name, …; or *',
    description:
      'By what names callers reach the Admin API, beside those of loopback and the address it listens on. A request that calls it otherwise is refused, so that no web page can reach it under a name of its own (DNS rebinding). `*` lets any name pass.',
    recommendation: 'The name of the container or the internal DNS name that your tools use.',
  }),
  store: z.string().default('lmdb:').transform(by(readStore)).register(descriptions, {
    title: 'Store',
    form: 'lmdb:DIRECTORY, memory: or mongodb://…',
    description:
      'Where services, routes, consumers, codes and tokens are kept. `lmdb:` alone is the directory `store` in the state directory. `memory:` forgets everything when the gate stops. For `mongodb://…` see [mongodb.md](mongodb.md).',
    recommendation: '`lmdb:` for one machine, `mongodb://…` for several.',
    secret: true,
  }),
  storeTimeout: z.string().default('2').transform(by(readTimeout)).register(descriptions, {
    title: 'Store timeout',
    form: 'seconds, 1 to 60',
    description:
      'How long one question to a MongoDB store may take, connecting, waiting for a primary and one repetition included. After it the gate answers 503 with Retry-After.',
    recommendation: 'More than your replica set needs to elect a primary only if clients rather wait than repeat.',
  }),
  storePool: z.string().default('20').transform(by(readPool)).register(descriptions, {
    title: 'Store connections',
    form: 'number, 1 to 500',
    description: 'How many connections a gate keeps to a MongoDB store at most.',
    recommendation: 'The default; times the number of gates it has to stay below what the server allows.',
  }),
  stalenessLimit: z.string().default('30').transform(by(readSeconds)).register(descriptions, {
    title: 'Staleness limit',
    form: 'seconds, 0 to 3600',
    description:
      'How long tokens that this gate has seen before are still admitted while a MongoDB store does not answer. A token revoked by another gate in that time is noticed at the end of it, or when the store is back. With 0 no token passes without the store.',
    recommendation: 'As long as you would let a revoked token live in an outage.',
  }),
  config: z.string().transform(by(readPath)).optional().register(descriptions, {
    title: 'Declarative configuration',
    form: 'path of a YAML or JSON file',
    description:
      'A file in the form of kong.yml. Its services, routes, plugins, consumers and credentials are the configuration, and the Admin API does not write them; tokens are issued into the store all the same. SIGHUP and `portcullis reload` read it again. See [files.md](files.md).',
    recommendation: 'Keep it under version control, and client secrets in it as hashes.',
    otherwise: 'only what the Admin API wrote',
    kong: 'DECLARATIVE_CONFIG',
  }),
  configTakesOver: z.enum(['no', 'yes'], { error: 'takes yes or no' }).default('no').register(descriptions, {
    title: 'The file takes over',
    form: 'yes or no',
    description:
      'Whether `config` may change and remove what the Admin API has written into the store before. With `no` such a start is refused, and nothing is lost.',
    recommendation:
      '`yes` for the one start that moves a gate from the Admin API to a file, after `portcullis export`.',
  }),
  skipPlugins: z.string().default('').transform(by(readNames)).register(descriptions, {
    title: 'Plugins to skip',
    form: 'name, …',
    description:
      'Plugins that the file has and this gate does not, to load it without. Plugins that authenticate or limit cannot be skipped.',
    recommendation: 'Leave it empty; a file is best loaded as it is.',
  }),
  pluginModules: z.string().default('').transform(by(readPaths)).register(descriptions, {
    title: 'Plugins of your own',
    form: 'path of a module, …',
    description:
      'Modules that export a plugin as `plugin`; JavaScript, or TypeScript as Node runs it. They run in the gate, with all its rights. See [plugins.md](plugins.md).',
    recommendation: 'Only what you wrote, or have read.',
  }),
  publicUrl: z.string().transform(by(readPublicUrl)).optional().register(descriptions, {
    title: 'Public URL',
    form: 'https://host[:port][/path]',
    description:
      'The address by which clients know the gate. The issuer in metadata is made from it, never from a Host header (RFC 8414 §2).',
    recommendation: 'Set it as soon as clients read metadata.',
    otherwise: 'nothing is published that would need it',
  }),
  trustedIps: z.string().default('').transform(by(readAddresses)).register(descriptions, {
    title: 'Trusted proxies',
    form: 'address or network, …, as in 10.0.0.0/8, 2001:db8::1',
    description:
      'Peers whose X-Forwarded-For, -Proto, -Host and -Port are believed. From everybody else they are replaced (RFC 9700 §4.13).',
    recommendation: 'Name your load balancers, nothing wider.',
    kong: 'TRUSTED_IPS',
  }),
  plainHttpTokens: z
    .enum(['loopback', 'never'], { error: 'takes loopback or never' })
    .default('loopback')
    .register(descriptions, {
      title: 'Tokens over plain HTTP',
      form: 'loopback or never',
      description:
        '`loopback` answers a token request over plain HTTP when it comes from this machine, asks for a loopback name and no proxy has forwarded it. All others have to use TLS (RFC 6749 §2.3.1).',
      recommendation:
        '`never` on a machine whose other users you do not trust, and wherever a proxy runs on the same machine.',
    }),
  key: z.string().transform(by(readKey)).optional().register(descriptions, {
    title: 'Master key',
    form: '32 bytes or more, in hex or base64url',
    description:
      'What secrets and tokens are sealed with in the store. All nodes on one store have the same. A store that was written with another key refuses the start.',
    recommendation:
      'Make one with `openssl rand -hex 32` and keep a copy away from the store: without it, what is sealed is lost.',
    otherwise: 'the key in key_file',
    secret: true,
  }),
  keyFile: z.string().transform(by(readPath)).optional().register(descriptions, {
    title: 'Master key file',
    form: 'path of a file',
    description:
      'A file that holds the master key in the same form. With the lmdb store a first start makes it, readable for its owner only; with MongoDB it has to be there.',
    recommendation: 'A secret mounted by your orchestrator. Never in the directory of the store.',
    otherwise: 'the file master.key in the configuration directory of the user, or of the system for root',
  }),
  workers: z.string().default('1').transform(by(readWorkers)).register(descriptions, {
    title: 'Workers',
    form: '1',
    description: 'How many processes share the work. More than one is not supported yet, and refused.',
    recommendation: 'Run several gates on one MongoDB store to use more cores.',
    kong: 'NGINX_WORKER_PROCESSES',
  }),
  logLevel: z.string().default('info').transform(by(readLogLevel)).register(descriptions, {
    title: 'Log level',
    form: 'trace, debug, info, warn, error, fatal or silent',
    description:
      'The least important line that is written. Each request is one line at `info`. No level shows a token, a secret or a query string. Kong’s names are understood: notice is info; crit, alert and emerg are fatal.',
    recommendation: '`info`; `warn` where something in front of the gate writes the access log already.',
    kong: 'LOG_LEVEL',
  }),
  drainLimit: z.string().default('10').transform(by(readSeconds)).register(descriptions, {
    title: 'Drain limit',
    form: 'seconds, 0 to 3600',
    description:
      'When the gate is told to stop (SIGTERM, SIGINT) it takes no new connections and lets the requests in flight finish. After this time it closes what is left.',
    recommendation:
      'A little less than what your orchestrator waits before it kills (docker stop: 10 s, Kubernetes: 30 s).',
  }),
  sslCert: z.string().transform(by(readPath)).optional().register(descriptions, {
    title: 'TLS certificate',
    form: 'path of a PEM file',
    description:
      'The certificate of the TLS listeners, with the chain after it. Looked at again each day, and on SIGHUP: a new one is served without a restart.',
    recommendation: 'A certificate of an authority that your clients know.',
    otherwise: 'a certificate of its own, made at the first start and renewed in time, in the state directory',
    kong: 'SSL_CERT',
  }),
  sslCertKey: z.string().transform(by(readPath)).optional().register(descriptions, {
    title: 'TLS certificate key',
    form: 'path of a PEM file',
    description: 'The private key of ssl_cert, without a passphrase.',
    recommendation: 'Readable for the gate only.',
    otherwise: 'the key of its own certificate',
    kong: 'SSL_CERT_KEY',
  }),
  stateDir: z.string().transform(by(readPath)).optional().register(descriptions, {
    title: 'State directory',
    form: 'path of a directory',
    description:
      'Where the lmdb store and the gate’s own certificate live unless told otherwise. Made at need, for its owner only.',
    recommendation: 'A volume that outlives the container.',
    otherwise: '/var/lib/portcullis for root, else portcullis in $XDG_STATE_HOME (~/.local/state)',
  }),
});

export type SettingName = keyof typeof settings.shape;

/** What is wrong with one setting. `from` is the name as it was written and where: `PORTCULLIS_STORE`, `gate.yml:3 store`. */
export interface SettingProblem {
  readonly from: string;
  readonly problem: string;
}

export type ConfigurationReading =
  | {
      readonly ok: true;
      readonly configuration: Configuration;
      /** What was set, and as it is written there; the others have their defaults. */
      readonly set: ReadonlyMap<string, string>;
      readonly warnings: readonly string[];
    }
  | { readonly ok: false; readonly problems: readonly SettingProblem[]; readonly warnings: readonly string[] };

/** The configuration, or everything that is wrong with it at once. Reads nothing but what it is handed. */
export function readConfiguration(
  sources: SettingSources,
  directories: Directories = directoriesOf({
    env: sources.env ?? {},
    home: homedir(),
    isRoot: process.getuid?.() === 0,
    platform: process.platform,
  }),
): ConfigurationReading {
  const { given, problems, warnings } = gather(sources, settings.shape, kongNames());
  const parsed = settings.safeParse(Object.fromEntries([...given].map(([name, { text }]) => [name, text])));
  if (!parsed.success || problems.length > 0) {
    const refused = parsed.error?.issues.map((issue) => refusal(issue, given)) ?? [];
    return { ok: false, problems: [...problems, ...refused], warnings };
  }
  const clashes = contradictions(parsed.data, given);
  if (clashes.length > 0) return { ok: false, problems: clashes, warnings };
  return {
    ok: true,
    configuration: complete(parsed.data, directories),
    set: new Map([...given].map(([name, { from }]) => [name, from])),
    warnings: [...warnings, ...remarks(parsed.data, given)],
  };
}

/** How a problem is printed. */
export function problemLine({ from, problem }: SettingProblem): string {
  return `${from}: ${problem}`;
}

type Settings = z.output<typeof settings>;
type GivenSettings = ReadonlyMap<string, Given>;

function refusal(issue: z.core.$ZodIssue, given: GivenSettings): SettingProblem {
  const name = String(issue.path[0]);
  return { from: given.get(name)?.from ?? name, problem: issue.message };
}

/** What only shows when several settings are looked at together. */
function contradictions(all: Settings, given: GivenSettings): SettingProblem[] {
  const problems: SettingProblem[] = [];
  const refuse = (name: SettingName, problem: string) =>
    problems.push({ from: given.get(name)?.from ?? inEnvironment(name), problem });

  if (all.proxyListen.length === 0 && all.adminListen.length === 0) {
    refuse('proxyListen', 'is off and so is the Admin listener: the gate would have nothing to do');
  }
  for (const listen of all.adminListen) {
    if (listen.ssl || listen.http2) {
      refuse(
        'adminListen',
        `${printedHostAndPort(listen)}: the Admin API is served over plain HTTP; leave ssl and http2 out`,
      );
    }
    if (all.proxyListen.some(({ host, port }) => port !== 0 && host === listen.host && port === listen.port)) {
      refuse('adminListen', `${printedHostAndPort(listen)} is a proxy listener already`);
    }
  }
  const exposed = all.adminListen.filter(({ host }) => !isLoopbackHost(host));
  if (exposed.length > 0 && all.adminToken === undefined) {
    refuse(
      'adminListen',
      `${exposed.map(printedHostAndPort).join(', ')} can be reached from the network. Set ${inEnvironment('adminToken')} to a secret ` +
        'that callers have to present, or to none to let everybody in',
    );
  }
  if (all.key !== undefined && all.keyFile !== undefined) {
    refuse('keyFile', `the master key is given twice, here and by ${given.get('key')?.from}; leave one out`);
  }
  if (all.store.kind === 'mongodb' && all.key === undefined && all.keyFile === undefined) {
    refuse(
      'store',
      `a MongoDB store is shared, so every node needs the same master key: set ${inEnvironment('key')} ` +
        `(openssl rand -hex 32) or ${inEnvironment('keyFile')}`,
    );
  }
  if ((all.sslCert === undefined) !== (all.sslCertKey === undefined)) {
    const [present, absent] =
      all.sslCert === undefined ? (['sslCertKey', 'sslCert'] as const) : (['sslCert', 'sslCertKey'] as const);
    refuse(present, `needs ${inEnvironment(absent)} as well`);
  }
  return problems;
}

/** What holds, but the operator should know. */
function remarks(all: Settings, given: GivenSettings): string[] {
  const lines: string[] = [];
  for (const name of ['proxyListen', 'adminListen'] as const) {
    const ineffective = new Set(all[name].flatMap((listen) => listen.ineffective));
    if (ineffective.size > 0)
      lines.push(`${given.get(name)?.from}: ${[...ineffective].join(', ')} changes nothing here`);
  }
  for (const name of ['key', 'adminToken'] as const) {
    const { from } = given.get(name) ?? {};
    if (from === onCommandLine(name) && all[name] !== 'none') {
      lines.push(`${from}: every user of this machine can read a command line; use ${inEnvironment(name)} instead`);
    }
  }
  const exposed = all.adminListen.filter(({ host }) => !isLoopbackHost(host));
  if (all.adminToken === 'none' && exposed.length > 0) {
    lines.push(
      `${given.get('adminToken')?.from}: none: whoever reaches ${exposed.map(printedHostAndPort).join(', ')} can change everything`,
    );
  }
  return lines;
}

function complete(all: Settings, directories: Directories): Configuration {
  const { store, key, keyFile, sslCert, sslCertKey } = all;
  const stateDirectory = all.stateDir ?? directories.state;
  return {
    proxyListen: all.proxyListen,
    adminListen: all.adminListen,
    adminToken: all.adminToken === 'none' ? undefined : all.adminToken,
    adminHosts: all.adminHosts,
    store:
      store.kind === 'lmdb' ? { kind: 'lmdb', directory: store.directory ?? join(stateDirectory, 'store') } : store,
    storeTimeout: all.storeTimeout,
    storePool: all.storePool,
    stalenessLimit: all.stalenessLimit,
    config: all.config,
    configTakesOver: all.configTakesOver === 'yes',
    skipPlugins: all.skipPlugins,
    pluginModules: all.pluginModules,
    publicUrl: all.publicUrl,
    trustedIps: all.trustedIps,
    plainHttpTokens: all.plainHttpTokens,
    masterKey:
      key === undefined
        ? { from: 'file', path: keyFile ?? join(directories.settings, 'master.key'), make: store.kind !== 'mongodb' }
        : { from: 'bytes', bytes: key },
    workers: all.workers,
    logLevel: all.logLevel,
    drainLimit: all.drainLimit,
    tlsFiles: sslCert === undefined || sslCertKey === undefined ? undefined : { certificate: sslCert, key: sslCertKey },
    stateDirectory,
  };
}

/** Kong's names and ours. */
function kongNames(): ReadonlyMap<string, SettingName> {
  const names = new Map<string, SettingName>();
  for (const name of Object.keys(settings.shape) as SettingName[]) {
    const { kong } = descriptions.get(settings.shape[name]) ?? {};
    if (kong !== undefined) names.set(kong, name);
  }
  return names;
}

function readWorkers(text: string): Reading<1> {
  if (text === '1') return { value: 1 };
  return {
    problem: /^\d+$/.test(text)
      ? `${text} workers are not supported yet; the only number is 1`
      : 'takes a number; the only one supported yet is 1',
  };
}

function by<T>(read: (text: string) => Reading<T>): (text: string, context: z.RefinementCtx) => T {
  return (text, context) => {
    const reading = read(text);
    if (!isProblem(reading)) return reading.value;
    context.addIssue({ code: 'custom', message: reading.problem });
    return z.NEVER;
  };
}
