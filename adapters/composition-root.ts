/**
 * The one place where everything is put together, and the only file that knows inversify and all adapters. Each line of
 * `compose` says what a thing is made of; all are made once, at the start, and closed once, at the stop. Nothing is
 * resolved during a request.
 */
import 'reflect-metadata';
import { hostname } from 'node:os';
import { Container, type ServiceIdentifier } from 'inversify';
import { type AuthorizationServer, authorizationServer } from '../src/authorization-server.ts';
import { describeEntities, type Entities } from '../src/entities/entities.ts';
import { type BearerCheck, gate } from '../src/gate.ts';
import { compileSnapshot } from '../src/gateway/compile-snapshot.ts';
import type { PluginTools } from '../src/gateway/plugin.ts';
import { lastOf } from '../src/oauth/tokens.ts';
import type { Announcements } from '../src/ports/announcements.ts';
import type { AuthorizationCodes } from '../src/ports/authorization-codes.ts';
import type { Clients } from '../src/ports/clients.ts';
import type { Clock } from '../src/ports/clock.ts';
import type { Counters } from '../src/ports/counters.ts';
import type { EntityKind, EntityStore } from '../src/ports/entity-store.ts';
import type { Entropy, Successors } from '../src/ports/entropy.ts';
import type { Grants } from '../src/ports/grants.ts';
import { whenThere } from '../src/ports/maybe-promise.ts';
import { announcingEntityStore, announcingGrants } from '../src/records/announcing.ts';
import { consumerOf, type RememberedBearers, rememberedBearers } from '../src/records/bearers.ts';
import { registeredClients } from '../src/records/clients.ts';
import { noticedChallenges } from '../src/records/code-challenges.ts';
import { limitedClients } from '../src/records/failed-attempts.ts';
import { storedPasswords } from '../src/records/passwords.ts';
import { type RememberedRecords, rememberedRecords } from '../src/records/plugin-records.ts';
import { storedCounters } from '../src/records/stored-counters.ts';
import { kindOf } from '../src/schema/kind.ts';
import { type OpenAdmin, openAdmin } from './admin/open-admin.ts';
import { inProcessAnnouncements } from './announcements/in-process.ts';
import { version } from './cli/version.ts';
import { loadPlugins, type Plugins } from './configuration/plugin-modules.ts';
import type { Configuration } from './configuration.ts';
import { systemEntropy } from './crypto/entropy.ts';
import { masterKeys } from './crypto/master-key.ts';
import { type SecretHashes, secretHashes } from './crypto/secret-hash.ts';
import { derivedSuccessors } from './crypto/successors.ts';
import { type NodeClock, steadyClock, systemClock } from './crypto/system-clock.ts';
import { openVault, type Vault } from './crypto/vault.ts';
import { type ActiveFile, openFile } from './declarative/active-file.ts';
import { declarativeConfiguration } from './declarative/declarative-configuration.ts';
import { everyInterval, type HealthChecks, healthChecks } from './health-checks/health-checks.ts';
import { probe } from './health-checks/probe.ts';
import { handedOverEndpoints } from './http/oauth-endpoints.ts';
import { type LiveSnapshot, liveSnapshot } from './live-snapshot.ts';
import { type Log, openLog } from './logging.ts';
import { type Metrics, metrics } from './metrics.ts';
import type { TurnedTarget } from './proxy/environment.ts';
import type { Certificate } from './proxy/listener/listen.ts';
import { type OpenProxy, openProxy } from './proxy/open-proxy.ts';
import { memoryCounters } from './store-memory/counters.ts';
import type { SharedAnnouncements } from './store-mongodb/announcements.ts';
import { type LiveCertificates, liveCertificates } from './tls/live-certificates.ts';
import { type RenewedCertificate, renewedCertificate } from './tls/renewed-certificate.ts';
import { type ServerCertificate, serverCertificate } from './tls/server-certificate.ts';

/** A gate that listens. */
export interface OpenGate {
  readonly proxy: readonly { readonly host: string; readonly port: number; readonly ssl: boolean }[];
  readonly admin: readonly { readonly host: string; readonly port: number }[];
  /**
   * Reads the configuration file and the certificate of the TLS listeners again, and logs what came of it. What cannot be
   * used changes nothing.
   */
  reload(): Promise<void>;
  /** Takes no new connections, lets requests in flight finish within the drain limit, and closes the store. */
  close(): Promise<void>;
}

/** What a store offers: one object for each port. */
export interface Stores {
  readonly entities: EntityStore;
  readonly codes: AuthorizationCodes;
  readonly grants: Grants;
  /** Where other nodes write as well: how they hear of each other, and what they count together. */
  readonly announcements?: SharedAnnouncements;
  readonly counters?: Counters;
  close(): void | Promise<void>;
}

/** Opens the gate, or rejects with an error that says what is in the way; then nothing is left open. */
export async function openGate(configuration: Configuration, io: { readonly log?: Log } = {}): Promise<OpenGate> {
  const container = compose(configuration, io.log);
  try {
    const file = await resolve(container, tokens.file);
    const proxy = await resolve(container, tokens.proxy);
    const admin = await resolve(container, tokens.admin);
    const { renewed } = await resolve(container, tokens.tlsCertificate);
    return {
      proxy: proxy.addresses.map(({ address, port }, at) => ({
        host: address,
        port,
        ssl: configuration.proxyListen[at]!.ssl,
      })),
      admin: admin.addresses,
      async reload() {
        await file.reload();
        await renewed?.lookAgain();
      },
      async close() {
        await admin.close();
        await proxy.close({ graceful: configuration.drainLimit });
        await container.unbindAllAsync();
      },
    };
  } catch (error) {
    await container.unbindAllAsync();
    throw error;
  }
}

// What there is -----------------------------------------------------------------------------------------------------

/** A symbol that remembers the type it stands for, which inversify's own identifiers do not. */
export type Token<T> = symbol & { readonly provides?: (value: T) => T };
const token = <T>(name: string): Token<T> => Symbol(name);

export const tokens = {
  configuration: token<Configuration>('Configuration'),
  log: token<Log>('Log'),
  clock: token<Clock>('Clock'),
  nodeClock: token<NodeClock>('NodeClock'),
  entropy: token<Entropy>('Entropy'),
  vault: token<Vault>('Vault'),
  successors: token<Successors>('Successors'),
  secretHashes: token<SecretHashes>('SecretHashes'),
  plugins: token<Plugins>('Plugins'),
  entities: token<Entities>('Entities'),
  announcements: token<Announcements>('Announcements'),
  stores: token<Stores>('Stores'),
  entityStore: token<EntityStore>('EntityStore'),
  grants: token<Grants>('Grants'),
  codes: token<AuthorizationCodes>('AuthorizationCodes'),
  clients: token<Clients>('Clients'),
  bearers: token<RememberedBearers>('Bearers'),
  gate: token<BearerCheck>('BearerCheck'),
  authorizationServer: token<AuthorizationServer>('AuthorizationServer'),
  pluginRecords: token<RememberedRecords>('PluginRecords'),
  counters: token<OpenCounters>('Counters'),
  pluginTools: token<PluginTools>('PluginTools'),
  file: token<ActiveFile>('File'),
  healthChecks: token<HealthChecks>('HealthChecks'),
  snapshot: token<LiveSnapshot>('Snapshot'),
  certificates: token<LiveCertificates>('Certificates'),
  tlsCertificate: token<TlsCertificate>('TlsCertificate'),
  proxy: token<OpenProxy>('Proxy'),
  metrics: token<Metrics>('Metrics'),
  admin: token<OpenAdmin>('Admin'),
} as const;

// What it is made of ------------------------------------------------------------------------------------------------

export function compose(configuration: Configuration, log?: Log): Container {
  const container = new Container({ defaultScope: 'Singleton' });
  const t = tokens;

  provide(container, t.configuration, () => configuration);
  provide(container, t.log, () => log ?? openLog({ level: configuration.logLevel }));
  provide(
    container,
    t.nodeClock,
    ({ store }: Configuration) => (store.kind === 'mongodb' ? systemClock : steadyClock()),
    t.configuration,
  );
  provide(container, t.clock, (clock: NodeClock) => clock, t.nodeClock);
  provide(container, t.entropy, () => systemEntropy());
  provide(container, t.plugins, ({ pluginModules }: Configuration) => loadPlugins(pluginModules), t.configuration);
  provide(container, t.entities, ({ descriptions }: Plugins) => describeEntities(descriptions), t.plugins);

  provide(container, t.vault, vault, t.configuration, t.log);
  provide(container, t.successors, (vault: Vault) => derivedSuccessors(vault), t.vault);
  provide(container, t.secretHashes, forgettingHashes, t.entities, t.announcements);

  const stores = provide(container, t.stores, openStores, t.configuration, t.vault, t.nodeClock, t.log);
  stores.onDeactivation((opened) => opened.close());
  provide(container, t.announcements, (opened: Stores) => opened.announcements ?? inProcessAnnouncements(), t.stores);
  provide(container, t.entityStore, announcedEntities, t.stores, t.announcements);
  provide(container, t.grants, announcedGrants, t.stores, t.announcements);
  provide(container, t.codes, codes, t.stores, t.metrics, t.log);

  provide(container, t.clients, clients, t.entityStore, t.entities, t.secretHashes, t.clock);
  provide(
    container,
    t.bearers,
    bearers,
    t.configuration,
    t.stores,
    t.grants,
    t.entityStore,
    t.entities,
    t.clock,
    t.announcements,
  );
  provide(container, t.gate, (bearers: RememberedBearers, clock: Clock) => gate(bearers, clock), t.bearers, t.clock);
  provide(container, t.authorizationServer, issuers, t.clients, t.codes, t.grants, t.entropy, t.successors, t.clock);

  provide(container, t.pluginRecords, records, t.stores, t.entityStore, t.entities, t.announcements);
  const counted = provide(container, t.counters, counters, t.stores, t.clock, t.log);
  counted.onDeactivation(({ close }) => close());
  provide(
    container,
    t.pluginTools,
    tools,
    t.configuration,
    t.gate,
    t.grants,
    t.pluginRecords,
    t.secretHashes,
    t.counters,
    t.clock,
    t.entropy,
    t.log,
  );
  provide(
    container,
    t.file,
    file,
    t.configuration,
    t.stores,
    t.plugins,
    t.entities,
    t.announcements,
    t.clock,
    t.entropy,
    t.secretHashes,
    t.pluginTools,
    t.log,
  );
  const checks = provide(container, t.healthChecks, activeChecks, t.certificates, t.log);
  checks.onDeactivation((running) => running.close());
  const snapshot = provide(
    container,
    t.snapshot,
    snapshots,
    t.entityStore,
    t.plugins,
    t.entities,
    t.pluginTools,
    t.announcements,
    t.healthChecks,
    t.log,
  );
  snapshot.onDeactivation((live) => live.close());

  const shown = provide(container, t.certificates, certificates, t.entityStore, t.entities, t.announcements, t.log);
  shown.onDeactivation((live) => live.close());
  const served = provide(container, t.tlsCertificate, tlsCertificate, t.configuration, t.log);
  served.onDeactivation(({ close }) => close());
  provide(container, t.metrics, metrics);
  provide(
    container,
    t.proxy,
    proxy,
    t.configuration,
    t.snapshot,
    t.tlsCertificate,
    t.certificates,
    t.authorizationServer,
    t.metrics,
    t.log,
  );
  provide(
    container,
    t.admin,
    admin,
    t.configuration,
    t.entityStore,
    t.plugins,
    t.grants,
    t.clock,
    t.entropy,
    t.secretHashes,
    t.file,
    t.proxy,
    t.snapshot,
    t.metrics,
    t.log,
  );
  return container;
}

function vault({ masterKey, store }: Configuration, log: Log): Vault {
  if (store.kind === 'memory' && masterKey.from === 'file') {
    // What is gone with the process needs no key that outlives it.
    return openVault({ current: crypto.getRandomValues(new Uint8Array(32)) });
  }
  const keys = masterKeys(masterKey);
  if (keys.made !== undefined) {
    log.warn({ file: keys.made }, 'made a master key; keep a copy of it away from the store');
  }
  return openVault(keys);
}

async function openStores(configuration: Configuration, vault: Vault, clock: NodeClock, log: Log): Promise<Stores> {
  const { store } = configuration;
  // Each store is loaded only where it is used, so that nobody needs a native module or a driver for another one.
  switch (store.kind) {
    case 'memory': {
      const { openMemoryStores } = await import('./store-memory/open-memory-stores.ts');
      return openMemoryStores(clock);
    }
    case 'lmdb': {
      const { openLmdbStore } = await import('./store-lmdb/store.ts');
      const opened = openLmdbStore({ directory: store.directory, vault, clock });
      goOnFrom(opened.lastLook(), clock, log);
      const tend = (task: () => Promise<unknown>, what: string) => () =>
        void task().catch((error) => log.error({ err: error }, what));
      tend(opened.reseal, 'what older keys have sealed could not be sealed anew')();
      // Each write buries a few of the dead; this is for a store that nobody writes to.
      const timer = setInterval(tend(opened.sweep, 'the dead could not be buried'), 60_000).unref();
      return {
        entities: opened.entityStore,
        codes: opened.authorizationCodes,
        grants: opened.grants,
        close() {
          clearInterval(timer);
          return opened.close();
        },
      };
    }
    case 'mongodb': {
      const { openMongoStore } = await import('./store-mongodb/store.ts');
      const { storeTimeout: timeout, storePool: pool, stalenessLimit } = configuration;
      const opened = await openMongoStore({ url: store.url, vault, clock, timeout, pool });
      void opened
        .reseal()
        .catch((error) => log.error({ err: error }, 'what older keys have sealed is not sealed anew'));
      const told = (state: 'deaf' | 'hearing', error?: unknown) =>
        state === 'deaf'
          ? log.error({ err: error }, 'the database does not answer')
          : log.info('the database answers again');
      const announcements = await opened
        .share({ local: inProcessAnnouncements(), stalenessLimit, told })
        .catch(async (error: unknown) => {
          await opened.close();
          throw error;
        });
      return {
        entities: opened.entityStore,
        codes: opened.authorizationCodes,
        grants: opened.grants,
        counters: opened.counters,
        announcements,
        close: opened.close,
      };
    }
  }
}

/** A clock that was set back while no gate ran must not revive what had expired (SE-14). */
function goOnFrom(lastLook: number | undefined, clock: NodeClock, log: Log): void {
  if (lastLook === undefined) return;
  clock.notBefore(lastLook);
  const seconds = Math.round((lastLook - Date.now()) / 1000);
  if (seconds < 5) return;
  const done =
    clock.now() >= lastLook
      ? 'tokens live by the time of the store'
      : 'it is believed; what had expired may live again';
  log.warn({ seconds }, `the clock of this machine is behind what the store has seen: ${done}`);
}

const announcedEntities = (stores: Stores, announcements: Announcements): EntityStore =>
  announcingEntityStore(stores.entities, announcements);

/** Nobody is refused for it; who answers for the client should know (RFC 9700 §2.1.1). */
const codes = (stores: Stores, counted: Metrics, log: Log): AuthorizationCodes =>
  noticedChallenges(stores.codes, (who) => {
    counted.countReusedChallenge();
    log.warn(who, 'a client uses a code challenge again: each authorization request has to have one of its own');
  });

const announcedGrants = (stores: Stores, announcements: Announcements): Grants =>
  announcingGrants(stores.grants, announcements);

/** A credential that changes takes with it what was proven for it. */
function forgettingHashes(entities: Entities, announcements: Announcements): SecretHashes {
  const hashes = secretHashes();
  const names = ['oauth2_credentials', 'basicauth_credentials'].map((name) => kind(entities, name).name);
  announcements.subscribe((announcement) => {
    if (announcement.announces === 'everythingChanged') hashes.forgetAll();
    if (announcement.announces === 'entityChanged' && names.includes(announcement.kind)) hashes.forget(announcement.id);
  });
  return hashes;
}

const clients = (store: EntityStore, entities: Entities, hashes: SecretHashes, clock: Clock): Clients =>
  limitedClients(
    registeredClients(store, kind(entities, 'oauth2_credentials'), {
      isHashed: (text) => text.startsWith('$pbkdf2-sha512$'),
      verify: hashes.verify,
    }),
    clock,
  );

function bearers(
  { stalenessLimit }: Configuration,
  { announcements: shared }: Stores,
  grants: Grants,
  store: EntityStore,
  entities: Entities,
  clock: Clock,
  announcements: Announcements,
): RememberedBearers {
  const kinds = { clients: kind(entities, 'oauth2_credentials'), consumers: kind(entities, 'consumers') };
  const remembered = rememberedBearers(
    { grants, store, clock },
    kinds,
    undefined,
    shared && { ...shared, readAgainAfter: stalenessLimit },
  );
  announcements.subscribe(remembered.apply);
  return remembered;
}

const issuers = (
  clients: Clients,
  codes: AuthorizationCodes,
  grants: Grants,
  entropy: Entropy,
  successors: Successors,
  clock: Clock,
): AuthorizationServer => authorizationServer({ clients, codes, grants, entropy, successors }, clock);

function records(
  { announcements: shared }: Stores,
  store: EntityStore,
  entities: Entities,
  announcements: Announcements,
): RememberedRecords {
  const remembered = rememberedRecords(store, (name) => kind(entities, name), undefined, shared?.isFresh);
  announcements.subscribe(remembered.apply);
  return remembered;
}

type OpenCounters = PluginTools['counters'] & { readonly close: () => void };

function counters({ entities, counters: shared }: Stores, clock: Clock, log: Log): OpenCounters {
  if (shared !== undefined) return { local: memoryCounters(clock), cluster: shared, close: () => undefined };
  // Straight to the store: nobody has to hear of it when something is counted.
  const cluster = storedCounters(entities, clock);
  const sweep = () =>
    void (async () => cluster.sweep())().catch((error) =>
      log.error({ err: error }, 'counts that are over could not be buried'),
    );
  const timer = setInterval(sweep, 60_000).unref();
  return { local: memoryCounters(clock), cluster, close: () => clearInterval(timer) };
}

function tools(
  { plainHttpTokens, publicUrl }: Configuration,
  gate: BearerCheck,
  grants: Grants,
  records: RememberedRecords,
  hashes: SecretHashes,
  counters: OpenCounters,
  clock: Clock,
  entropy: Entropy,
  log: Log,
): PluginTools {
  const consumerBy = (field: string, value: string) =>
    whenThere(records.findBy('consumers', field, value), (row) => (row === undefined ? undefined : consumerOf(row)));
  return {
    now: clock.now,
    wallClock: systemClock.now,
    gate,
    plainHttpTokens,
    publicUrl,
    revokeGrant: (grant) => grants.revoke(grant.grantId, lastOf(grant)),
    findConsumer: (idOrUsername) =>
      whenThere(consumerBy('id', idOrUsername), (byId) => byId ?? consumerBy('username', idOrUsername)),
    records,
    passwords: storedPasswords(hashes),
    counters,
    entropy,
    failed: (error, { pluginId }) => log.error({ err: error, plugin: pluginId }, 'a plugin failed'),
  };
}

async function file(
  { config, configTakesOver, skipPlugins }: Configuration,
  stores: Stores,
  plugins: Plugins,
  entities: Entities,
  announcements: Announcements,
  clock: Clock,
  entropy: Entropy,
  hashes: SecretHashes,
  pluginTools: PluginTools,
  log: Log,
): Promise<ActiveFile> {
  const { entities: store, grants } = stores;
  const declarative = await declarativeConfiguration({
    store,
    grants,
    announcements,
    entities,
    clock,
    entropy,
    hashes,
    skipPlugins,
    trial(kinds) {
      const rowsOf = (name: string) => kinds.find(({ description }) => description.name === name)?.rows ?? [];
      const unusable: { id: string; why: string }[] = [];
      compileSnapshot({
        services: rowsOf('services'),
        routes: rowsOf('routes'),
        plugins: rowsOf('plugins'),
        upstreams: rowsOf('upstreams'),
        targets: rowsOf('targets'),
        definitions: plugins.definitions,
        tools: pluginTools,
        refused: (_, id, why) => unusable.push({ id, why }),
      });
      return unusable;
    },
  });
  return openFile(declarative, config, { takesOver: configTakesOver, log });
}

function activeChecks(certificates: LiveCertificates, log: Log): HealthChecks {
  return healthChecks({
    every: everyInterval,
    probe: probe({ pair: certificates.pair }),
    turned: (target) => logTurned(log, target, 'active'),
  });
}

function logTurned(log: Log, target: TurnedTarget, by: 'active' | 'passive'): void {
  if (target.healthy) log.info({ ...target, by }, 'a target is fit again');
  else log.warn({ ...target, by }, 'a target is fit no longer');
}

const snapshots = (
  store: EntityStore,
  plugins: Plugins,
  entities: Entities,
  pluginTools: PluginTools,
  announcements: Announcements,
  checks: HealthChecks,
  log: Log,
): Promise<LiveSnapshot> =>
  liveSnapshot({
    store,
    kinds: ['services', 'routes', 'plugins', 'upstreams', 'targets'].map((name) => kind(entities, name)),
    definitions: plugins.definitions,
    tools: pluginTools,
    announcements,
    refused: (name, id, why) => log.error({ entity: name, id, why }, 'left out of the configuration'),
    renewed: ({ balancers }) => checks.follow(balancers?.values() ?? []),
  });

const certificates = (
  store: EntityStore,
  entities: Entities,
  announcements: Announcements,
  log: Log,
): Promise<LiveCertificates> =>
  liveCertificates({
    store,
    kinds: {
      certificates: kind(entities, 'certificates'),
      snis: kind(entities, 'snis'),
      caCertificates: kind(entities, 'ca_certificates'),
    },
    announcements,
    secondUnused: (id) =>
      log.warn({ certificate: id }, 'cert_alt is not served: a server name has one certificate here'),
    failed: (id, error) => log.error({ err: error, certificate: id }, 'a certificate cannot be served'),
  });

/** `renewed`: `undefined` where nothing listens for TLS. */
interface TlsCertificate {
  readonly renewed: RenewedCertificate | undefined;
  close(): void;
}

async function tlsCertificate(configuration: Configuration, log: Log): Promise<TlsCertificate> {
  if (!configuration.proxyListen.some(({ ssl }) => ssl)) return { renewed: undefined, close() {} };
  const renewed = await renewedCertificate(
    () => serverCertificate(configuration, { now: new Date(), name: hostname() }),
    {
      warned: (warning) => log.warn(warning),
      renewed: ({ path, expiresAt }) => log.info({ file: path, expiresAt }, 'TLS listeners serve a new certificate'),
      failed: (error) => log.error({ err: error }, 'the certificate could not be renewed; the one before is served on'),
    },
  );
  const timer = setInterval(() => void renewed.lookAgain(), 24 * 60 * 60 * 1000).unref();
  return { renewed, close: () => clearInterval(timer) };
}

const asServed = ({ certificate, key }: ServerCertificate): Certificate => ({ cert: certificate, key });

async function proxy(
  configuration: Configuration,
  snapshot: LiveSnapshot,
  { renewed }: TlsCertificate,
  certificates: LiveCertificates,
  server: AuthorizationServer,
  counted: Metrics,
  log: Log,
): Promise<OpenProxy> {
  const opened = await openProxy({
    listen: configuration.proxyListen,
    ...(renewed === undefined ? {} : { certificate: asServed(renewed.current) }),
    contextFor: certificates.contextFor,
    snapshot: snapshot.current,
    upstream: { certificates },
    trustedIps: configuration.trustedIps,
    serveEndpoint: handedOverEndpoints(server, (error) => log.error({ err: error }, 'a token request failed')),
    log(entry) {
      counted.count(entry);
      log.request(entry);
    },
    failed: (error, about) => log.error({ err: error, ...about }, 'a request failed'),
    upstreamFailed: (problem) => log.warn(problem, 'an upstream could not be had'),
    targetTurned: (target) => logTurned(log, target, 'passive'),
  });
  renewed?.onRenewed((certificate) => opened.setCertificate(asServed(certificate)));
  return opened;
}

const admin = (
  configuration: Configuration,
  store: EntityStore,
  plugins: Plugins,
  grants: Grants,
  clock: Clock,
  entropy: Entropy,
  hashes: SecretHashes,
  file: ActiveFile,
  proxy: OpenProxy,
  snapshot: LiveSnapshot,
  counted: Metrics,
  log: Log,
): Promise<OpenAdmin> =>
  openAdmin(configuration.adminListen, {
    store,
    grants,
    plugins: plugins.descriptions,
    clock,
    entropy,
    hashSecret: hashes.hash,
    file,
    ...(configuration.adminToken === undefined ? {} : { token: configuration.adminToken }),
    allowedHosts: configuration.adminHosts,
    version: version(),
    nodeId: entropy.uuid(),
    connections: () => proxy.connections(),
    balancerOf: (upstreamId) => snapshot.current().balancers?.get(upstreamId),
    metrics: () => counted.print(proxy.connections()),
    failed: (error) => log.error({ err: error }, 'an Admin request failed'),
  });

const kind = (entities: Entities, name: string): EntityKind => kindOf(entities.get(name)!);

// How it is put together --------------------------------------------------------------------------------------------

type TokensOf<A extends unknown[]> = { [K in keyof A]: Token<A[K]> };

/** `bind(...).toResolvedValue(...)` with the factory's parameters checked against the tokens. */
export function provide<T, A extends unknown[]>(
  container: Container,
  provided: Token<T>,
  factory: (...needs: A) => T | Promise<T>,
  ...needs: TokensOf<A>
) {
  return container
    .bind<T>(provided as ServiceIdentifier<T>)
    .toResolvedValue(factory as (...needs: unknown[]) => T | Promise<T>, needs as unknown as ServiceIdentifier[])
    .inSingletonScope();
}

export const resolve = <T>(container: Container, wanted: Token<T>): Promise<T> =>
  container.getAsync<T>(wanted as ServiceIdentifier<T>);
