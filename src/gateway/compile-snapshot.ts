import { type BalancedTarget, Balancer } from '../balancer/balancer.ts';
import { targetOf as readTarget, type Target, type Upstream, upstreamOf } from '../balancer/upstream.ts';
import { type Entity, referenceIn, sameRow } from '../ports/entity-store.ts';
import { flag, listOrNull, listsOrNull, number, object, text, textOrNull } from '../records/rows.ts';
import { type Criteria, criteriaOf, routingInput } from '../routing/criteria.ts';
import { encodePath, isMalformed, isPlain, normalizePath, octets, pathOf } from '../routing/path.ts';
import { type Routed, router } from '../routing/router.ts';
import { errorResponse } from './error-response.ts';
import type { PluginDefinition, PluginHooks, PluginTools } from './plugin.ts';
import { type CompiledPlugin, type PluginSelection, selectPlugins } from './plugin-selection.ts';
import type { DirectResponse, ProxiedRequest } from './proxied-request.ts';
import { matched, type RouteTarget } from './route-target.ts';
import type { Match, Snapshot, UpstreamService } from './snapshot.ts';

/**
 * From the rows an operator wrote to the snapshot that requests look at. Only rows that say something else than before
 * are compiled; routes, plugins and the lists of hooks that did not change are taken over.
 */
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
  /** The one before, made with the same definitions and tools. */
  readonly previous?: Snapshot | undefined;
  /**
   * Told once of a row that cannot be compiled, while all others hold. A route is left out then; where a plugin should
   * run that cannot, every request is answered 503, so that no mistake opens a door. Without this, it is thrown.
   */
  readonly refused?: ((kind: string, id: string, why: string) => void) | undefined;
}

export function compileSnapshot(configuration: Configuration): Snapshot {
  const { definitions, tools, refused } = configuration;
  const before = configuration.previous === undefined ? undefined : compilations.get(configuration.previous);
  const previous = before?.definitions === definitions && before.tools === tools ? before : undefined;
  const refuse = (kind: string, id: string, why: string) => {
    if (refused === undefined) throw new TypeError(`${kind} ${id}: ${why}`);
    refused(kind, id, why);
  };
  const each = <T>(
    kind: string,
    rows: readonly Entity[],
    known: ReadonlyMap<string, Compiled<T>> | undefined,
    compile: (row: Entity) => T,
    instead: (row: Entity) => T | undefined,
  ): Map<string, Compiled<T>> => {
    const all = new Map<string, Compiled<T>>();
    for (const row of rows) {
      const kept = known?.get(row.id);
      if (kept !== undefined && sameRow(kept.row, row)) all.set(row.id, kept);
      else {
        try {
          all.set(row.id, { row, compiled: compile(row) });
        } catch (error) {
          refuse(kind, row.id, error instanceof Error ? error.message : String(error));
          all.set(row.id, { row, compiled: instead(row) });
        }
      }
    }
    return all;
  };
  const none = () => undefined;
  const services = each('services', configuration.services, previous?.services, compiledService, none);
  const upstreams = each('upstreams', configuration.upstreams ?? [], previous?.upstreams, upstreamOf, none);
  const targetsOfUpstreams = each(
    'targets',
    configuration.targets ?? [],
    previous?.targetsOfUpstreams,
    readTarget,
    none,
  );
  const balancers = balancersOf(upstreams, targetsOfUpstreams, previous?.balancers);
  const byName = new Map([...balancers.values()].map((balancer) => [balancer.upstream.name, balancer]));
  const balanced = new Map<string, Balanced>();
  const serviceOf = (id: string): CompiledService | undefined => {
    const service = services.get(id)?.compiled;
    const balancer = service === undefined ? undefined : byName.get(service.upstream.host);
    if (service === undefined || balancer === undefined) return service;
    const kept = balanced.get(id) ?? previous?.balanced.get(id);
    const holds = kept?.by === balancer && kept.of === service;
    const found = holds ? kept : { by: balancer, of: service, service: balancedService(service, balancer) };
    balanced.set(id, found);
    return found.service;
  };
  const routes = each('routes', configuration.routes, previous?.routes, compiledRoute, none);
  const plugins = each(
    'plugins',
    configuration.plugins,
    previous?.plugins,
    (row) => compiledPlugin(row, definitions, tools),
    (row) => closedPlugin(row, definitions),
  );

  const running = [...plugins.values()]
    .map(({ compiled }) => compiled?.plugin)
    .filter((plugin) => plugin !== undefined);
  const selection = selectPlugins(running, previous?.selection);
  const targets = new Map<string, RouteTarget>();
  const dangling = new Set<string>();
  const routed: Routed<RouteTarget>[] = [];
  for (const [id, { compiled: route }] of routes) {
    if (route === undefined) continue;
    const service = route.serviceId === undefined ? undefined : serviceOf(route.serviceId);
    if (route.serviceId !== undefined && service === undefined) {
      dangling.add(id);
      if (!previous?.dangling.has(id)) refuse('routes', id, `service: ${route.serviceId} is not there, or not usable`);
    } else if (route.criteria.length > 0 && service?.enabled !== false) {
      const target = targetOf(id, route, service, selection, previous?.targets.get(id));
      targets.set(id, target);
      for (const criteria of route.criteria) routed.push({ id, criteria, target });
    }
  }

  const { find } = router(routed);
  const atRoot = rootEndpoints([...targets.values()], routes);
  const snapshot: Snapshot = {
    match(request) {
      const sent = pathOf(request.target);
      const plain = isPlain(sent);
      if (!plain && isMalformed(sent)) return errorResponse(request, 400, 'Bad request', { otherwise: 'text' });
      const path = plain ? sent : normalizePath(sent);
      const found = find(routingInput(request, path));
      if (found === undefined) {
        return atRoot(request, path) ?? errorResponse(request, 404, 'no Route matched with those values');
      }
      return matched(found.target, found.criteria, request, path, plain);
    },
    balancers,
  };
  compilations.set(snapshot, {
    definitions,
    tools,
    services,
    upstreams,
    targetsOfUpstreams,
    balancers,
    balanced,
    plugins,
    routes,
    selection,
    targets,
    dangling,
  });
  return snapshot;
}

/**
 * The endpoints of an authorization server at the root of the gate, `/oauth2/token` and its like, for requests that no
 * route takes: tutorials name them so. With several servers nobody can know which one is meant; the choices are listed.
 */
function rootEndpoints(
  targets: readonly RouteTarget[],
  routes: ReadonlyMap<string, Compiled<CompiledRoute>>,
): (request: ProxiedRequest, path: string) => Match | DirectResponse | undefined {
  const servers = new Map<string, RouteTarget[]>();
  for (const target of targets) {
    for (const { issues } of target.plugins.hooks) {
      if (issues === undefined) continue;
      const key = `${issues} ${target.service?.id}`;
      servers.set(key, [...(servers.get(key) ?? []), target]);
    }
  }
  return (request, path) => {
    if (servers.size === 0 || !/^\/oauth2\/(?:token|authorize|tokens)\/?$/.test(path)) return undefined;
    if (servers.size > 1) {
      const choices = [...servers.values()].flat().map(({ routeId }) => placeText(routes.get(routeId)?.row) + path);
      const body = {
        error: 'invalid_request',
        error_description: 'Several authorization servers could be meant: call one of the choices',
        choices: [...new Set(choices)].sort(),
      };
      return {
        status: 400,
        headers: [['Content-Type', 'application/json; charset=utf-8']],
        body: JSON.stringify(body),
      };
    }
    const [[target]] = [...servers.values()] as [[RouteTarget]];
    return {
      routeId: target.routeId,
      service: target.service,
      path,
      upstreamTarget: request.target,
      strippedPrefix: undefined,
      preserveHost: target.preserveHost,
      hooks: target.plugins.hooks,
      authenticates: target.plugins.authenticates,
      captures: undefined,
    };
  };
}

/** How a route is reached, as far as its first host and path say so. */
function placeText(row: Entity | undefined): string {
  if (row === undefined) return '';
  const host = listOrNull(row, 'hosts')?.[0] ?? '';
  const path = listOrNull(row, 'paths')?.find((path) => !path.startsWith('~')) ?? '';
  return `${host === '' ? '' : `//${host}`}${path.replace(/\/$/, '')}`;
}

/** What a snapshot was made of. */
interface Compilation {
  readonly definitions: ReadonlyMap<string, PluginDefinition>;
  readonly tools: PluginTools;
  readonly services: ReadonlyMap<string, Compiled<CompiledService>>;
  readonly upstreams: ReadonlyMap<string, Compiled<Upstream>>;
  readonly targetsOfUpstreams: ReadonlyMap<string, Compiled<Target>>;
  readonly balancers: ReadonlyMap<string, Balancer>;
  readonly balanced: ReadonlyMap<string, Balanced>;
  readonly plugins: ReadonlyMap<string, Compiled<PluginRow>>;
  readonly routes: ReadonlyMap<string, Compiled<CompiledRoute>>;
  readonly selection: PluginSelection;
  readonly targets: ReadonlyMap<string, RouteTarget>;
  /** Routes whose service is not there. */
  readonly dangling: ReadonlySet<string>;
}

const compilations = new WeakMap<Snapshot, Compilation>();

interface Compiled<T> {
  readonly row: Entity;
  /** `undefined`: it was refused. */
  readonly compiled: T | undefined;
}

interface CompiledService {
  readonly upstream: UpstreamService;
  readonly base: string;
  readonly enabled: boolean;
}

function compiledService(row: Entity): CompiledService {
  const caCertificates = listOrNull(row, 'ca_certificates');
  const clientCertificate = referenceIn(row, 'client_certificate');
  return {
    upstream: {
      id: row.id,
      name: textOrNull(row, 'name') ?? undefined,
      protocol: text(row, 'protocol') as UpstreamService['protocol'],
      host: text(row, 'host'),
      port: number(row, 'port', 80),
      retries: number(row, 'retries', 5),
      connectTimeout: number(row, 'connect_timeout', 60_000),
      writeTimeout: number(row, 'write_timeout', 60_000),
      readTimeout: number(row, 'read_timeout', 60_000),
      tlsVerify: (row['tls_verify'] ?? null) === null ? undefined : flag(row, 'tls_verify', false),
      ...(caCertificates === null ? {} : { caCertificates }),
      ...(clientCertificate === undefined ? {} : { clientCertificate }),
    },
    base: encodePath(octets(textOrNull(row, 'path') ?? '/')),
    enabled: flag(row, 'enabled', true),
  };
}

/** One for each upstream, by its id; the one before, if neither the upstream nor any of its targets says something else. */
function balancersOf(
  upstreams: ReadonlyMap<string, Compiled<Upstream>>,
  targets: ReadonlyMap<string, Compiled<Target>>,
  known: ReadonlyMap<string, Balancer> | undefined,
): ReadonlyMap<string, Balancer> {
  const members = new Map<string, Target[]>();
  for (const { compiled: target } of targets.values()) {
    if (target === undefined) continue;
    const list = members.get(target.upstreamId);
    if (list === undefined) members.set(target.upstreamId, [target]);
    else list.push(target);
  }
  const balancers = new Map<string, Balancer>();
  for (const [id, { compiled: upstream }] of upstreams) {
    if (upstream === undefined) continue;
    const list = (members.get(id) ?? []).sort((one, other) => (one.id < other.id ? -1 : 1));
    const before = known?.get(id);
    const holds =
      before?.upstream === upstream &&
      before.members.length === list.length &&
      list.every((target, at) => target === before.members[at]);
    balancers.set(id, holds ? before : new Balancer(upstream, list, before));
  }
  return balancers;
}

interface Balanced {
  readonly by: Balancer;
  readonly of: CompiledService;
  readonly service: CompiledService;
}

function balancedService(service: CompiledService, balancer: Balancer): CompiledService {
  const known = new Map<BalancedTarget, UpstreamService>();
  const shown = service.upstream.clientCertificate ?? balancer.upstream.clientCertificate;
  const at = (target: BalancedTarget): UpstreamService => {
    let there = known.get(target);
    if (there === undefined) {
      const { host, port } = target;
      there = { ...service.upstream, host, port, ...(shown === undefined ? {} : { clientCertificate: shown }) };
      known.set(target, there);
    }
    return there;
  };
  return { ...service, upstream: { ...service.upstream, balancing: { balancer, at } } };
}

interface PluginRow {
  /** `undefined`: switched off, or only for protocols that are not HTTP. */
  readonly plugin: CompiledPlugin | undefined;
}

function compiledPlugin(
  row: Entity,
  definitions: ReadonlyMap<string, PluginDefinition>,
  tools: PluginTools,
): PluginRow {
  if (!runs(row)) return { plugin: undefined };
  const name = text(row, 'name');
  const definition = definitions.get(name);
  if (definition === undefined) throw new TypeError(`name: there is no plugin ${JSON.stringify(name)}`);
  const place = placeOf(row);
  return { plugin: { definition, place, hooks: definition.compile(object(row, 'config'), place, tools) } };
}

/** What stands in the place of a plugin that cannot run: nobody passes. */
function closedPlugin(row: Entity, definitions: ReadonlyMap<string, PluginDefinition>): PluginRow {
  const name = String(row['name']);
  const hooks: PluginHooks = {
    access: ({ request }) => errorResponse(request, 503, 'a plugin of this route cannot be used'),
  };
  const unknown = { name, priority: Number.NEGATIVE_INFINITY, authenticates: true, compile: () => hooks };
  return { plugin: { definition: definitions.get(name) ?? unknown, place: placeOf(row), hooks } };
}

function runs(row: Entity): boolean {
  return flag(row, 'enabled', true) && (listOrNull(row, 'protocols') ?? ['http']).some(isHttp);
}

function placeOf(row: Entity): CompiledPlugin['place'] {
  return {
    pluginId: row.id,
    routeId: referenceIn(row, 'route'),
    serviceId: referenceIn(row, 'service'),
    consumerId: referenceIn(row, 'consumer'),
  };
}

interface CompiledRoute extends Omit<RouteTarget, 'routeId' | 'service' | 'base' | 'plugins'> {
  readonly serviceId: string | undefined;
  /** None for a route of streams (tcp, tls, udp), which no HTTP request is for. */
  readonly criteria: readonly Criteria[];
}

function compiledRoute(row: Entity): CompiledRoute {
  const protocols = listOrNull(row, 'protocols') ?? ['http', 'https'];
  const fields = {
    methods: listOrNull(row, 'methods'),
    hosts: listOrNull(row, 'hosts'),
    paths: listOrNull(row, 'paths'),
    headers: listsOrNull(row, 'headers'),
    snis: listOrNull(row, 'snis'),
    regexPriority: number(row, 'regex_priority', 0),
  };
  return {
    serviceId: referenceIn(row, 'service'),
    criteria: protocols.some(isHttp) ? criteriaOf(fields) : [],
    protocols: new Set(protocols),
    stripPath: flag(row, 'strip_path', true),
    preserveHost: flag(row, 'preserve_host', false),
    httpsRedirect: number(row, 'https_redirect_status_code', 426),
  };
}

function isHttp(protocol: string): boolean {
  return ['http', 'https', 'grpc', 'grpcs', 'ws', 'wss'].includes(protocol);
}

function targetOf(
  routeId: string,
  route: CompiledRoute,
  service: CompiledService | undefined,
  selection: PluginSelection,
  known: RouteTarget | undefined,
): RouteTarget {
  const plugins = selection.of(routeId, service?.upstream.id);
  if (known?.plugins === plugins && known.service === service?.upstream && known.protocols === route.protocols) {
    return known;
  }
  const { protocols, stripPath, preserveHost, httpsRedirect } = route;
  const base = service?.base ?? '/';
  return { routeId, service: service?.upstream, base, stripPath, preserveHost, protocols, httpsRedirect, plugins };
}
