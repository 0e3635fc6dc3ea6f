/** Kong's upstreams and targets as values, read from their rows once when the snapshot is compiled. */
import { parseHostAndPort } from '../address/host.ts';
import { type Entity, type Json, referenceIn } from '../ports/entity-store.ts';
import { flag, listsOrNull, number, object, text, textOrNull } from '../records/rows.ts';
import { murmur3 } from './consistent-hashing.ts';
import type { HealthRules } from './health.ts';

export interface Upstream {
  readonly id: string;
  /** The host of the services that it balances. */
  readonly name: string;
  readonly algorithm: Algorithm;
  /** The value that is hashed, then the fallback. */
  readonly hashOn: readonly HashSource[];
  /** Sent as Host instead of the target's own. */
  readonly hostHeader: string | undefined;
  /** Id of the client certificate that the gate presents to targets, if the service has none. */
  readonly clientCertificate: string | undefined;
  readonly active: ActiveChecks;
  readonly passive: HealthRules;
  /** The percentage of the weight that must be healthy; below it the upstream gets no requests. */
  readonly threshold: number;
  /** Whether a check can make a target unhealthy. */
  readonly isChecked: boolean;
}

export type Algorithm = 'round-robin' | 'least-connections' | 'consistent-hashing' | 'latency';

export type HashSource =
  | { readonly on: 'consumer' | 'ip' | 'path' }
  | { readonly on: 'header' | 'query_arg' | 'uri_capture'; readonly name: string }
  /** `path`: that of the cookie which the gate sets if there is none. */
  | { readonly on: 'cookie'; readonly name: string; readonly path: string };

export interface ActiveChecks extends HealthRules {
  readonly type: 'http' | 'https' | 'tcp';
  /** Between two probes of a healthy target, in milliseconds; 0: none. */
  readonly healthyInterval: number;
  readonly unhealthyInterval: number;
  readonly timeout: number;
  readonly concurrency: number;
  readonly path: string;
  readonly serverName: string | undefined;
  readonly verifyCertificate: boolean;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

export interface Target {
  readonly id: string;
  readonly upstreamId: string;
  /** `host:port`, as in the row. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly weight: number;
  readonly hash: number;
}

export function upstreamOf(row: Entity): Upstream {
  const checks = part(object(row, 'healthchecks'));
  const active = activeChecks(checks('active'));
  const passive = rulesOf(checks('passive'), 'http');
  const hashOn = [
    hashSource(row, 'hash_on', 'hash_on_header', 'hash_on_query_arg', 'hash_on_uri_capture'),
    hashSource(row, 'hash_fallback', 'hash_fallback_header', 'hash_fallback_query_arg', 'hash_fallback_uri_capture'),
  ].filter((source) => source !== undefined);
  const { httpFailures, tcpFailures, timeouts } = passive;
  return {
    id: row.id,
    name: text(row, 'name'),
    algorithm: algorithmOf(textOrNull(row, 'algorithm') ?? 'round-robin'),
    hashOn,
    hostHeader: textOrNull(row, 'host_header') ?? undefined,
    clientCertificate: referenceIn(row, 'client_certificate'),
    active,
    passive,
    threshold: number(object(row, 'healthchecks') as unknown as Entity, 'threshold', 0),
    isChecked: active.healthyInterval + active.unhealthyInterval + httpFailures + tcpFailures + timeouts > 0,
  };
}

export function targetOf(row: Entity): Target {
  const name = text(row, 'target');
  const upstreamId = referenceIn(row, 'upstream');
  if (upstreamId === undefined) throw new TypeError('upstream is missing');
  const address = parseHostAndPort(name);
  if (address === undefined) throw new TypeError(`target is not host:port: ${JSON.stringify(name)}`);
  return {
    id: row.id,
    upstreamId,
    name,
    host: address.host,
    port: address.port ?? usualPort,
    weight: number(row, 'weight', 100),
    hash: murmur3(name),
  };
}

/** The port of a target that has none (Kong). */
const usualPort = 8000;

const algorithms: readonly string[] = ['round-robin', 'least-connections', 'consistent-hashing', 'latency'];

function algorithmOf(name: string): Algorithm {
  if (algorithms.includes(name)) return name as Algorithm;
  throw new TypeError(`algorithm: there is no ${JSON.stringify(name)}`);
}

function hashSource(
  row: Entity,
  field: string,
  header: string,
  queryArgument: string,
  capture: string,
): HashSource | undefined {
  const on = textOrNull(row, field) ?? 'none';
  switch (on) {
    case 'none':
      return undefined;
    case 'consumer':
    case 'ip':
    case 'path':
      return { on };
    case 'header':
      return { on, name: text(row, header).toLowerCase() };
    case 'cookie':
      return { on, name: text(row, 'hash_on_cookie'), path: textOrNull(row, 'hash_on_cookie_path') ?? '/' };
    case 'query_arg':
      return { on, name: text(row, queryArgument) };
    case 'uri_capture':
      return { on, name: text(row, capture) };
    default:
      throw new TypeError(`${field}: there is no ${JSON.stringify(on)}`);
  }
}

function activeChecks(checks: Entity): ActiveChecks {
  const within = part(checks);
  const type = textOrNull(checks, 'type') ?? 'http';
  // For a gRPC target, a probe only opens a connection (Kong).
  const spoken = type === 'http' || type === 'https' ? type : 'tcp';
  return {
    ...rulesOf(checks, spoken),
    type: spoken,
    healthyInterval: number(within('healthy'), 'interval', 0) * 1000,
    unhealthyInterval: number(within('unhealthy'), 'interval', 0) * 1000,
    timeout: number(checks, 'timeout', 1) * 1000,
    concurrency: number(checks, 'concurrency', 10),
    path: textOrNull(checks, 'http_path') ?? '/',
    serverName: textOrNull(checks, 'https_sni') ?? undefined,
    verifyCertificate: flag(checks, 'https_verify_certificate', true),
    headers: Object.entries(listsOrNull(checks, 'headers') ?? {}).flatMap(([name, values]) =>
      values.map((value) => [name, value] as const),
    ),
  };
}

function rulesOf(checks: Entity, usualType: string): HealthRules {
  const within = part(checks);
  const good = within('healthy');
  const bad = within('unhealthy');
  const type = textOrNull(checks, 'type') ?? usualType;
  return {
    connectionsOnly: type !== 'http' && type !== 'https',
    healthyStatuses: new Set(numbers(good['http_statuses'])),
    unhealthyStatuses: new Set(numbers(bad['http_statuses'])),
    successes: number(good, 'successes', 0),
    httpFailures: number(bad, 'http_failures', 0),
    tcpFailures: number(bad, 'tcp_failures', 0),
    timeouts: number(bad, 'timeouts', 0),
  };
}

/** Reads records within a row like rows. */
function part(record: { readonly [field: string]: Json | undefined }): (field: string) => Entity {
  return (field) => object(record as Entity, field) as unknown as Entity;
}

function numbers(list: Json | undefined): readonly number[] {
  return Array.isArray(list) ? list.filter((status) => typeof status === 'number') : [];
}
