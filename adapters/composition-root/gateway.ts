/** What plugins use, health checks, and the configuration snapshot that routes requests. */
import { revocationExpiry } from '../../src/oauth/revocation.ts';
import { storedPasswords } from '../../src/records/passwords.ts';
import { findConsumer, rememberedRecords } from '../../src/records/plugin-records.ts';
import { storedCounters } from '../../src/records/stored-counters.ts';
import { systemClock } from '../crypto/system-clock.ts';
import { everyInterval, healthChecks } from '../health-checks/health-checks.ts';
import { probe } from '../health-checks/probe.ts';
import { liveSnapshot } from '../live-snapshot.ts';
import { memoryCounters } from '../store-memory/counters.ts';
import { kindIn } from './kinds.ts';
import { type OpenCounters, partsOf, tokens as t } from './parts.ts';
import { logHealthChange } from './proxy.ts';

export const gateway = partsOf((provide) => {
  provide(
    t.pluginRecords,
    {
      configuration: t.configuration,
      stores: t.stores,
      store: t.entityStore,
      entities: t.entities,
      announcements: t.announcements,
    },
    ({ configuration, stores, store, entities, announcements }) => {
      const isFresh = stores.announcements?.isFresh;
      const records = rememberedRecords(store, (name) => kindIn(entities, name), configuration.limitTokens, isFresh);
      announcements.subscribe(records.apply);
      return records;
    },
  );
  provide(
    t.counters,
    { stores: t.stores, clock: t.clock, log: t.log },
    ({ stores, clock, log }): OpenCounters => {
      const local = memoryCounters(clock);
      if (stores.counters !== undefined) return { local, cluster: stores.counters, close() {} };
      // Directly on the store: counts are not announced.
      const cluster = storedCounters(stores.entities, clock);
      const sweep = () =>
        void (async () => cluster.sweep())().catch((error) =>
          log.error({ err: error }, 'expired counters could not be deleted'),
        );
      const timer = setInterval(sweep, 60_000).unref();
      return { local, cluster, close: () => clearInterval(timer) };
    },
    (counters) => counters.close(),
  );
  provide(
    t.pluginTools,
    {
      configuration: t.configuration,
      gate: t.gate,
      grants: t.grants,
      records: t.pluginRecords,
      hashes: t.secretHashes,
      counters: t.counters,
      clock: t.clock,
      entropy: t.entropy,
      log: t.log,
    },
    ({ configuration, gate, grants, records, hashes, counters, clock, entropy, log }) => {
      return {
        now: clock.now,
        wallClock: systemClock.now,
        gate,
        plainHttpTokens: configuration.plainHttpTokens,
        publicUrl: configuration.publicUrl,
        revokeGrant: (grant, issuer) =>
          grants.revoke(grant.grantId, revocationExpiry({ grant, issuer, lastIssuedAt: clock.now() })),
        findConsumer: (idOrUsername) => findConsumer(records, idOrUsername),
        records,
        passwords: storedPasswords(hashes),
        counters,
        entropy,
        failed: (error, { pluginId }) => log.error({ err: error, plugin: pluginId }, 'a plugin failed'),
      };
    },
  );
  provide(
    t.healthChecks,
    { certificates: t.certificates, log: t.log },
    ({ certificates, log }) =>
      healthChecks({
        every: everyInterval,
        probe: probe({ pair: certificates.pair }),
        healthChanged: (change) => logHealthChange(log, change, 'active'),
      }),
    (checks) => checks.close(),
  );
  provide(
    t.snapshot,
    {
      store: t.entityStore,
      plugins: t.plugins,
      entities: t.entities,
      tools: t.pluginTools,
      announcements: t.announcements,
      checks: t.healthChecks,
      log: t.log,
    },
    ({ store, plugins, entities, tools, announcements, checks, log }) =>
      liveSnapshot({
        store,
        kinds: ['services', 'routes', 'plugins', 'upstreams', 'targets'].map((name) => kindIn(entities, name)),
        definitions: plugins.definitions,
        tools,
        announcements,
        refused: (name, id, why) => log.error({ entity: name, id, why }, 'left out of the configuration'),
        renewed: ({ balancers }) => checks.follow(balancers?.values() ?? []),
      }),
    (snapshot) => snapshot.close(),
  );
});
