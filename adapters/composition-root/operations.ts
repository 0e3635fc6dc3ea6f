/** What operators use: the configuration file and the Admin API. */
import { compileSnapshot } from '../../src/gateway/compile-snapshot.ts';
import { openAdmin } from '../admin/open-admin.ts';
import { version } from '../cli/version.ts';
import { openFile } from '../declarative/active-file.ts';
import { declarativeConfiguration } from '../declarative/declarative-configuration.ts';
import { partsOf, tokens as t } from './parts.ts';

export const operations = partsOf((provide) => {
  provide(
    t.file,
    {
      configuration: t.configuration,
      stores: t.stores,
      plugins: t.plugins,
      entities: t.entities,
      announcements: t.announcements,
      clock: t.clock,
      entropy: t.entropy,
      hashes: t.secretHashes,
      tools: t.pluginTools,
      log: t.log,
    },
    async ({ configuration, stores, plugins, tools, log, ...parts }) => {
      const declarative = await declarativeConfiguration({
        ...parts,
        store: stores.entities,
        grants: stores.grants,
        skipPlugins: configuration.skipPlugins,
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
            tools,
            refused: (_, id, why) => unusable.push({ id, why }),
          });
          return unusable;
        },
      });
      return openFile(declarative, configuration.config, { takesOver: configuration.configTakesOver, log });
    },
  );
  provide(
    t.admin,
    {
      configuration: t.configuration,
      store: t.entityStore,
      plugins: t.plugins,
      grants: t.grants,
      clock: t.clock,
      entropy: t.entropy,
      hashes: t.secretHashes,
      file: t.file,
      proxy: t.proxy,
      snapshot: t.snapshot,
      metrics: t.metrics,
      log: t.log,
    },
    ({ configuration, plugins, entropy, hashes, proxy, snapshot, metrics, log, ...parts }) =>
      openAdmin(configuration.adminListen, {
        ...parts,
        entropy,
        plugins: plugins.descriptions,
        hashSecret: hashes.hash,
        ...(configuration.adminToken === undefined ? {} : { token: configuration.adminToken }),
        allowedHosts: configuration.adminHosts,
        version: version(),
        settings: configuration,
        bodyTime: configuration.limitBodyTime,
        nodeId: entropy.uuid(),
        connections: () => proxy.connections(),
        balancerOf: (upstreamId) => snapshot.current().balancers?.get(upstreamId),
        metrics: () => metrics.print(proxy.connections()),
        failed: (error) => log.error({ err: error }, 'an Admin request failed'),
      }),
  );
});
