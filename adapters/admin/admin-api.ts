/**
 * The Admin API in the shape of Kong 3.9.1's: one Koa application over the entity store and the grants. The endpoints
 * come from the descriptions of the entities (src/entities); this file lets requests in, finds their endpoint and
 * prints what it says.
 */
import Koa from 'koa';
import { describeEntities } from '../../src/entities/entities.ts';
import type { PluginDescriptions } from '../../src/entities/plugins.ts';
import type { Announcements } from '../../src/ports/announcements.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { EntityKind, EntityStore } from '../../src/ports/entity-store.ts';
import type { Entropy } from '../../src/ports/entropy.ts';
import type { Grants } from '../../src/ports/grants.ts';
import { Unavailable } from '../../src/ports/unavailable.ts';
import { kindOf } from '../../src/schema/kind.ts';
import { apiEndpoints, type Call } from './apis/apis.ts';
import { readBody } from './body.ts';
import { withCertificateNames, withNames } from './certificate-names.ts';
import { type ConfigurationFile, configurationFileEndpoints } from './configuration-file.ts';
import { allowedMethods, type Endpoint, finder, type Method } from './endpoints.ts';
import { entityEndpoints } from './entity-endpoints.ts';
import { withExpiringRows } from './expiring-rows.ts';
import { gatekeeper } from './gatekeeping.ts';
import { withGrantRows } from './grant-rows.ts';
import { type HealthOptions, healthEndpoints } from './health.ts';
import { type Connections, informationEndpoints } from './information.ts';
import { withKeysJudged, withServerNames } from './keys.ts';
import { type AdminResponse, methodNotAllowed, notFound } from './response.ts';
import { rows } from './rows.ts';
import { schemaEndpoints } from './schemas.ts';
import { tagEndpoints } from './tags.ts';
import { targetEndpoints } from './targets.ts';

export interface AdminApiOptions {
  readonly store: EntityStore;
  readonly grants: Grants;
  /** Told of every change before it is answered. Left out where the stores announce by themselves. */
  readonly announcements?: Announcements;
  /** The plugins of this gate, by name. */
  readonly plugins: PluginDescriptions;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** The PHC form in which the secret of a client with `hash_secret` is kept. */
  readonly hashSecret: (secret: string) => Promise<string>;
  /** What callers must present, in `kong-admin-token` or as a bearer. Left out: nothing. */
  readonly token?: string;
  /** Names by which it is reached, beside loopback and the address it listens on. `*`: any. */
  readonly allowedHosts?: readonly string[];
  /** Bytes of a body; 10 MiB where nothing is said. */
  readonly bodyLimit?: number;
  readonly version: string;
  readonly nodeId: string;
  readonly connections: () => Connections;
  /** Who chooses among the targets of the upstream with this id. Left out, nothing is told of their health. */
  readonly balancerOf?: HealthOptions['balancerOf'];
  /** Who loads files. Left out, there is no `/config`. */
  readonly file?: ConfigurationFile;
  /** What was counted, in Prometheus' text format; left out, there is no `/metrics`. */
  readonly metrics?: () => string;
}

export function adminApi(options: AdminApiOptions): Koa {
  const { grants, clock, entropy, plugins, token, allowedHosts = [], bodyLimit = 10 * 1_048_576 } = options;
  const described = describeEntities(plugins);
  const certificates = withNames(described.get('certificates')!);
  const entities = new Map([...described].map(([name, it]) => [name, name === 'certificates' ? certificates : it]));
  const canExpire = ({ name }: EntityKind) => entities.get(name)?.fields['ttl'] !== undefined;
  const named = withCertificateNames(options.store, kindOf(entities.get('snis')!), { clock, entropy });
  const mortal = withExpiringRows(named, clock, canExpire);
  const store = withGrantRows(mortal, grants, clock, (name) => kindOf(entities.get(name)!));
  const { announcements, hashSecret } = options;
  const table = rows({ store, grants, announcements, entities, clock, entropy, hashSecret, file: options.file });

  const ofTargets = targetEndpoints(table, entities);
  const ofEntities = [
    ...ofTargets,
    ...entityEndpoints(table, entities).filter(({ path }) => !ofTargets.some((other) => other.path === path)),
  ];
  const endpoints: Endpoint[] = [
    ...ofEntities
      .map((endpoint) => withKeysJudged(table, entities, endpoint))
      .map((endpoint) => withServerNames(table, entities, entropy, endpoint)),
    ...(options.balancerOf === undefined
      ? []
      : healthEndpoints(table, entities, { balancerOf: options.balancerOf, nodeId: options.nodeId })),
    ...tagEndpoints(table, entities),
    ...schemaEndpoints(entities, plugins, clock, entropy),
    ...(options.file === undefined ? [] : configurationFileEndpoints(options.file)),
    ...informationEndpoints(options, store, entities, () => endpoints),
  ];
  /** A call of this very API, as an endpoint makes it. */
  const call: Call = async (method, target, sent = {}, form = false) => {
    const [path, query = ''] = target.split('?');
    const found = find(path!);
    const handler = found?.endpoint.methods[method];
    if (found === undefined || handler === undefined) return notFound;
    return handler({ keys: found.keys, query: new URLSearchParams(query), body: { form, sent } });
  };
  const find = finder([...endpoints, ...apiEndpoints(call)]);
  const turnAway = gatekeeper({ token, allowedHosts });

  async function responseTo(ctx: Koa.Context): Promise<AdminResponse> {
    const [path, ...query] = ctx.req.url!.split('?');
    const found = find(path!);
    if (found === undefined) return notFound;
    const { endpoint, keys } = found;
    if (ctx.method === 'OPTIONS') return optionsOf(endpoint);
    const method = (ctx.method === 'HEAD' ? 'GET' : ctx.method) as Method;
    const handler = Object.hasOwn(endpoint.methods, method) ? endpoint.methods[method] : undefined;
    if (handler === undefined) return methodNotAllowed;
    const parameters = new URLSearchParams(query.join('?'));
    if (method === 'GET' || method === 'DELETE') {
      return handler({ keys, query: parameters, body: { form: false, sent: {} } });
    }
    const read = await readBody(ctx.req, bodyLimit, endpoint);
    return 'refusal' in read ? read.refusal : handler({ keys, query: parameters, body: read.body });
  }

  const app = new Koa();
  app.use(async (ctx) => {
    const refusal = turnAway(ctx.req);
    if (refusal !== undefined) {
      // Whatever the body is, it stays unread.
      ctx.set('Connection', 'close');
      print(ctx, refusal);
      return;
    }
    ctx.set('Access-Control-Allow-Origin', '*');
    ctx.set('Access-Control-Allow-Credentials', 'true');
    try {
      print(ctx, await responseTo(ctx));
    } catch (error) {
      // Who has gone away in the middle of a request is no failure, and hears no answer.
      if (!ctx.req.complete && ctx.req.destroyed) return;
      ctx.app.emit('error', error, ctx);
      print(ctx, error instanceof Unavailable ? unavailable : unexpected);
    }
  });
  return app;
}

const unexpected: AdminResponse = { status: 500, body: { message: 'An unexpected error occurred' } };
const unavailable: AdminResponse = {
  status: 503,
  headers: { 'Retry-After': '1' },
  body: { message: 'The gate cannot reach its store; try again' },
};

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

function print(ctx: Koa.Context, { status, headers, body }: AdminResponse): void {
  ctx.status = status;
  ctx.set({ ...headers });
  if (body === undefined) ctx.body = null;
  else if (typeof body === 'string') ctx.body = body;
  else {
    ctx.set('Content-Type', 'application/json; charset=utf-8');
    ctx.body = JSON.stringify(body);
  }
  // A body of null makes it 204, whatever was said before.
  ctx.status = status;
}
