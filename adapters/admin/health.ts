/**
 * The health of the targets of an upstream, which an operator can also set; that holds until a check changes it. In the
 * shape of Kong's `/upstreams/{upstreams}/health`. A target is one address here, since its name is resolved for each
 * connection.
 */
import type { BalancedTarget, Balancer } from '../../src/balancer/balancer.ts';
import { targetWithPort } from '../../src/entities/targets.ts';
import type { Description } from '../../src/schema/description.ts';
import { kindOf } from '../../src/schema/kind.ts';
import type { AdminRequest, Endpoint, Handler } from './endpoints.ts';
import { nextPage, readListQuery } from './lists.ts';
import { noContent, notFound, ok } from './response.ts';
import { printed, type Rows } from './rows.ts';

export interface HealthOptions {
  /** The balancer of the upstream with this id. */
  readonly balancerOf: (upstreamId: string) => Balancer | undefined;
  readonly nodeId: string;
}

export function healthEndpoints(
  rows: Rows,
  entities: ReadonlyMap<string, Description>,
  { balancerOf, nodeId }: HealthOptions,
): readonly Endpoint[] {
  const upstreams = entities.get('upstreams')!;
  const targets = entities.get('targets')!;

  const health: Handler = async ({ keys, query }) => {
    const upstream = await rows.find(upstreams, keys[0]!);
    if (upstream === undefined) return notFound;
    const balancer = balancerOf(upstream.id);
    if (query.get('balancer_health') === '1') {
      return ok({ data: wholeOf(upstream.id, balancer), next: null, node_id: nodeId });
    }
    const read = readListQuery(targets, query);
    if (read.refusal !== undefined) return read.refusal;
    const where = { field: 'upstream.id', value: upstream.id };
    const page = await rows.store.page(kindOf(targets), { ...read.query, where });
    const data = page.rows.map((row) => {
      const target = balancer?.targets.find(({ id }) => id === row.id);
      return { ...printed(targets, row), ...targetHealth(balancer, target) };
    });
    const path = `/upstreams/${encodeURIComponent(keys[0]!)}/health`;
    return ok({ data, ...nextPage(path, page.next), node_id: nodeId });
  };

  /** With an address, only if it is the target's. */
  const set =
    (to: 'healthy' | 'unhealthy'): Handler =>
    async ({ keys }: AdminRequest) => {
      const [upstreamKey, targetKey, address] = keys as readonly [string, string, string?];
      const upstream = await rows.find(upstreams, upstreamKey);
      const balancer = upstream === undefined ? undefined : balancerOf(upstream.id);
      const target = balancer?.targets.find(
        ({ id, name }) => id === targetKey.toLowerCase() || name === targetWithPort(targetKey),
      );
      if (target === undefined || (address !== undefined && !isAddressOf(target, address))) return notFound;
      balancer!.set(target, to);
      return noContent;
    };

  const target = '/upstreams/{upstreams}/targets/{targets}';
  return [
    { path: '/upstreams/{upstreams}/health', methods: { GET: health } },
    ...(['healthy', 'unhealthy'] as const).flatMap((to) => [
      { path: `${target}/${to}`, methods: { PUT: set(to) } },
      { path: `${target}/{address}/${to}`, methods: { PUT: set(to) } },
    ]),
  ];
}

function isAddressOf({ name, host, port }: BalancedTarget, address: string): boolean {
  return address === name || address === host || address === `${host}:${port}`;
}

type Health = 'HEALTHY' | 'UNHEALTHY' | 'HEALTHCHECKS_OFF';

function targetHealth(balancer: Balancer | undefined, target: BalancedTarget | undefined) {
  const health = healthOf(balancer, target?.state.health.healthy ?? true);
  if (target === undefined) return { health };
  return { health, data: detailsOf(target, health) };
}

function detailsOf({ host, port, weight, state }: BalancedTarget, health: Health) {
  const available = state.health.healthy ? weight : 0;
  return {
    host,
    port,
    nodeWeight: weight,
    weight: { total: weight, available, unavailable: weight - available },
    addresses: [{ ip: host, port, weight, health }],
  };
}

function wholeOf(id: string, balancer: Balancer | undefined) {
  const weight = balancer?.weight ?? { total: 0, available: 0 };
  return {
    id,
    health: healthOf(balancer, balancer?.isHealthy ?? true),
    details: {
      healthy: balancer?.isHealthy ?? false,
      weight: { ...weight, unavailable: weight.total - weight.available },
      hosts: (balancer?.targets ?? []).map((target) =>
        detailsOf(target, healthOf(balancer, target.state.health.healthy)),
      ),
    },
  };
}

/** Without health checks only an operator can make a target unhealthy. */
function healthOf(balancer: Balancer | undefined, isHealthy: boolean): Health {
  if (!isHealthy) return 'UNHEALTHY';
  return balancer?.upstream.isChecked === true ? 'HEALTHY' : 'HEALTHCHECKS_OFF';
}
