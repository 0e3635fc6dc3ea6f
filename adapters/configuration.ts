/**
 * Reads the settings of the gate into its configuration: checked, complete, and with every default.
 *
 * Nothing is dropped silently: a name that is not in the table is an error that suggests the most similar name.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isLoopbackHost, printedHostAndPort } from '../src/address/host.ts';
import { type Directories, directoriesOf } from './configuration/directories.ts';
import { isProblem } from './configuration/reading.ts';
import { type SettingName, type Settings, settingCalled, settingNames } from './configuration/settings.ts';
import { type Given, gather, inEnvironment, onCommandLine, type SettingSources } from './configuration/sources.ts';

export type { Listen } from './configuration/listen.ts';
export type { SettingSources } from './configuration/sources.ts';

/**
 * All settings, checked, with every default. `adapters/configuration/settings.ts` says what each of them means. Times are
 * in milliseconds here.
 */
export interface Configuration extends Omit<Settings, Combined> {
  /** `undefined`: the Admin API needs no token. */
  readonly adminToken: string | undefined;
  readonly store: Store;
  readonly configTakesOver: boolean;
  readonly masterKey: MasterKey;
  /** `undefined`: the gate makes its own certificate and keeps it in the state directory. */
  readonly tlsFiles: { readonly certificate: string; readonly key: string } | undefined;
  /** `undefined`: the Admin listeners have the certificate of the proxy. */
  readonly adminTlsFiles: { readonly certificate: string; readonly key: string } | undefined;
  readonly stateDirectory: string;
}

/** Settings that the configuration has in another form. */
type Combined =
  | 'adminToken'
  | 'store'
  | 'configTakesOver'
  | 'key'
  | 'keyFile'
  | 'sslCert'
  | 'sslCertKey'
  | 'adminSslCert'
  | 'adminSslCertKey'
  | 'stateDir';

export type Store =
  | { readonly kind: 'memory' }
  | { readonly kind: 'lmdb'; readonly directory: string }
  | { readonly kind: 'mongodb'; readonly url: string };

export type MasterKey =
  | { readonly from: 'bytes'; readonly bytes: Uint8Array }
  /** `make`: the first start makes the file. Never with a shared store, since all its nodes need the same key. */
  | { readonly from: 'file'; readonly path: string; readonly make: boolean };

/** A problem with one setting. `from`: its name as written, and the place: `PORTCULLIS_STORE`, `gate.yml:3 store`. */
export interface SettingProblem {
  readonly from: string;
  readonly problem: string;
}

export type ConfigurationReading =
  | {
      readonly ok: true;
      readonly configuration: Configuration;
      /** The settings that were given, each with its name as written. The others have their defaults. */
      readonly set: ReadonlyMap<string, string>;
      readonly warnings: readonly string[];
    }
  | { readonly ok: false; readonly problems: readonly SettingProblem[]; readonly warnings: readonly string[] };

/** Returns the configuration, or all problems at once. */
export function readConfiguration(
  sources: SettingSources,
  defaultDirectories: () => Directories | undefined = () =>
    directoriesOf({
      env: sources.env ?? {},
      home: homeDirectory(),
      isRoot: process.getuid?.() === 0,
      platform: process.platform,
    }),
): ConfigurationReading {
  const directories = defaultDirectories();
  const { given, problems, warnings } = gather(sources, settingNames, kongNames());
  const values: Record<string, unknown> = {};
  const refused = [...problems];
  for (const name of settingNames) {
    const setting = settingCalled(name);
    const text = given.get(name)?.text ?? setting.default;
    const reading = text === undefined ? { value: undefined } : setting.read(text);
    if (isProblem(reading)) refused.push({ from: given.get(name)?.from ?? name, problem: reading.problem });
    else values[name] = reading.value;
  }
  if (refused.length > 0) return { ok: false, problems: refused, warnings };
  const all = values as unknown as Settings;
  const clashes = contradictions(all, given, directories);
  if (clashes.length > 0) return { ok: false, problems: clashes, warnings };
  return {
    ok: true,
    configuration: complete(all, directories),
    set: new Map([...given].map(([name, { from }]) => [name, from])),
    warnings: [...warnings, ...remarks(all, given)],
  };
}

/** How a problem is printed. */
export function problemLine({ from, problem }: SettingProblem): string {
  return `${from}: ${problem}`;
}

type GivenSettings = ReadonlyMap<string, Given>;

/** Problems of settings that contradict each other. */
function contradictions(all: Settings, given: GivenSettings, directories: Directories | undefined): SettingProblem[] {
  const problems: SettingProblem[] = [];
  const refuse = (name: SettingName, problem: string) =>
    problems.push({ from: given.get(name)?.from ?? inEnvironment(name), problem });

  if (all.proxyListen.length === 0 && all.adminListen.length === 0) {
    refuse('proxyListen', 'is off, and the Admin listener is off as well: the gate has nothing to do');
  }
  const listeners = ['proxyListen', 'adminListen', 'statusListen'] as const;
  const known = {
    proxyListen: 'is a proxy listener already',
    adminListen: 'is an Admin listener already',
    statusListen: 'is a status listener already',
  };
  for (const [at, name] of listeners.entries()) {
    for (const listen of all[name]) {
      const other = listeners
        .slice(0, at)
        .find((one) => all[one].some(({ host, port }) => port !== 0 && host === listen.host && port === listen.port));
      if (other !== undefined) refuse(name, `${printedHostAndPort(listen)} ${known[other]}`);
    }
  }
  const exposed = all.adminListen.filter(({ host }) => !isLoopbackHost(host));
  if (exposed.length > 0 && all.adminToken === undefined) {
    refuse(
      'adminListen',
      `${exposed.map(printedHostAndPort).join(', ')} can be reached from the network. Set ${inEnvironment('adminToken')} to a secret ` +
        'that callers have to present, or to none to accept every caller',
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
  for (const [one, other] of [
    ['sslCert', 'sslCertKey'],
    ['adminSslCert', 'adminSslCertKey'],
  ] as const) {
    if ((all[one] === undefined) === (all[other] === undefined)) continue;
    const [present, absent] = all[one] === undefined ? [other, one] : [one, other];
    refuse(present, `needs ${inEnvironment(absent)} as well`);
  }
  if (directories === undefined) {
    const needsStore = all.store.kind === 'lmdb' && all.store.directory === undefined;
    const usesTls = [all.proxyListen, all.adminListen, all.statusListen].some((listens) =>
      listens.some(({ ssl }) => ssl),
    );
    if (all.stateDir === undefined && (needsStore || (usesTls && all.sslCert === undefined))) {
      refuse('stateDir', `has no default, because ${noHome}; set it to a directory for the store and the certificate`);
    }
    if (all.store.kind === 'lmdb' && all.key === undefined && all.keyFile === undefined) {
      refuse('keyFile', `has no default, because ${noHome}; set it, or ${inEnvironment('key')}`);
    }
  }
  return problems;
}

/** Warnings: the gate starts, but the operator should know. */
function remarks(all: Settings, given: GivenSettings): string[] {
  const lines: string[] = [];
  for (const name of ['proxyListen', 'adminListen', 'statusListen'] as const) {
    const ineffective = new Set(all[name].flatMap((listen) => listen.ineffective));
    if (name !== 'proxyListen' && all[name].some(({ http2 }) => http2)) ineffective.add('http2');
    if (ineffective.size > 0) lines.push(`${given.get(name)?.from}: ${[...ineffective].join(', ')} has no effect`);
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
      `${given.get('adminToken')?.from}: none: any caller that reaches ${exposed.map(printedHostAndPort).join(', ')} can change everything`,
    );
  }
  return lines;
}

function complete(all: Settings, directories: Directories | undefined): Configuration {
  const { key, keyFile, sslCert, sslCertKey, adminSslCert, adminSslCertKey, stateDir, ...others } = all;
  // Without default directories all that is needed was given: see `contradictions`.
  const stateDirectory = stateDir ?? directories?.state ?? '';
  const { adminToken, store, configTakesOver } = others;
  const tlsFiles = (certificate: string | undefined, path: string | undefined) =>
    certificate === undefined || path === undefined ? undefined : { certificate, key: path };
  return {
    ...others,
    adminToken: adminToken === 'none' ? undefined : adminToken,
    store:
      store.kind === 'lmdb' ? { kind: 'lmdb', directory: store.directory ?? join(stateDirectory, 'store') } : store,
    configTakesOver: configTakesOver === 'yes',
    masterKey:
      key === undefined
        ? {
            from: 'file',
            path: keyFile ?? join(directories?.settings ?? '', 'master.key'),
            make: store.kind !== 'mongodb',
          }
        : { from: 'bytes', bytes: key },
    tlsFiles: tlsFiles(sslCert, sslCertKey),
    adminTlsFiles: tlsFiles(adminSslCert, adminSslCertKey),
    stateDirectory,
  };
}

/** `undefined`: HOME is not set, and the system knows no user with this id, as in many containers. */
function homeDirectory(): string | undefined {
  try {
    return homedir();
  } catch {
    return undefined;
  }
}

const noHome = 'HOME is not set and this user has no entry in the user database';

/** Our name for each name of Kong's. */
function kongNames(): ReadonlyMap<string, SettingName> {
  return new Map(
    settingNames.flatMap((name) => {
      const { kong } = settingCalled(name);
      return kong === undefined ? [] : [[kong, name]];
    }),
  );
}
