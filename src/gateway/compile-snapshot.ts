/**
 * Compiles snapshots. The first one is made of all rows, each later one of the rows that changed and what depends on them:
 *
 *     rows that changed ─▶ values ─▶ services, plugins ─▶ routes that use them ─▶ router
 *
 * Everything else is the same object as before, so the time of a change does not grow with the configuration, except for
 * copies of maps. Changes that concern many routes, such as a plugin for all of them, are compiled in steps, and the
 * snapshot before serves requests meanwhile.
 */
import type { Balancer } from '../balancer/balancer.ts';
import { type Target, targetOf, type Upstream, upstreamOf } from '../balancer/upstream.ts';
import type { Entity } from '../ports/entity-store.ts';
import { type Criteria, type RoutingInput, routingInput } from '../routing/criteria.ts';
import { isMalformed, isPlain, normalizePath, octets, pathOf, textOf } from '../routing/path.ts';
import { emptyRouter, type Found, type Routed, type Router } from '../routing/router.ts';
import { balancersFor, type UsableService, usableServices } from './balanced-services.ts';
import {
  type CompiledRoute,
  type CompiledRows,
  type CompiledService,
  changesOf,
  closedPlugin,
  compilePlugin,
  compileRoute,
  compileRows,
  compileService,
  type Difference,
  type RowChanges,
} from './compile-rows.ts';
import { errorResponse } from './error-response.ts';
import type { MatchedRows, PluginDefinition, PluginTools } from './plugin.ts';
import { type CompiledPlugin, noPlugins, type PluginSelection } from './plugin-selection.ts';
import { rootEndpoints } from './root-endpoints.ts';
import { ambiguousPath, matched, type RouteTarget } from './route-target.ts';
import type { Snapshot } from './snapshot.ts';

/** The kinds of rows that a snapshot is compiled from. */
export const snapshotKinds = ['services', 'routes', 'plugins', 'upstreams', 'targets'] as const;
export type SnapshotKind = (typeof snapshotKinds)[number];

/** Rows as the Admin API shows them, complete with defaults. */
export type SnapshotRows = { readonly [kind in 'services' | 'routes' | 'plugins']: readonly Entity[] } & {
  readonly [kind in 'upstreams' | 'targets']?: readonly Entity[] | undefined;
};

/** Rows that changed since the snapshot before, by kind. */
export type SnapshotChanges = { readonly [kind in SnapshotKind]?: RowChanges | undefined };

export interface Compiling {
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

export type Configuration = SnapshotRows & Compiling;

/** All at once. */
export function compileSnapshot(configuration: Configuration): Snapshot {
  const steps = compileSteps(configuration, configuration);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** A snapshot of all these rows, in steps of about equal length, so that a gate can serve requests between them. */
export function* compileSteps(rows: SnapshotRows, compiling: Compiling): Generator<undefined, Snapshot> {
  const before = compilationOf(compiling);
  const changes: { [kind in SnapshotKind]?: RowChanges } = {};
  for (const kind of snapshotKinds) changes[kind] = yield* changesOf<unknown>(before[kind], rows[kind] ?? []);
  return yield* changeSteps(changes, compiling);
}

/** A snapshot of the rows of `previous` with these changes, in steps. */
export function* changeSteps(changes: SnapshotChanges, compiling: Compiling): Generator<undefined, Snapshot> {
  const before = compilationOf(compiling);
  const { definitions, tools } = compiling;
  const refuse = (kind: SnapshotKind) => (id: string, why: string) => {
    if (compiling.refused === undefined) throw new TypeError(`${kind} ${id}: ${why}`);
    compiling.refused(kind, id, why);
  };
  const changesIn = (kind: SnapshotKind): RowChanges => changes[kind] ?? new Map();

  const services = yield* compileRows(before.services, changesIn('services'), compileService, refuse('services'));
  const upstreams = yield* compileRows(before.upstreams, changesIn('upstreams'), upstreamOf, refuse('upstreams'));
  const targets = yield* compileRows(before.targets, changesIn('targets'), targetOf, refuse('targets'));
  const routes = yield* compileRows(before.routes, changesIn('routes'), compileRoute, refuse('routes'));
  const plugins = yield* compileRows(
    before.plugins,
    changesIn('plugins'),
    (row) => compilePlugin(row, definitions, tools),
    refuse('plugins'),
    (row) => closedPlugin(row, definitions),
  );

  const isBalancingSame = upstreams.changed.length + targets.changed.length === 0;
  const balancers = isBalancingSame ? before.balancers : balancersFor(upstreams.rows, targets.rows, before.balancers);
  const changedServices = services.changed.map(({ id }) => id);
  const { usable, changed: usableChanged } = usableServices(services.rows, changedServices, balancers, before);
  const selection = plugins.changed.length === 0 ? before.selection : before.selection.next(plugins.changed);
  const byService = routesByService(before.byService, routes.changed);

  const routeTargets = new Map(before.routeTargets);
  const withoutService = new Set(before.withoutService);
  const changedRoutes: string[] = [];
  let looked = 0;
  for (const id of affectedRoutes({ routes: routes.rows, byService }, routes.changed, usableChanged, plugins.changed)) {
    if (++looked % routesInStep === 0) yield undefined;
    const routeBefore = before.routes.get(id)?.value;
    const route = routes.rows.get(id)?.value;
    const targetBefore = before.routeTargets.get(id);
    const service = route?.serviceId === undefined ? undefined : usable.get(route.serviceId)?.service;
    const isMissing = route?.serviceId !== undefined && service === undefined;
    if (!isMissing) withoutService.delete(id);
    else if (!withoutService.has(id)) {
      withoutService.add(id);
      refuse('routes')(id, `service: ${route.serviceId} does not exist, or is refused itself`);
    }
    const target =
      route === undefined || isMissing || service?.enabled === false
        ? undefined
        : routeTarget(matchedRows(id, route, routes.rows, services.rows), route, service, selection, targetBefore);
    if (target === targetBefore && route === routeBefore) continue;
    if (target === undefined) routeTargets.delete(id);
    else routeTargets.set(id, target);
    changedRoutes.push(id);
  }
  const all = { routes: routes.rows, routeTargets };
  const router = yield* before.router.next(
    [...allRouted(before, ownCriteria, changedRoutes)],
    [...allRouted(all, ownCriteria, changedRoutes)],
  );
  const anyCase = yield* anyCaseRouter(before, all, changedRoutes);
  const snapshot = snapshotOf({ router, anyCase, balancers }, all);
  compilations.set(snapshot, {
    ...{ definitions, tools, services: services.rows, upstreams: upstreams.rows, targets: targets.rows },
    ...{ routes: routes.rows, plugins: plugins.rows, balancers, usable, selection },
    ...{ byService, routeTargets, withoutService, router, anyCase },
  });
  return snapshot;
}

/** Outside of the compilation: a function made there would keep its variables, so each snapshot would keep the one before. */
function snapshotOf(
  { router: { find }, anyCase, balancers }: Pick<Compilation, 'router' | 'anyCase' | 'balancers'>,
  routes: Routes,
): Snapshot {
  const atRoot = rootEndpoints(() => allRouted(routes, ownCriteria));
  return {
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
      if (found.target.strictPaths && isShadowed(found, input, anyCase)) return ambiguousPath(request);
      return matched(found.target, found.criteria, request, path, plain);
    },
    balancers,
  };
}

/**
 * Whether a path in another case would match another route of higher rank: an upstream that ignores case would serve what
 * that route protects.
 */
function isShadowed(
  { criteria, target }: Found<RouteTarget>,
  input: RoutingInput,
  anyCase: Router<RouteTarget> | undefined,
): boolean {
  const path = octets((textOf(input.path) ?? input.path).toLowerCase());
  const other = anyCase?.find({ ...input, path });
  return other !== undefined && other.target !== target && other.criteria.rank > criteria.rank;
}

const ownCriteria = ({ criteria }: CompiledRoute): readonly Criteria[] => criteria;
const criteriaInAnyCase = ({ anyCase }: CompiledRoute): readonly Criteria[] => anyCase();

type Routes = Pick<Compilation, 'routes' | 'routeTargets'>;

/** The next router for paths in lower case, of the routes that differ from `before`. */
function* anyCaseRouter(
  before: Compilation,
  all: Routes,
  changedRoutes: Iterable<string>,
): Generator<undefined, Router<RouteTarget> | undefined> {
  let isNeeded = false;
  for (const { strictPaths } of all.routeTargets.values()) isNeeded ||= strictPaths;
  if (!isNeeded) return undefined;
  if (before.anyCase === undefined)
    return yield* emptyRouter<RouteTarget>().next([], [...allRouted(all, criteriaInAnyCase)]);
  return yield* before.anyCase.next(
    [...allRouted(before, criteriaInAnyCase, changedRoutes)],
    [...allRouted(all, criteriaInAnyCase, changedRoutes)],
  );
}

function* allRouted(
  { routes, routeTargets }: Routes,
  criteriaOf: (route: CompiledRoute) => readonly Criteria[],
  ids: Iterable<string> = routeTargets.keys(),
): Generator<Routed<RouteTarget>, void> {
  for (const id of ids) {
    const route = routes.get(id)?.value;
    const target = routeTargets.get(id);
    if (route === undefined || target === undefined) continue;
    for (const [part, criteria] of criteriaOf(route).entries()) yield { id, part, criteria, target };
  }
}

/** What a snapshot was made of, for the one after it. */
interface Compilation {
  readonly definitions: ReadonlyMap<string, PluginDefinition>;
  readonly tools: PluginTools;
  readonly services: CompiledRows<CompiledService>;
  readonly upstreams: CompiledRows<Upstream>;
  readonly targets: CompiledRows<Target>;
  readonly routes: CompiledRows<CompiledRoute>;
  readonly plugins: CompiledRows<CompiledPlugin>;
  readonly balancers: ReadonlyMap<string, Balancer>;
  readonly usable: ReadonlyMap<string, UsableService>;
  readonly selection: PluginSelection;
  /** The ids of the routes of each service. */
  readonly byService: ReadonlyMap<string, ReadonlySet<string>>;
  readonly routeTargets: ReadonlyMap<string, RouteTarget>;
  /** Routes that were refused because their service does not exist. */
  readonly withoutService: ReadonlySet<string>;
  readonly router: Router<RouteTarget>;
  /** For paths in lower case; only if a route has `strict_paths`. */
  readonly anyCase: Router<RouteTarget> | undefined;
}

const compilations = new WeakMap<Snapshot, Compilation>();

/** How many routes make one step. */
const routesInStep = 100;

function compilationOf({ previous, definitions, tools }: Compiling): Compilation {
  const before = previous === undefined ? undefined : compilations.get(previous);
  if (before?.definitions === definitions && before.tools === tools) return before;
  return {
    ...{ definitions, tools, services: new Map(), upstreams: new Map(), targets: new Map() },
    ...{ routes: new Map(), plugins: new Map(), balancers: new Map(), usable: new Map(), selection: noPlugins },
    ...{
      byService: new Map(),
      routeTargets: new Map(),
      withoutService: new Set(),
      router: emptyRouter(),
      anyCase: undefined,
    },
  };
}

function routesByService(
  before: Compilation['byService'],
  changed: readonly Difference<CompiledRoute>[],
): Compilation['byService'] {
  const moved = changed.filter((one) => one.before?.serviceId !== one.after?.serviceId);
  if (moved.length === 0) return before;
  const byService = new Map(before);
  const copied = new Map<string, Set<string>>();
  const routesOf = (serviceId: string): Set<string> => {
    const there = copied.get(serviceId) ?? new Set(before.get(serviceId));
    copied.set(serviceId, there);
    byService.set(serviceId, there);
    return there;
  };
  for (const { id, before: one, after: other } of moved) {
    if (one?.serviceId !== undefined) routesOf(one.serviceId).delete(id);
    if (other?.serviceId !== undefined) routesOf(other.serviceId).add(id);
  }
  for (const [serviceId, there] of copied) if (there.size === 0) byService.delete(serviceId);
  return byService;
}

/** The ids of the routes that changed, or whose service or plugins did. */
function affectedRoutes(
  { routes, byService }: Pick<Compilation, 'routes' | 'byService'>,
  changedRoutes: readonly Difference<CompiledRoute>[],
  changedServices: readonly string[],
  changedPlugins: readonly Difference<CompiledPlugin>[],
): ReadonlySet<string> {
  const affected = new Set(changedRoutes.map(({ id }) => id));
  const addRoutesOf = (serviceId: string) => {
    for (const id of byService.get(serviceId) ?? []) affected.add(id);
  };
  for (const serviceId of changedServices) addRoutesOf(serviceId);
  for (const plugin of changedPlugins.flatMap(({ before, after }) => [before, after])) {
    if (plugin === undefined) continue;
    const { routeId, serviceId } = plugin.place;
    if (routeId !== undefined) affected.add(routeId);
    else if (serviceId !== undefined) addRoutesOf(serviceId);
    else return new Set([...affected, ...routes.keys()]);
  }
  return affected;
}

function matchedRows(
  id: string,
  { serviceId }: CompiledRoute,
  routes: CompiledRows<CompiledRoute>,
  services: CompiledRows<CompiledService>,
): MatchedRows {
  return { route: routes.get(id)!.row, service: serviceId === undefined ? undefined : services.get(serviceId)?.row };
}

function routeTarget(
  rows: MatchedRows,
  route: CompiledRoute,
  service: CompiledService | undefined,
  selection: PluginSelection,
  previous: RouteTarget | undefined,
): RouteTarget {
  const routeId = rows.route.id;
  const plugins = selection.of(routeId, service?.upstream.id, previous?.plugins);
  const isUnchanged =
    previous?.plugins === plugins && previous.service === service?.upstream && previous.protocols === route.protocols;
  if (isUnchanged) return previous;
  const { serviceId: _, criteria: __, anyCase: ___, ...behaviour } = route;
  return { ...behaviour, routeId, rows, service: service?.upstream, base: service?.base ?? '/', plugins };
}
