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

/**
 * The services that compiled, by id, with a balancer where their host is the name of an upstream. Looks at the services
 * in `changed`; at all of them if the balancers changed.
 */
export function usableServices(
  services: CompiledRows<CompiledService>,
  changed: Iterable<string>,
  balancers: ReadonlyMap<string, Balancer>,
  previous: { readonly usable: ReadonlyMap<string, UsableService>; readonly balancers: ReadonlyMap<string, Balancer> },
): { readonly usable: ReadonlyMap<string, UsableService>; readonly changed: readonly string[] } {
  const byName = balancersByName(balancers);
  const ids = balancers === previous.balancers ? new Set(changed) : new Set([...services.keys(), ...changed]);
  const differing: string[] = [];
  const next = new Map<string, UsableService | undefined>();
  for (const id of ids) {
    const of = services.get(id)?.value;
    const balancer = of === undefined ? undefined : byName.get(of.upstream.host);
    const before = previous.usable.get(id);
    if (before?.of === of && before?.balancer === balancer) continue;
    differing.push(id);
    next.set(
      id,
      of === undefined ? undefined : { service: balancer === undefined ? of : balanced(of, balancer), of, balancer },
    );
  }
  if (differing.length === 0) return { usable: previous.usable, changed: differing };
  const usable = new Map(previous.usable);
  for (const [id, one] of next) {
    if (one === undefined) usable.delete(id);
    else usable.set(id, one);
  }
  return { usable, changed: differing };
}

/** A store has each name once. While rows that exchange their names arrive, the lowest id decides. */
function balancersByName(balancers: ReadonlyMap<string, Balancer>): ReadonlyMap<string, Balancer> {
  const found = new Map<string, { readonly id: string; readonly balancer: Balancer }>();
  for (const [id, balancer] of balancers) {
    const other = found.get(balancer.upstream.name);
    if (other === undefined || id < other.id) found.set(balancer.upstream.name, { id, balancer });
  }
  return new Map([...found].map(([name, { balancer }]) => [name, balancer]));
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
