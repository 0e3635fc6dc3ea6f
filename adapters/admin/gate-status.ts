/** `/status`: the counters of the listeners, and whether the store responds. */
import { describeEntities } from '../../src/entities/entities.ts';
import type { ConnectionCounts } from '../../src/gateway/connection-counts.ts';
import type { EntityStore } from '../../src/ports/entity-store.ts';
import { kindOf } from '../../src/schema/kind.ts';
import { luaNumber } from '../../src/schema/lua.ts';
import { type AdminResponse, badRequest, ok } from './response.ts';

export interface GateStatus {
  readonly connections: () => ConnectionCounts;
  readonly file: { activeDigest(): string | undefined };
  readonly store: EntityStore;
}

export function gateStatus({
  connections,
  file,
  store,
}: GateStatus): (query: URLSearchParams) => Promise<AdminResponse> {
  return async (query) => {
    const size = sizesIn(query.get('unit') ?? 'm', query.get('scale'));
    if (typeof size !== 'function') return size;
    const { accepted, active, handled, reading, writing, waiting, requests } = connections();
    const digest = file.activeDigest();
    return ok({
      // Kong's digest is 32 characters long.
      ...(digest === undefined ? {} : { configuration_hash: digest.slice(0, 32) }),
      database: { reachable: await storeResponds(store) },
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
  };
}

const services = kindOf(describeEntities(new Map()).get('services')!);

export async function storeResponds(store: EntityStore): Promise<boolean> {
  try {
    await store.page(services, { size: 1, after: undefined });
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
