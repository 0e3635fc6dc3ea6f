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

/** Does not change. The next one shares with it what did not change. */
export interface PluginSelection {
  /** The plugins of a route: the same object as `previous` if none of them changed. */
  of(routeId: string, serviceId: string | undefined, previous: SelectedPlugins | undefined): SelectedPlugins;
  next(changed: readonly PluginChange[]): PluginSelection;
}

export interface PluginChange {
  readonly before: CompiledPlugin | undefined;
  readonly after: CompiledPlugin | undefined;
}

export const noPlugins: PluginSelection = selectionOf(new Map());

/** `byName`: the instances of each plugin. */
function selectionOf(byName: ReadonlyMap<string, Instances>): PluginSelection {
  // Plugins with the same priority run in alphabetical order, so that the order is the same on every gate.
  const all = [...byName.values()].sort(
    ({ definition: first }, { definition: second }) =>
      second.priority - first.priority || (first.name < second.name ? -1 : 1),
  );
  return {
    of(routeId, serviceId, previous) {
      const runners = all
        .map((instances) => runnerOn(instances, routeId, serviceId))
        .filter((runner) => runner !== undefined);
      const known = previous === undefined ? undefined : runnersOf.get(previous);
      if (previous !== undefined && known !== undefined && sameRunners(known, runners)) return previous;
      const selected: SelectedPlugins = {
        hooks: runners.map((runner) => hooksOf(runner)),
        authenticates: runners.some(({ definition }) => definition.authenticates),
      };
      runnersOf.set(selected, runners);
      return selected;
    },

    next(changed) {
      const instances = new Map(byName);
      // Another version of an instance may be of another plugin.
      const single = changed.flatMap(({ before, after }): PluginChange[] => [
        { before, after: undefined },
        { before: undefined, after },
      ]);
      const named = Map.groupBy(single, ({ before, after }) => (after ?? before)?.definition.name);
      for (const [name, those] of named) {
        if (name === undefined) continue;
        const next = instancesAfter(byName.get(name), those);
        if (next === undefined) instances.delete(name);
        else instances.set(name, next);
      }
      return selectionOf(instances);
    },
  };
}

/** What each selection was made of, so that the next one can return the same object. */
const runnersOf = new WeakMap<SelectedPlugins, readonly Runner[]>();

/** The instances of one plugin that a route may need. */
interface Runner {
  readonly definition: PluginDefinition;
  /** For every caller. */
  readonly always: CompiledPlugin | undefined;
  /** By consumer, for each place that is more specific than `always`; the most specific first. */
  readonly byConsumer: readonly ReadonlyMap<string, CompiledPlugin>[];
}

/** All instances of one plugin, by their places. Many routes share the maps of consumers. */
interface Instances {
  readonly definition: PluginDefinition;
  readonly anyone: ReadonlyMap<string, CompiledPlugin>;
  readonly consumers: ReadonlyMap<string, ReadonlyMap<string, CompiledPlugin>>;
}

/** `undefined`: no instance is left. */
function instancesAfter(before: Instances | undefined, changed: readonly PluginChange[]): Instances | undefined {
  const anyone = new Map(before?.anyone);
  const consumers = new Map(before?.consumers);
  const copied = new Set<string>();
  const consumersAt = (at: string): Map<string, CompiledPlugin> => {
    if (!copied.has(at)) consumers.set(at, new Map(consumers.get(at)));
    copied.add(at);
    return consumers.get(at) as Map<string, CompiledPlugin>;
  };
  let definition = before?.definition;
  const each = (
    change: 'before' | 'after',
    visit: (of: Map<string, CompiledPlugin>, key: string, one: CompiledPlugin) => void,
  ) => {
    for (const { [change]: plugin } of changed) {
      if (plugin === undefined) continue;
      const { routeId, serviceId, consumerId } = plugin.place;
      const at = place(routeId, serviceId);
      if (consumerId === undefined) visit(anyone, at, plugin);
      else visit(consumersAt(at), consumerId, plugin);
    }
  };
  each('before', (there, key, plugin) => {
    if (there.get(key) === plugin) there.delete(key);
  });
  each('after', (there, key, plugin) => {
    definition = plugin.definition;
    there.set(key, plugin);
  });
  for (const at of copied) if (consumers.get(at)!.size === 0) consumers.delete(at);
  return definition === undefined || anyone.size + consumers.size === 0 ? undefined : { definition, anyone, consumers };
}

function runnerOn(
  { definition, anyone, consumers }: Instances,
  routeId: string,
  serviceId: string | undefined,
): Runner | undefined {
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
