/**
 * Balancers, and the services that they balance: a service whose host is the name of an upstream. What did not change is
 * taken over from the snapshot before, since requests in flight and connection pools go by these objects.
 */
import { type BalancedTarget, Balancer } from '../balancer/balancer.ts';
import type { Target, Upstream } from '../balancer/upstream.ts';
import type { CompiledRows, CompiledService } from './compile-rows.ts';
import type { UpstreamService } from './snapshot.ts';

/** One balancer for each upstream, by the upstream's id; the one before where neither upstream nor targets changed. */
export function balancersFor(
  upstreams: CompiledRows<Upstream>,
  targets: CompiledRows<Target>,
  previous: ReadonlyMap<string, Balancer> | undefined,
): ReadonlyMap<string, Balancer> {
  const byUpstream = Map.groupBy(
    [...targets.values()].map(({ value }) => value).filter((target) => target !== undefined),
    ({ upstreamId }) => upstreamId,
  );
  const balancers = new Map<string, Balancer>();
  for (const [id, { value: upstream }] of upstreams) {
    if (upstream === undefined) continue;
    const members = (byUpstream.get(id) ?? []).sort((one, other) => (one.id < other.id ? -1 : 1));
    const before = previous?.get(id);
    const isUnchanged =
      before?.upstream === upstream &&
      before.members.length === members.length &&
      members.every((target, at) => target === before.members[at]);
    balancers.set(id, isUnchanged ? before : new Balancer(upstream, members, before));
  }
  return balancers;
}

/** A service as routes use it. */
export interface UsableService {
  readonly service: CompiledService;
  /** What it was made of. */
  readonly of: CompiledService;
  readonly balancer: Balancer | undefined;
}

/** The services that compiled, by id, with a balancer where their host is the name of an upstream. */
export function usableServices(
  services: CompiledRows<CompiledService>,
  balancers: Iterable<Balancer>,
  previous: ReadonlyMap<string, UsableService> | undefined,
): ReadonlyMap<string, UsableService> {
  const byName = new Map([...balancers].map((balancer) => [balancer.upstream.name, balancer]));
  const usable = new Map<string, UsableService>();
  for (const [id, { value: of }] of services) {
    if (of === undefined) continue;
    const balancer = byName.get(of.upstream.host);
    const before = previous?.get(id);
    if (before?.of === of && before.balancer === balancer) usable.set(id, before);
    else usable.set(id, { service: balancer === undefined ? of : balanced(of, balancer), of, balancer });
  }
  return usable;
}

function balanced(service: CompiledService, balancer: Balancer): CompiledService {
  const byTarget = new Map<BalancedTarget, UpstreamService>();
  const clientCertificate = service.upstream.clientCertificate ?? balancer.upstream.clientCertificate;
  const at = (target: BalancedTarget): UpstreamService => {
    let there = byTarget.get(target);
    if (there === undefined) {
      const { host, port } = target;
      there = { ...service.upstream, host, port, ...(clientCertificate === undefined ? {} : { clientCertificate }) };
      byTarget.set(target, there);
    }
    return there;
  };
  return { ...service, upstream: { ...service.upstream, balancing: { balancer, at } } };
}
