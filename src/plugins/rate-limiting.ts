/**
 * Kong's `rate-limiting`: limits the calls in a second, minute, hour, day, month or year, for each value of what
 * `limit_by` names. It runs after authentication. `guard_token_endpoint`, which Kong does not have, also counts requests
 * to the token endpoint, before a secret is verified.
 */

import type { Exchange, Handover, PluginPlace, PluginTools } from '../gateway/plugin.ts';
import type { DirectResponse } from '../gateway/proxied-request.ts';
import { readingsOf } from '../oauth/client.ts';
import { sha256Of } from '../oauth/hmac.ts';
import { profiles } from '../oauth/profile.ts';
import type { CountedWindow } from '../ports/counters.ts';
import { type Entity, referenceIn } from '../ports/entity-store.ts';
import { isPending, type MaybePromise, whenThere } from '../ports/maybe-promise.ts';
import { encodePath, octets } from '../routing/path.ts';
import type { Fields, JsonObject, NumberField } from '../schema/description.ts';
import { headerName, host, path, port } from '../schema/fields.ts';
import type { SettingsOf } from '../schema/settings.ts';
import { readClientAuthentication } from '../wire/client-authentication.ts';
import { readParameters } from '../wire/parameters.ts';
import { definePlugin } from './define-plugin.ts';
import type { EndpointHandover } from './oauth2.ts';
import { type Limits, type Period, periods, type Usage, usageOf, windowAt } from './rate-limit-windows.ts';
import { refuse, refuseBody } from './responses.ts';

const limit = (period: Period): NumberField => ({
  type: 'number',
  gt: 0,
  description: `Calls allowed in a ${period}.`,
});

// Kong's settings for Redis, which this gate does not use. They are accepted, so that a configuration of Kong loads.
const redis: Fields = ignored({
  host,
  port: { ...port, default: 6379 },
  timeout: { type: 'integer', between: [0, 2147483646], default: 2000 },
  username: { type: 'string' },
  password: { type: 'string', len_min: 0, encrypted: true },
  database: { type: 'integer', default: 0 },
  ssl: { type: 'boolean', required: false, default: false },
  ssl_verify: { type: 'boolean', required: false, default: false },
  server_name: { type: 'string' },
});

function ignored(fields: Fields): Fields {
  const description = 'Ignored: the policy redis is not supported.';
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, { ...field, description }]));
}

/** The same settings under older names. */
const formerRedis: Fields = Object.fromEntries(Object.entries(redis).map(([name, field]) => [`redis_${name}`, field]));

const settings = {
  second: limit('second'),
  minute: limit('minute'),
  hour: limit('hour'),
  day: limit('day'),
  month: limit('month'),
  year: limit('year'),
  limit_by: {
    type: 'string',
    default: 'consumer',
    one_of: ['consumer', 'credential', 'ip', 'service', 'header', 'path'],
    description: 'The property that identifies a caller. Falls back to the client address.',
  },
  header_name: { ...headerName, description: 'The header for `limit_by: header`.' },
  path: { ...path, description: 'The path for `limit_by: path`.' },
  policy: {
    type: 'string',
    default: 'local',
    one_of: ['local', 'cluster', 'redis'],
    check: (policy) =>
      policy === 'redis' ? "'redis' is not supported; 'cluster' counts over all gates that share a store" : undefined,
    description: 'local: counts on this machine. cluster: counts in the store, over all gates.',
  },
  fault_tolerant: {
    type: 'boolean',
    required: true,
    default: true,
    description: 'Lets calls pass when they cannot be counted. Otherwise the response is 503.',
  },
  redis: { type: 'record', required: true, fields: redis, description: 'Ignored: the policy redis is not supported.' },
  ...formerRedis,
  hide_client_headers: {
    type: 'boolean',
    required: true,
    default: false,
    description: 'Sends no rate limit headers to clients.',
  },
  error_code: {
    type: 'number',
    default: 429,
    gt: 0,
    check: (code) =>
      Number.isInteger(code) && code >= 400 && code <= 599 ? undefined : 'value must be an integer between 400 and 599',
    description: 'The status of the error response.',
  },
  error_message: {
    type: 'string',
    default: 'API rate limit exceeded',
    description: 'The message of the error response.',
  },
  sync_rate: {
    type: 'number',
    required: true,
    default: -1,
    description: 'Ignored: every call is counted immediately.',
  },
  guard_token_endpoint: {
    type: 'boolean',
    unlessSet: 'absent',
    description: 'Also counts requests to the token endpoint of the same route, by client and address.',
  },
} as const satisfies Fields;
type Settings = SettingsOf<typeof settings>;

export const rateLimiting = definePlugin({
  name: 'rate-limiting',
  priority: 910,
  authenticates: false,
  settings,
  settingsRules: { check: checkOrder },
  entity_checks: [
    { at_least_one_of: periods.map((period) => `config.${period}`) },
    {
      conditional: {
        if_field: 'config.limit_by',
        if_match: { eq: 'header' },
        then_field: 'config.header_name',
        then_match: { required: true },
      },
    },
    {
      conditional: {
        if_field: 'config.limit_by',
        if_match: { eq: 'path' },
        then_field: 'config.path',
        then_match: { required: true },
      },
    },
  ],
  compile(settings, place, tools) {
    const limits: Limits = periods.flatMap((period) => {
      const calls = settings[period];
      return calls === null ? [] : [{ period, limit: calls }];
    });
    const here = `${place.routeId ?? ''} ${place.serviceId ?? ''} ${place.consumerId ?? ''}`;
    const usages = new WeakMap<Exchange, Usage>();

    function count(exchange: Exchange, caller: string): MaybePromise<DirectResponse | undefined> {
      const now = tools.now();
      const windows = limits.map(({ period, limit }) => ({ ...windowAt(period, now), limit }));
      return whenThere(counted(`${here} ${caller}`, windows, settings, place, tools), (before) => {
        if (before === undefined) return undefined;
        const usage = usageOf(windows, before);
        if (!settings.hide_client_headers) usages.set(exchange, usage);
        if (!usage.exceeded) return undefined;
        const headers: DirectResponse['headers'] = settings.hide_client_headers
          ? []
          : [['Retry-After', String(secondsLeft(usage.tightest, now))]];
        return refuse(exchange, 'rate_limited', settings.error_code, settings.error_message, headers);
      });
    }

    return {
      access: (exchange) => count(exchange, callerKey(settings, exchange)),

      ...(settings.guard_token_endpoint === true && {
        handover(exchange: Exchange, handover: Handover): MaybePromise<DirectResponse | undefined> {
          if (handover.handover !== 'token') return undefined;
          const { request } = handover.to as EndpointHandover;
          return whenThere(exchange.request.readBody(largestBody), (body) => {
            if (body === undefined) return refuseBody(exchange);
            return whenThere(clientKey(settings, exchange, { ...request, body }, tools), (client) =>
              count(exchange, `token ${client}`),
            );
          });
        },
      }),

      ...(!settings.hide_client_headers && {
        respond(exchange, head) {
          const usage = usages.get(exchange);
          if (usage === undefined) return;
          for (const { name, limit, remaining } of usage.windows) {
            const period = name[0]!.toUpperCase() + name.slice(1);
            head.setHeader(`X-RateLimit-Limit-${period}`, String(limit));
            head.setHeader(`X-RateLimit-Remaining-${period}`, String(remaining));
          }
          const { tightest } = usage;
          head.setHeader('RateLimit-Limit', String(tightest.limit));
          head.setHeader('RateLimit-Remaining', String(tightest.remaining));
          head.setHeader('RateLimit-Reset', String(secondsLeft(tightest, tools.now())));
        },
      }),
    };
  },
});

/** A body of the token endpoint is read up to this size. Usual ones have a few kilobytes. */
const largestBody = 1_048_576;

function secondsLeft({ until }: CountedWindow, now: number): number {
  return Math.max(1, Math.ceil((until - now) / 1000));
}

/** `undefined`: the call could not be counted, and `fault_tolerant` lets it pass. */
function counted(
  key: string,
  windows: readonly CountedWindow[],
  { fault_tolerant: isTolerant, policy }: Settings,
  place: PluginPlace,
  tools: PluginTools,
): MaybePromise<readonly number[] | undefined> {
  const counters = policy === 'cluster' ? tools.counters.cluster : tools.counters.local;
  if (!isTolerant) return counters.count(key, windows);
  const pass = (error: unknown): undefined => {
    tools.failed(error, place);
    return undefined;
  };
  try {
    const counts = counters.count(key, windows);
    return isPending(counts) ? counts.then((before) => before, pass) : counts;
  } catch (error) {
    return pass(error);
  }
}

/** The key under which a caller is counted. Each kind has its own prefix, so that a header cannot name another caller. */
function callerKey(settings: Settings, exchange: Exchange): string {
  const { identity, request } = exchange;
  switch (settings.limit_by) {
    case 'consumer': {
      const consumerId = identity?.consumer?.id;
      return consumerId === undefined ? byCredential(exchange) : `consumer ${consumerId}`;
    }
    case 'credential':
      return byCredential(exchange);
    case 'service':
      return exchange.serviceId === undefined ? byAddress(exchange) : `service ${exchange.serviceId}`;
    case 'header': {
      const value = request.headerValues((settings.header_name ?? '').toLowerCase())[0];
      if (value === undefined) return byAddress(exchange);
      // Keys stay in memory, so their length is limited.
      return value.length <= longest ? `header ${value}` : `header sha256 ${sha256Of(Buffer.from(value, 'latin1'))}`;
    }
    case 'path':
      return exchange.path === encodePath(octets(settings.path ?? '')) ? `path ${exchange.path}` : byAddress(exchange);
    default:
      return byAddress(exchange);
  }
}

const longest = 64;

function byCredential(exchange: Exchange): string {
  const credentialId = exchange.identity?.credential?.id;
  return credentialId === undefined ? byAddress(exchange) : `credential ${credentialId}`;
}

function byAddress({ clientAddress }: Exchange): string {
  return `ip ${clientAddress}`;
}

/**
 * The key under which a request to the token endpoint is counted. The client is not authenticated yet, so a registered
 * client counts together with the address: other callers cannot use up its calls. Unknown clients count for the address
 * alone, since a caller can invent any number of them.
 */
function clientKey(
  settings: Settings,
  exchange: Exchange,
  request: EndpointHandover['request'] & { readonly body: Uint8Array },
  tools: PluginTools,
): MaybePromise<string> {
  if (settings.limit_by !== 'consumer' && settings.limit_by !== 'credential') return callerKey(settings, exchange);
  const address = byAddress(exchange);
  const read = readParameters(profiles.kong, new Set(), request);
  if (!('parameters' in read)) return address;
  const client = readClientAuthentication(profiles.kong, read.parameters, request.authorization, undefined);
  if ('reason' in client) return address;
  const ids = new Set(readingsOf(client).flatMap(({ clientId }) => clientId ?? []));
  const firstOf = ([id, ...others]: readonly string[]): MaybePromise<Entity | undefined> =>
    id === undefined
      ? undefined
      : whenThere(tools.records.findBy('oauth2_credentials', 'client_id', id), (row) => row ?? firstOf(others));
  return whenThere(firstOf([...ids]), (row) => {
    if (row === undefined) return address;
    const owner =
      settings.limit_by === 'consumer' ? `consumer ${referenceIn(row, 'consumer')}` : `credential ${row.id}`;
    return `${owner} ${address}`;
  });
}

/** A longer window must not allow fewer calls than a shorter one. */
function checkOrder(config: JsonObject): string | undefined {
  for (const [i, shorter] of periods.entries()) {
    for (const longer of periods.slice(i + 1)) {
      const [few, many] = [config[longer], config[shorter]];
      if (typeof few === 'number' && typeof many === 'number' && few < many) {
        return `The limit for ${longer}(${few.toFixed(1)}) cannot be lower than the limit for ${shorter}(${many.toFixed(1)})`;
      }
    }
  }
  return undefined;
}
