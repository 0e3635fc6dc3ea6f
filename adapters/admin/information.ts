/** What the gate says of itself: `/`, `/status`, `/endpoints`, `/plugins/enabled`. In Kong's shape, since tools read it. */
import { hostname } from 'node:os';
import type { PluginDescriptions } from '../../src/entities/plugins.ts';
import type { EntityStore } from '../../src/ports/entity-store.ts';
import { adminNameOf, type Description } from '../../src/schema/description.ts';
import { kindOf } from '../../src/schema/kind.ts';
import { type Endpoint, sortedPaths } from './endpoints.ts';
import { type AdminResponse, ok } from './response.ts';

/** The Kong whose answers these are. */
const kongVersion = '3.9.1';

export interface Information {
  /** Our own version. */
  readonly version: string;
  readonly nodeId: string;
  readonly plugins: PluginDescriptions;
  /** What the listeners have counted. */
  readonly connections: () => Connections;
  /** What was counted, in Prometheus' text format. */
  readonly metrics?: () => string;
  readonly file?: { inForce(): string | undefined };
}

/** In the words of nginx' stub_status. */
export interface Connections {
  readonly accepted: number;
  readonly active: number;
  readonly handled: number;
  readonly reading: number;
  readonly writing: number;
  readonly waiting: number;
  readonly requests: number;
}

export function informationEndpoints(
  { version, nodeId, plugins, connections, metrics, file }: Information,
  store: EntityStore,
  entities: ReadonlyMap<string, Description>,
  all: () => readonly Endpoint[],
): readonly Endpoint[] {
  async function inUse(): Promise<readonly string[]> {
    const kind = kindOf(entities.get('plugins')!);
    const names = new Set<string>();
    let after: string | undefined;
    do {
      const page = await store.page(kind, { size: 1000, after });
      for (const { name } of page.rows) names.add(name as string);
      after = page.next;
    } while (after !== undefined);
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
      configuration: { database: file?.inForce() === undefined ? 'postgres' : 'off', portcullis: { version } },
    });
  }

  async function status(): Promise<AdminResponse> {
    const { accepted, active, handled, reading, writing, waiting, requests } = connections();
    const digest = file?.inForce();
    return ok({
      // Kong's digest is 32 characters long.
      ...(digest === undefined ? {} : { configuration_hash: digest.slice(0, 32) }),
      database: { reachable: await isReachable(store, entities) },
      memory: {
        lua_shared_dicts: {},
        workers_lua_vms: [{ pid: process.pid, http_allocated_gc: inMebibytes(process.memoryUsage().heapUsed) }],
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
    { path: '/status', methods: { GET: status } },
    ...(metrics === undefined ? [] : [{ path: '/metrics', methods: { GET: () => text(metrics()) } }]),
    { path: '/endpoints', methods: { GET: () => ok({ data: sortedPaths(all()) }) } },
    {
      path: '/plugins/enabled',
      methods: { GET: () => ok({ enabled_plugins: kongs(plugins).map(({ name }) => name) }) },
    },
  ];
}

/** https://prometheus.io/docs/instrumenting/exposition_formats */
function text(body: string): AdminResponse {
  return { status: 200, headers: { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' }, body };
}

/** Without our own: tools compare these lists with Kong's. */
function kongs(plugins: PluginDescriptions) {
  return [...plugins.values()].filter(({ ours }) => ours !== true);
}

async function isReachable(store: EntityStore, entities: ReadonlyMap<string, Description>): Promise<boolean> {
  try {
    for (const description of entities.values()) {
      if (adminNameOf(description) === 'services') await store.page(kindOf(description), { size: 1, after: undefined });
    }
    return true;
  } catch {
    return false;
  }
}

function inMebibytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(2)} MiB`;
}
