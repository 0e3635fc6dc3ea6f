/**
 * Information about the gate: `/`, `/status`, `/metrics`, `/endpoints` and `/plugins/enabled`, in the shape that Kong's
 * tools read.
 */
import { hostname } from 'node:os';
import type { PluginDescriptions } from '../../src/entities/plugins.ts';
import type { ConnectionCounts } from '../../src/gateway/connection-counts.ts';
import type { EntityStore } from '../../src/ports/entity-store.ts';
import { eachPage } from '../../src/records/pages.ts';
import type { Description } from '../../src/schema/description.ts';
import { kindOf } from '../../src/schema/kind.ts';
import { luaNumber } from '../../src/schema/lua.ts';
import { type Endpoint, sortedPaths } from './endpoints.ts';
import { type AdminResponse, badRequest, ok, text } from './response.ts';
import { kongSettings, type RuntimeSettings } from './runtime-settings.ts';

/** The version of Kong that these responses imitate. */
const kongVersion = '3.9.1';

export interface Information {
  /** Our own version. */
  readonly version: string;
  readonly nodeId: string;
  readonly plugins: PluginDescriptions;
  /** The counters of the listeners. */
  readonly connections: () => ConnectionCounts;
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

  async function status(query: URLSearchParams): Promise<AdminResponse> {
    const size = sizesIn(query.get('unit') ?? 'm', query.get('scale'));
    if (typeof size !== 'function') return size;
    const { accepted, active, handled, reading, writing, waiting, requests } = connections();
    const digest = file.activeDigest();
    return ok({
      // Kong's digest is 32 characters long.
      ...(digest === undefined ? {} : { configuration_hash: digest.slice(0, 32) }),
      database: { reachable: await isReachable(store, entities.get('services')!) },
      memory: {
        lua_shared_dicts: {},
        workers_lua_vms: [{ pid: process.pid, http_allocated_gc: size(process.memoryUsage().heapUsed) }],
      },
      server: {
        connections_accepted: accepted,
        connections_active: active,
        connections_handled: handled,
        connections_reading: reading,
        connections_writing: writing,
        connections_waiting: waiting,
        total_requests: requests,
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

async function isReachable(store: EntityStore, services: Description): Promise<boolean> {
  try {
    await store.page(kindOf(services), { size: 1, after: undefined });
    return true;
  } catch {
    return false;
  }
}

/** Prints a number of bytes in the unit that a request asks for, as Kong does; without a unit as whole bytes. */
function sizesIn(unit: string, scale: string | null): ((bytes: number) => string | number) | AdminResponse {
  const name = unit.toLowerCase();
  if (name === 'b') return (bytes) => bytes;
  if (name === '') return (bytes) => String(bytes);
  const factor = factors.get(name);
  if (factor === undefined) return badRequest(`invalid unit '${unit}' (expected 'k/K', 'm/M', or 'g/G')`);
  const digits = (scale === null ? undefined : luaNumber(scale)) ?? 2;
  if (digits < 0) return badRequest('scale must be equal or greater than 0');
  // More digits than a number has say nothing.
  const places = Math.min(Math.floor(digits), 20);
  return (bytes) => `${(bytes / factor).toFixed(places)} ${name.toUpperCase()}iB`;
}

const factors = new Map([
  ['k', 1024],
  ['m', 1024 ** 2],
  ['g', 1024 ** 3],
]);
