/** Rows of upstreams and targets, complete with Kong's defaults, and balancers made of them. */
import { Balancer } from '../../src/balancer/balancer.ts';
import { targetOf, upstreamOf } from '../../src/balancer/upstream.ts';
import type { Entity, Json } from '../../src/ports/entity-store.ts';

export type Fields = Readonly<Record<string, Json>>;

interface Checks {
  readonly active?: Fields;
  readonly passive?: Fields;
  readonly threshold?: number;
}

/** The default health checks with changes, two levels deep. */
export function upstreamRow(fields: Fields = {}, checks: Checks = {}): Entity {
  const laidOver = (usual: Fields, given: Fields = {}): Fields =>
    Object.fromEntries(
      [...new Set([...Object.keys(usual), ...Object.keys(given)])].map((name) => {
        const own = usual[name];
        const said = given[name];
        const isRecord = typeof own === 'object' && own !== null && !Array.isArray(own) && name !== 'headers';
        return [name, isRecord && said !== undefined ? { ...own, ...(said as Fields) } : (said ?? own ?? null)];
      }),
    );
  return {
    id: 'u1',
    name: 'orders',
    algorithm: 'round-robin',
    hash_on: 'none',
    hash_fallback: 'none',
    hash_on_cookie_path: '/',
    slots: 10_000,
    host_header: null,
    ...fields,
    healthchecks: {
      active: laidOver(usualActive, checks.active),
      passive: laidOver(usualPassive, checks.passive),
      threshold: checks.threshold ?? 0,
    },
  } as Entity;
}

const unhealthy = { tcp_failures: 0, timeouts: 0, http_failures: 0 };
const usualActive: Fields = {
  type: 'http',
  timeout: 1,
  concurrency: 10,
  http_path: '/',
  https_sni: null,
  https_verify_certificate: true,
  headers: null,
  healthy: { interval: 0, http_statuses: [200, 302], successes: 0 },
  unhealthy: { interval: 0, http_statuses: [429, 404, 500, 501, 502, 503, 504, 505], ...unhealthy },
};
const usualPassive: Fields = {
  type: 'http',
  healthy: { http_statuses: [200, 201, 302], successes: 0 },
  unhealthy: { http_statuses: [429, 500, 503], ...unhealthy },
};

export function targetRow(target: string, weight = 100, of = 'u1'): Entity {
  return { id: `t-${target}`, target, weight, upstream: { id: of } } as Entity;
}

/** A balancer over targets `a`, `b`, `c` … of these weights. */
export function balancer(
  weights: readonly number[],
  fields: Fields = {},
  checks: Checks = {},
  before?: Balancer,
): Balancer {
  return balancerOver(
    weights.map((weight, at) => [`${String.fromCharCode(97 + (at % 26))}${at}.example:80`, weight]),
    fields,
    checks,
    before,
  );
}

export function balancerOver(
  targets: readonly (readonly [name: string, weight: number])[],
  fields: Fields = {},
  checks: Checks = {},
  before?: Balancer,
): Balancer {
  const rows = targets.map(([name, weight]) => targetRow(name, weight));
  return new Balancer(upstreamOf(upstreamRow(fields, checks)), rows.map(targetOf), before);
}
