import type { Exchange, PluginDefinition, PluginHooks, PluginPlace } from './plugin.ts';

/**
 * Which instances of which plugins run on a route, and in which order.
 *
 * Of each plugin one instance runs, the most specific (Kong's order): consumer with route and service, consumer with
 * route, consumer with service, route with service, consumer, route, service, everywhere. An instance for a consumer is
 * chosen when the plugin runs, by the consumer that earlier plugins authenticated.
 */
export interface CompiledPlugin {
  readonly definition: PluginDefinition;
  readonly place: PluginPlace;
  readonly hooks: PluginHooks;
}

export interface SelectedPlugins {
  /** In the order they run. */
  readonly hooks: readonly PluginHooks[];
  readonly authenticates: boolean;
}

export interface PluginSelection {
  /** The same object as in the previous selection if nothing changed. */
  of(routeId: string, serviceId: string | undefined): SelectedPlugins;
}

export function selectPlugins(
  plugins: readonly CompiledPlugin[],
  previous: PluginSelection | undefined,
): PluginSelection {
  const byName = [...Map.groupBy(plugins, ({ definition }) => definition.name)].map(([, instances]) => instances);
  // Plugins with the same priority run in alphabetical order, so that the order is the same on every gate.
  byName.sort(([one], [other]) => {
    const { definition: first } = one!;
    const { definition: second } = other!;
    return second.priority - first.priority || (first.name < second.name ? -1 : 1);
  });
  const before = previous === undefined ? undefined : memories.get(previous);
  const memory: Memory = { selected: new Map(), consumers: new Map() };
  const all = byName.map((instances) => instancesOf(instances, before, memory));
  const selection: PluginSelection = {
    of(routeId, serviceId) {
      const runners = all.map((instances) => instances.on(routeId, serviceId)).filter((runner) => runner !== undefined);
      const key = JSON.stringify([routeId, serviceId]);
      const known = before?.selected.get(key);
      const kept =
        known !== undefined && sameRunners(known.runners, runners)
          ? known
          : {
              runners,
              selected: {
                hooks: runners.map((runner) => hooksOf(runner)),
                authenticates: runners.some(({ definition }) => definition.authenticates),
              },
            };
      memory.selected.set(key, kept);
      return kept.selected;
    },
  };
  memories.set(selection, memory);
  return selection;
}

interface Remembered {
  readonly runners: readonly Runner[];
  readonly selected: SelectedPlugins;
}

/** What the next selection may reuse of this one. */
interface Memory {
  readonly selected: Map<string, Remembered>;
  /** By plugin and place. */
  readonly consumers: Map<string, ReadonlyMap<string, CompiledPlugin>>;
}

const memories = new WeakMap<PluginSelection, Memory>();

/** The instances of one plugin that a route may need. */
interface Runner {
  readonly definition: PluginDefinition;
  /** For every caller. */
  readonly always: CompiledPlugin | undefined;
  /** By consumer, for each place that is more specific than `always`; the most specific first. */
  readonly byConsumer: readonly ReadonlyMap<string, CompiledPlugin>[];
}

interface Instances {
  on(routeId: string, serviceId: string | undefined): Runner | undefined;
}

function instancesOf(instances: readonly CompiledPlugin[], before: Memory | undefined, memory: Memory): Instances {
  const { definition } = instances[0]!;
  const anyone = new Map<string, CompiledPlugin>();
  const byPlace = new Map<string, Map<string, CompiledPlugin>>();
  for (const plugin of instances) {
    const { routeId, serviceId, consumerId } = plugin.place;
    const at = place(routeId, serviceId);
    if (consumerId === undefined) anyone.set(at, plugin);
    else {
      const there = byPlace.get(at) ?? new Map<string, CompiledPlugin>();
      byPlace.set(at, there);
      there.set(consumerId, plugin);
    }
  }
  // Compared here, once, since many routes share the long maps.
  const consumers = new Map<string, ReadonlyMap<string, CompiledPlugin>>();
  for (const [at, there] of byPlace) {
    const key = `${definition.name} ${at}`;
    const known = before?.consumers.get(key);
    const kept = known !== undefined && sameConsumers(known, there) ? known : there;
    memory.consumers.set(key, kept);
    consumers.set(at, kept);
  }
  return {
    on(routeId, serviceId) {
      const both = serviceId === undefined ? undefined : place(routeId, serviceId);
      const route = place(routeId, undefined);
      const service = serviceId === undefined ? undefined : place(undefined, serviceId);
      const everywhere = place(undefined, undefined);
      const routeAndService = both === undefined ? undefined : anyone.get(both);
      const always =
        routeAndService ??
        anyone.get(route) ??
        (service === undefined ? undefined : anyone.get(service)) ??
        anyone.get(everywhere);
      // An instance for route and service is more specific than one for a consumer alone.
      const byConsumer = [both, route, service, routeAndService === undefined ? everywhere : undefined]
        .map((at) => (at === undefined ? undefined : consumers.get(at)))
        .filter((there) => there !== undefined);
      return always === undefined && byConsumer.length === 0 ? undefined : { definition, always, byConsumer };
    },
  };
}

function place(routeId: string | undefined, serviceId: string | undefined): string {
  return `${routeId ?? ''} ${serviceId ?? ''}`;
}

function hooksOf({ always, byConsumer }: Runner): PluginHooks {
  return byConsumer.length === 0 ? always!.hooks : chosenByConsumer(always?.hooks, byConsumer);
}

function chosenByConsumer(
  always: PluginHooks | undefined,
  byConsumer: readonly ReadonlyMap<string, CompiledPlugin>[],
): PluginHooks {
  // The instance that saw the request also sees the response, even if a later plugin authenticated another consumer.
  const chosen = new WeakMap<Exchange, PluginHooks | undefined>();
  const choose = (exchange: Exchange): PluginHooks | undefined => {
    const consumerId = exchange.identity?.consumer?.id;
    if (consumerId === undefined) return always;
    for (const there of byConsumer) {
      const plugin = there.get(consumerId);
      if (plugin !== undefined) return plugin.hooks;
    }
    return always;
  };
  const seen = (exchange: Exchange): PluginHooks | undefined =>
    chosen.has(exchange) ? chosen.get(exchange) : choose(exchange);
  return {
    access(exchange) {
      const hooks = choose(exchange);
      chosen.set(exchange, hooks);
      return hooks?.access?.(exchange);
    },
    // The caller of one of our endpoints is not authenticated yet.
    handover: (exchange, handover) => always?.handover?.(exchange, handover),
    respond(exchange, head) {
      seen(exchange)?.respond?.(exchange, head);
    },
    body: {
      wants: (exchange, head) => seen(exchange)?.body?.wants(exchange, head) ?? false,
      change: (exchange, head, body) => seen(exchange)?.body?.change(exchange, head, body) ?? body,
    },
  };
}

function sameRunners(one: readonly Runner[], other: readonly Runner[]): boolean {
  return (
    one.length === other.length &&
    one.every((runner, i) => {
      const { always, byConsumer } = other[i]!;
      return (
        runner.always === always &&
        runner.byConsumer.length === byConsumer.length &&
        runner.byConsumer.every((there, j) => there === byConsumer[j])
      );
    })
  );
}

function sameConsumers(one: ReadonlyMap<string, CompiledPlugin>, other: ReadonlyMap<string, CompiledPlugin>): boolean {
  if (one.size !== other.size) return false;
  for (const [id, plugin] of one) if (other.get(id) !== plugin) return false;
  return true;
}
