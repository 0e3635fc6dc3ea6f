/**
 * Information about the gate: `/`, `/status`, `/metrics`, `/endpoints` and `/plugins/enabled`, in the shape that Kong's
 * tools read.
 */
import { hostname } from 'node:os';
import type { PluginDescriptions } from '../../src/entities/plugins.ts';
import type { EntityStore } from '../../src/ports/entity-store.ts';
import { eachPage } from '../../src/records/pages.ts';
import type { Description } from '../../src/schema/description.ts';
import { kindOf } from '../../src/schema/kind.ts';
import { type Endpoint, sortedPaths } from './endpoints.ts';
import { type GateStatus, gateStatus } from './gate-status.ts';
import { type AdminResponse, ok, text } from './response.ts';
import { kongSettings, type RuntimeSettings } from './runtime-settings.ts';

/** The version of Kong that these responses imitate. */
const kongVersion = '3.9.1';

export interface Information {
  /** Our own version. */
  readonly version: string;
  readonly nodeId: string;
  readonly plugins: PluginDescriptions;
  /** The counters of the listeners. */
  readonly connections: GateStatus['connections'];
  /** The counters in Prometheus' text format. */
  readonly metrics: () => string;
  readonly file: { activeDigest(): string | undefined };
  readonly settings: RuntimeSettings;
}

export function informationEndpoints(
  { version, nodeId, plugins, connections, metrics, file, settings }: Information,
  store: EntityStore,
  entities: ReadonlyMap<string, Description>,
  all: () => readonly Endpoint[],
): readonly Endpoint[] {
  const status = gateStatus({ connections, file, store });

  async function inUse(): Promise<readonly string[]> {
    const kind = kindOf(entities.get('plugins')!);
    const names = new Set<string>();
    await eachPage(store, kind, { size: 1000 }, (rows) => {
      for (const { name } of rows) names.add(name as string);
    });
    return [...names];
  }

  async function root(): Promise<AdminResponse> {
    const available = kongs(plugins).map(({ name, priority }) => [name, { version: kongVersion, priority }]);
    return ok({
      tagline: 'Welcome to kong',
      version: kongVersion,
      edition: 'community',
      hostname: hostname(),
      node_id: nodeId,
      pids: { master: process.pid, workers: [process.pid] },
      timers: { running: 0, pending: 0 },
      lua_version: `none (Node.js ${process.version})`,
      plugins: { available_on_server: Object.fromEntries(available), enabled_in_cluster: await inUse() },
      configuration: {
        ...kongSettings(settings, kongs(plugins)),
        database: file.activeDigest() === undefined ? 'postgres' : 'off',
        portcullis: { version },
      },
    });
  }

  return [
    { path: '/', methods: { GET: root } },
    { path: '/status', methods: { GET: ({ query }) => status(query) } },
    // https://prometheus.io/docs/instrumenting/exposition_formats
    { path: '/metrics', methods: { GET: () => text(metrics(), 'text/plain; version=0.0.4; charset=utf-8') } },
    { path: '/endpoints', methods: { GET: () => ok({ data: sortedPaths(all()) }) } },
    {
      path: '/plugins/enabled',
      methods: { GET: () => ok({ enabled_plugins: kongs(plugins).map(({ name }) => name) }) },
    },
  ];
}

/** Kong's plugins only, since tools compare these lists with Kong's. */
function kongs(plugins: PluginDescriptions) {
  return [...plugins.values()].filter(({ ours }) => ours !== true);
}
