import type { Balancer } from '../balancer/balancer.ts';
import { type Target, targetOf, type Upstream, upstreamOf } from '../balancer/upstream.ts';
import type { Entity } from '../ports/entity-store.ts';
import { type RoutingInput, routingInput } from '../routing/criteria.ts';
import { isMalformed, isPlain, normalizePath, octets, pathOf, textOf } from '../routing/path.ts';
import { type Found, type Routed, type Router, router } from '../routing/router.ts';
import { balancersFor, type UsableService, usableServices } from './balanced-services.ts';
import {
  type CompiledRoute,
  type CompiledRows,
  type CompiledService,
  closedPlugin,
  compilePlugin,
  compileRoute,
  compileRows,
  compileService,
} from './compile-rows.ts';
import { errorResponse } from './error-response.ts';
import type { MatchedRows, PluginDefinition, PluginTools } from './plugin.ts';
import { type CompiledPlugin, type PluginSelection, selectPlugins } from './plugin-selection.ts';
import { rootEndpoints } from './root-endpoints.ts';
import { ambiguousPath, matched, type RouteTarget } from './route-target.ts';
import type { Snapshot } from './snapshot.ts';

/** What a snapshot is compiled from. */
export interface Configuration {
  /** Rows as the Admin API shows them, complete with defaults. */
  readonly services: readonly Entity[];
  readonly routes: readonly Entity[];
  readonly plugins: readonly Entity[];
  readonly upstreams?: readonly Entity[] | undefined;
  readonly targets?: readonly Entity[] | undefined;
  /** By name. */
  readonly definitions: ReadonlyMap<string, PluginDefinition>;
  readonly tools: PluginTools;
  /** The snapshot before. What did not change is taken over from it, if it has the same definitions and tools. */
  readonly previous?: Snapshot | undefined;
  /**
   * Called once for each row that does not compile; the other rows apply. Such a route is left out. Where such a plugin
   * should run, every request gets 503, so that a mistake admits no request. Without this function, the first such row is
   * thrown as a `TypeError`.
   */
  readonly refused?: ((kind: string, id: string, why: string) => void) | undefined;
}

/**
 * Compiles the snapshot in three steps: rows to values, values to what routes lead to, and that to a router. Values and
 * targets that did not change are the same objects as in the snapshot before.
 */
export function compileSnapshot(configuration: Configuration): Snapshot {
  const { definitions, tools } = configuration;
  const refuse = (kind: string) => (id: string, why: string) => {
    if (configuration.refused === undefined) throw new TypeError(`${kind} ${id}: ${why}`);
    configuration.refused(kind, id, why);
  };
  const before = configuration.previous === undefined ? undefined : compilations.get(configuration.previous);
  const previous = before?.definitions === definitions && before.tools === tools ? before : undefined;

  const { upstreams: upstreamRows = [], targets: targetRows = [] } = configuration;
  const services = compileRows(configuration.services, previous?.services, compileService, refuse('services'));
  const upstreams = compileRows(upstreamRows, previous?.upstreams, upstreamOf, refuse('upstreams'));
  const upstreamTargets = compileRows(targetRows, previous?.upstreamTargets, targetOf, refuse('targets'));
  const routes = compileRows(configuration.routes, previous?.routes, compileRoute, refuse('routes'));
  const plugins = compileRows(
    configuration.plugins,
    previous?.plugins,
    (row) => compilePlugin(row, definitions, tools),
    refuse('plugins'),
    (row) => closedPlugin(row, definitions),
  );

  const balancers = balancersFor(upstreams, upstreamTargets, previous?.balancers);
  const usable = usableServices(services, balancers.values(), previous?.usable);
  const running = [...plugins.values()].map(({ value }) => value).filter((plugin) => plugin !== undefined);
  const selection = selectPlugins(running, previous?.selection);
  const routeTargets = new Map<string, RouteTarget>();
  const withoutService = new Set<string>();
  const routed: Routed<RouteTarget>[] = [];
  for (const [id, { row, value: route }] of routes) {
    if (route === undefined) continue;
    const { serviceId } = route;
    const service = serviceId === undefined ? undefined : usable.get(serviceId)?.service;
    if (serviceId !== undefined && service === undefined) {
      withoutService.add(id);
      if (!previous?.withoutService.has(id)) {
        refuse('routes')(id, `service: ${serviceId} does not exist, or is refused itself`);
      }
    } else if (service?.enabled !== false) {
      const rows = { route: row, service: serviceId === undefined ? undefined : services.get(serviceId)?.row };
      const target = routeTarget(rows, route, service, selection, previous?.routeTargets.get(id));
      routeTargets.set(id, target);
      for (const criteria of route.criteria) routed.push({ id, criteria, target });
    }
  }

  const { find } = router(routed);
  const atRoot = rootEndpoints(routed);
  const isShadowed = shadows(routeTargets, routes);
  const snapshot: Snapshot = {
    match(request) {
      const sent = pathOf(request.target);
      const plain = isPlain(sent);
      if (!plain && isMalformed(sent)) return errorResponse(request, 400, 'Bad request', { otherwise: 'text' });
      const path = plain ? sent : normalizePath(sent);
      const input = routingInput(request, path);
      const found = find(input);
      if (found === undefined) {
        return atRoot(request, input) ?? errorResponse(request, 404, 'no Route matched with those values');
      }
      if (found.target.strictPaths && isShadowed(found, input)) return ambiguousPath(request);
      return matched(found.target, found.criteria, request, path, plain);
    },
    balancers,
  };
  compilations.set(snapshot, {
    ...{ definitions, tools, services, upstreams, upstreamTargets, routes, plugins },
    ...{ balancers, usable, selection, routeTargets, withoutService },
  });
  return snapshot;
}

/**
 * Whether a path in another case would match another route of higher rank: an upstream that ignores case would serve what
 * that route protects. The router that ignores case is made when a route with `strict_paths` first needs it.
 */
function shadows(
  targets: ReadonlyMap<string, RouteTarget>,
  routes: CompiledRows<CompiledRoute>,
): (found: Found<RouteTarget>, input: RoutingInput) => boolean {
  let anyCase: Router<RouteTarget> | undefined;
  return ({ criteria, target }, input) => {
    anyCase ??= router(
      [...targets].flatMap(([id, target]) =>
        routes
          .get(id)!
          .value!.anyCase()
          .map((criteria) => ({ id, criteria, target })),
      ),
    );
    const other = anyCase.find({ ...input, path: octets((textOf(input.path) ?? input.path).toLowerCase()) });
    return other !== undefined && other.target !== target && other.criteria.rank > criteria.rank;
  };
}

/** What a snapshot was made of, for the one after it. */
interface Compilation {
  readonly definitions: ReadonlyMap<string, PluginDefinition>;
  readonly tools: PluginTools;
  readonly services: CompiledRows<CompiledService>;
  readonly upstreams: CompiledRows<Upstream>;
  readonly upstreamTargets: CompiledRows<Target>;
  readonly routes: CompiledRows<CompiledRoute>;
  readonly plugins: CompiledRows<CompiledPlugin>;
  readonly balancers: ReadonlyMap<string, Balancer>;
  readonly usable: ReadonlyMap<string, UsableService>;
  readonly selection: PluginSelection;
  readonly routeTargets: ReadonlyMap<string, RouteTarget>;
  /** Routes that were refused because their service does not exist. */
  readonly withoutService: ReadonlySet<string>;
}

const compilations = new WeakMap<Snapshot, Compilation>();

function routeTarget(
  rows: MatchedRows,
  route: CompiledRoute,
  service: CompiledService | undefined,
  selection: PluginSelection,
  previous: RouteTarget | undefined,
): RouteTarget {
  const routeId = rows.route.id;
  const plugins = selection.of(routeId, service?.upstream.id);
  const isUnchanged =
    previous?.plugins === plugins && previous.service === service?.upstream && previous.protocols === route.protocols;
  if (isUnchanged) return previous;
  const { protocols, stripPath, strictPaths, preserveHost, httpsRedirect } = route;
  const base = service?.base ?? '/';
  return {
    routeId,
    rows,
    service: service?.upstream,
    base,
    stripPath,
    strictPaths,
    preserveHost,
    protocols,
    httpsRedirect,
    plugins,
  };
}
