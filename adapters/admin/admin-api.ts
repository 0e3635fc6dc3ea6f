/**
 * The Admin API in the shape of Kong 3.9.1's: one Koa application over the entity store and the grants. Most endpoints
 * come from the descriptions of the entities (src/entities). This file admits requests, routes them and prints the
 * responses.
 */
import Router, { type RouterContext } from '@koa/router';
import Koa from 'koa';
import { describeEntities } from '../../src/entities/entities.ts';
import type { PluginDescriptions } from '../../src/entities/plugins.ts';
import type { ConnectionCounts } from '../../src/gateway/connection-counts.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { EntityStore } from '../../src/ports/entity-store.ts';
import type { Entropy } from '../../src/ports/entropy.ts';
import type { Grants } from '../../src/ports/grants.ts';
import { Unavailable } from '../../src/ports/unavailable.ts';
import { apiEndpoints, type Call } from './apis/apis.ts';
import { readBody } from './body.ts';
import { type ConfigurationFile, configurationFileEndpoints } from './configuration-file.ts';
import { allowedMethods, type Endpoint, keyNames, type Method, methodsOf, routePath } from './endpoints.ts';
import { entityEndpoints } from './entity-endpoints.ts';
import { gatekeeper } from './gatekeeping.ts';
import { type HealthOptions, healthEndpoints } from './health.ts';
import { kindHooks } from './hook-table.ts';
import { informationEndpoints } from './information.ts';
import { withKeysRead } from './keys.ts';
import { hookedStore, withHookedFields } from './kind-hooks.ts';
import { type AdminResponse, message, methodNotAllowed, notFound } from './response.ts';
import { rows } from './rows.ts';
import type { RuntimeSettings } from './runtime-settings.ts';
import { schemaEndpoints } from './schemas.ts';
import { tagEndpoints } from './tags.ts';
import { targetEndpoints } from './targets.ts';

export interface AdminApiOptions {
  /** This store and `grants` announce each change before they return (src/records/announcing.ts). */
  readonly store: EntityStore;
  readonly grants: Grants;
  /** The plugins of this gate, by name. */
  readonly plugins: PluginDescriptions;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Hashes the secret of a client with `hash_secret`, as a PHC string. */
  readonly hashSecret: (secret: string) => Promise<string>;
  /** Clients must present it, in `kong-admin-token` or as a bearer token. Absent: none is required. */
  readonly token?: string;
  /** Host names of the Admin API, in addition to loopback and the address that it listens on. `*`: any. */
  readonly allowedHosts: readonly string[];
  readonly version: string;
  readonly settings: RuntimeSettings;
  readonly nodeId: string;
  readonly connections: () => ConnectionCounts;
  /** The balancer of the upstream with this id. */
  readonly balancerOf: HealthOptions['balancerOf'];
  /** Loads configuration files. */
  readonly file: ConfigurationFile;
  /** Milliseconds to wait for the next piece of a body. */
  readonly bodyTime?: number;
  /** The counters in Prometheus' text format. */
  readonly metrics: () => string;
}

export function adminApi(options: AdminApiOptions): Koa {
  const { clock, entropy, plugins, file, token, allowedHosts, hashSecret } = options;
  const described = describeEntities(plugins);
  const hooks = kindHooks(options, described);
  const entities = withHookedFields(described, hooks);
  const store = hookedStore(options.store, hooks);
  const table = rows({ store, hooks, entities, clock, entropy, hashSecret, file });

  const endpoints: Endpoint[] = [
    ...informationEndpoints(options, store, entities, () => endpoints),
    ...schemaEndpoints(entities, plugins, clock, entropy),
    ...tagEndpoints(table, entities),
    ...configurationFileEndpoints(file),
    ...healthEndpoints(table, entities, options),
    ...[...targetEndpoints(table, entities), ...entityEndpoints(table, entities)].map((endpoint) =>
      withKeysRead(table, entities, hooks, endpoint),
    ),
  ];
  // The first of two endpoints with one path counts, as in the router.
  const byPath = new Map(endpoints.toReversed().map((endpoint) => [endpoint.path, endpoint]));
  const call: Call = async (method, path, { keys, query = '', sent = {}, form = false }) =>
    byPath.get(path)!.methods[method]!({ keys, query: new URLSearchParams(query), body: { form, sent } });

  const refusalOf = gatekeeper({ token, allowedHosts });
  const app = new Koa();
  app.use(async (ctx, next) => {
    const start = clock.now();
    await next();
    if (!options.settings.headers.adminLatency) return;
    ctx.set('X-Kong-Admin-Latency', String(Math.max(0, Math.round(clock.now() - start))));
  });
  app.use(async (ctx, next) => {
    const refusal = refusalOf(ctx.req);
    if (refusal !== undefined) {
      // The body stays unread.
      ctx.set('Connection', 'close');
      print(ctx, refusal);
      return;
    }
    ctx.set('Access-Control-Allow-Origin', '*');
    ctx.set('Access-Control-Allow-Credentials', 'true');
    // @koa/router would accept an absolute URI and ignore its host, which the gatekeeper has not checked.
    if (ctx.req.url?.startsWith('/') !== true) {
      print(ctx, notFound);
      return;
    }
    // "URIs that differ in the replacement of an unreserved character with its corresponding percent-encoded US-ASCII
    // octet are equivalent" (RFC 3986 §2.3)
    ctx.path = ctx.path.replace(/%(?:2[DE]|5F|7E|3\d|[46][1-9A-F]|[57][0-9A])/gi, decodeURIComponent);
    try {
      await next();
    } catch (error) {
      // A client that disconnects during a request is not an error and gets no response.
      if (!ctx.req.complete && ctx.req.destroyed) return;
      ctx.app.emit('error', error, ctx);
      print(ctx, error instanceof Unavailable ? unavailable : unexpected);
    }
  });
  app.use(routerOf([...endpoints, ...apiEndpoints(call)], options.bodyTime).routes());
  app.use((ctx) => print(ctx, notFound));
  return app;
}

/** Of two endpoints that match a path, the first one handles it: a fixed segment comes before a key. */
function routerOf(endpoints: readonly Endpoint[], bodyTime: number | undefined): Router {
  const router = new Router({ sensitive: true });
  for (const endpoint of endpoints) {
    const path = routePath(endpoint.path);
    for (const [method] of methodsOf(endpoint)) {
      router.register(path, [method], async (ctx) => print(ctx, await responseTo(ctx, endpoint, method, bodyTime)));
    }
    router.options(path, (ctx) => print(ctx, optionsOf(endpoint)));
    router.all(path, (ctx) => print(ctx, methodNotAllowed));
  }
  return router;
}

async function responseTo(
  ctx: RouterContext,
  endpoint: Endpoint,
  method: Method,
  time: number | undefined,
): Promise<AdminResponse> {
  const handler = endpoint.methods[method]!;
  const keys = keyNames(endpoint.path).map((name) => ctx.params[name]!);
  const query = new URLSearchParams(ctx.querystring);
  if (method === 'GET' || method === 'DELETE') return handler({ keys, query, body: { form: false, sent: {} } });
  const read = await readBody(ctx.req, { ...endpoint, time });
  return 'refusal' in read ? read.refusal : handler({ keys, query, body: read.body });
}

const unexpected = message(500, 'An unexpected error occurred');
const unavailable = message(503, 'The gate cannot reach its store; try again', { 'Retry-After': '1' });

function optionsOf(endpoint: Endpoint): AdminResponse {
  const allowed = allowedMethods(endpoint);
  return {
    status: 204,
    headers: {
      Allow: allowed,
      'Access-Control-Allow-Methods': allowed,
      'Access-Control-Allow-Headers': 'Content-Type',
    },
  };
}

function print(ctx: Pick<Koa.Context, 'status' | 'set' | 'body'>, { status, headers, body }: AdminResponse): void {
  ctx.status = status;
  ctx.set({ ...headers });
  if (body === undefined) ctx.body = null;
  else if (typeof body === 'string') ctx.body = body;
  else {
    ctx.set('Content-Type', 'application/json; charset=utf-8');
    ctx.body = JSON.stringify(body);
  }
  // Koa changes the status to 204 when the body is null.
  ctx.status = status;
}
