/**
 * How the gate is put together with inversify: a typed token for each part, and modules that say what a part needs and
 * how it is made. Each part is made once, at the start, and closed once, at the stop.
 */
import 'reflect-metadata';
import { type Container, ContainerModule, type ContainerModuleLoadOptions, type ServiceIdentifier } from 'inversify';
import type { AuthorizationServer } from '../../src/authorization-server.ts';
import type { Entities } from '../../src/entities/entities.ts';
import type { BearerCheck } from '../../src/gate.ts';
import type { PluginTools } from '../../src/gateway/plugin.ts';
import type { Announcements } from '../../src/ports/announcements.ts';
import type { Attempts } from '../../src/ports/attempts.ts';
import type { AuthorizationCodes } from '../../src/ports/authorization-codes.ts';
import type { Clients } from '../../src/ports/clients.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Counters } from '../../src/ports/counters.ts';
import type { EntityStore } from '../../src/ports/entity-store.ts';
import type { Entropy, Successors } from '../../src/ports/entropy.ts';
import type { Grants } from '../../src/ports/grants.ts';
import type { Vault } from '../../src/ports/vault.ts';
import type { RememberedBearers } from '../../src/records/bearers.ts';
import type { Budgets } from '../../src/records/budget.ts';
import type { RememberedRecords } from '../../src/records/plugin-records.ts';
import type { OpenListeners } from '../admin/listeners.ts';
import type { Plugins } from '../configuration/plugin-modules.ts';
import type { Configuration } from '../configuration.ts';
import type { SecretHashes } from '../crypto/secret-hash.ts';
import type { NodeClock } from '../crypto/system-clock.ts';
import type { ActiveFile } from '../declarative/active-file.ts';
import type { HealthChecks } from '../health-checks/health-checks.ts';
import type { LiveSnapshot } from '../live-snapshot.ts';
import type { Log } from '../logging.ts';
import type { Metrics } from '../metrics.ts';
import type { OpenProxy } from '../proxy/open-proxy.ts';
import type { SharedAnnouncements } from '../store-mongodb/announcements.ts';
import type { LiveCertificates } from '../tls/live-certificates.ts';
import type { RenewedCertificate } from '../tls/renewed-certificate.ts';

/** What a store offers: one object for each port. */
export interface Stores {
  readonly entities: EntityStore;
  readonly codes: AuthorizationCodes;
  readonly grants: Grants;
  /** Where other nodes write as well: what they announce to each other, and what they count together. */
  readonly announcements?: SharedAnnouncements;
  readonly counters?: Counters;
  close(): void | Promise<void>;
}

export type OpenCounters = PluginTools['counters'] & { readonly close: () => void };

/** `renewed`: `undefined` without a TLS listener. */
export interface TlsCertificate {
  readonly renewed: RenewedCertificate | undefined;
  close(): void;
}

/** How far the gate has come. The status listeners open first, so they ask for parts that may not be there yet. */
export interface Progress {
  phase: 'starting' | 'serving' | 'draining';
  store?: EntityStore;
  file?: ActiveFile;
  proxy?: OpenProxy;
  snapshot?: LiveSnapshot;
}

/** A symbol that carries the type of its part, which inversify's own identifiers do not. */
export type Token<T> = symbol & { readonly provides?: (value: T) => T };
const token = <T>(name: string): Token<T> => Symbol(name);

export const tokens = {
  configuration: token<Configuration>('Configuration'),
  log: token<Log>('Log'),
  metrics: token<Metrics>('Metrics'),
  budgets: token<Budgets>('Budgets'),
  clock: token<Clock>('Clock'),
  nodeClock: token<NodeClock>('NodeClock'),
  entropy: token<Entropy>('Entropy'),
  plugins: token<Plugins>('Plugins'),
  entities: token<Entities>('Entities'),
  vault: token<Vault>('Vault'),
  successors: token<Successors>('Successors'),
  secretHashes: token<SecretHashes>('SecretHashes'),
  stores: token<Stores>('Stores'),
  announcements: token<Announcements>('Announcements'),
  entityStore: token<EntityStore>('EntityStore'),
  grants: token<Grants>('Grants'),
  codes: token<AuthorizationCodes>('AuthorizationCodes'),
  attempts: token<Attempts>('Attempts'),
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
  adminCertificate: token<TlsCertificate>('AdminCertificate'),
  progress: token<Progress>('Progress'),
  status: token<OpenListeners>('Status'),
  proxy: token<OpenProxy>('Proxy'),
  admin: token<OpenListeners>('Admin'),
} as const;

/** What a part is made of: for each name in `needs`, the part of that token. */
type Needed<N> = { readonly [Name in keyof N]: N[Name] extends Token<infer T> ? T : never };

const providerOf =
  ({ bind }: ContainerModuleLoadOptions) =>
  <T, const N extends Readonly<Record<string, symbol>>>(
    provided: Token<T>,
    needs: N,
    make: (needed: Needed<N>) => T | Promise<T>,
    close?: (made: T) => void | Promise<void>,
  ): void => {
    const names = Object.keys(needs);
    const bound = bind<T>(provided as ServiceIdentifier<T>)
      .toResolvedValue(
        (...values: unknown[]) =>
          make(Object.fromEntries(names.map((name, at) => [name, values[at]])) as Needed<N>) as T,
        Object.values(needs) as ServiceIdentifier[],
      )
      .inSingletonScope();
    if (close !== undefined) bound.onDeactivation(close);
  };

/** One wing of the gate. Parts are closed in the order in which the modules name them. */
export const partsOf = (wing: (provide: ReturnType<typeof providerOf>) => void): ContainerModule =>
  new ContainerModule((options) => wing(providerOf(options)));

export const partOf = <T>(container: Container, wanted: Token<T>): Promise<T> =>
  container.getAsync<T>(wanted as ServiceIdentifier<T>);
