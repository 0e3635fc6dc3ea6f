/** What operators use: the configuration file and the Admin API. */
import { compileSteps } from '../../src/gateway/compile-snapshot.ts';
import { gateStatus, storeResponds } from '../admin/gate-status.ts';
import { openAdmin } from '../admin/open-admin.ts';
import { openStatus } from '../admin/open-status.ts';
import { version } from '../cli/version.ts';
import { openFile } from '../declarative/active-file.ts';
import { declarativeConfiguration } from '../declarative/declarative-configuration.ts';
import type { Log } from '../logging.ts';
import type { CurrentFigures } from '../metrics.ts';
import { inTurns } from '../turns.ts';
import { type Progress, partsOf, tokens as t } from './parts.ts';
import { adminCertificate } from './proxy.ts';

export const operations = partsOf((provide) => {
  provide(t.progress, {}, (): Progress => ({ phase: 'starting' }));
  provide(
    t.adminCertificate,
    { configuration: t.configuration, log: t.log },
    ({ configuration, log }) => adminCertificate(configuration, log),
    (certificate) => certificate.close(),
  );
  provide(
    t.status,
    { configuration: t.configuration, tls: t.tlsCertificate, progress: t.progress, metrics: t.metrics, log: t.log },
    async ({ configuration, tls: { renewed }, progress, metrics, log }) => {
      const opened = await openStatus(configuration.statusListen, {
        certificate: renewed?.current,
        phase: () => progress.phase,
        storeResponds: async () => progress.store !== undefined && (await storeResponds(progress.store)),
        status(query) {
          const { proxy, file, store } = progress;
          if (proxy === undefined || file === undefined || store === undefined) return undefined;
          return gateStatus({ connections: () => proxy.connections(), file, store })(query);
        },
        metrics: () => metrics.print(currentFigures(progress, log)),
        failed: (error) => log.error({ err: error }, 'a status request failed'),
      });
      renewed?.onRenewed(opened.setCertificate);
      return opened;
    },
    (status) => status.close({ graceful: 0 }),
  );
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
        async trial(kinds) {
          const rowsOf = (name: string) => kinds.find(({ description }) => description.name === name)?.rows ?? [];
          const unusable: { id: string; why: string }[] = [];
          const rows = {
            services: rowsOf('services'),
            routes: rowsOf('routes'),
            plugins: rowsOf('plugins'),
            upstreams: rowsOf('upstreams'),
            targets: rowsOf('targets'),
          };
          const refused = (_: string, id: string, why: string) => unusable.push({ id, why });
          await inTurns(compileSteps(rows, { definitions: plugins.definitions, tools, refused }));
          return unusable;
        },
      });
      return openFile(declarative, configuration.config, {
        takesOver: configuration.configTakesOver,
        log,
        now: parts.clock.now,
      });
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
      tls: t.tlsCertificate,
      adminTls: t.adminCertificate,
      progress: t.progress,
      metrics: t.metrics,
      log: t.log,
    },
    async ({
      configuration,
      plugins,
      entropy,
      hashes,
      proxy,
      snapshot,
      tls,
      adminTls,
      progress,
      metrics,
      log,
      ...parts
    }) => {
      const renewed = adminTls.renewed ?? tls.renewed;
      const opened = await openAdmin(configuration.adminListen, {
        ...parts,
        ...(renewed === undefined ? {} : { certificate: renewed.current }),
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
        metrics: () => metrics.print(currentFigures(progress, log)),
        failed: (error) => log.error({ err: error }, 'an Admin request failed'),
      });
      renewed?.onRenewed(opened.setCertificate);
      return opened;
    },
  );
});

/** What metrics show besides counters. Before the proxy is open, it has no connections. */
function currentFigures({ proxy, snapshot }: Progress, log: Log): CurrentFigures {
  return {
    connections: proxy?.connections() ?? { active: 0, accepted: 0 },
    lostLogLines: log.lostLines(),
    names(kind, id) {
      const row = snapshot?.row(kind, id);
      return row === undefined ? undefined : typeof row['name'] === 'string' ? row['name'] : id;
    },
  };
}
