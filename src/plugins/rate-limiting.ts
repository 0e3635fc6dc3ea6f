/**
 * Kong's `rate-limiting`: so many calls in a second, minute, hour, day, month or year, for each of whatever `limit_by`
 * tells callers apart by. It runs when the caller is known; `guard_token_endpoint`, which is ours, lets it count at the
 * token endpoint, too, before a single secret is looked at.
 */

import { errorResponse } from '../gateway/error-response.ts';
import type { Exchange, Handover, Plugin, PluginPlace, PluginTools } from '../gateway/plugin.ts';
import type { DirectResponse } from '../gateway/proxied-request.ts';
import { sha256Of } from '../oauth/hmac.ts';
import { profiles } from '../oauth/profile.ts';
import type { CountedWindow, Counters } from '../ports/counters.ts';
import { isPending, type MaybePromise, whenThere } from '../ports/maybe-promise.ts';
import { encodePath, octets } from '../routing/path.ts';
import type { Fields, JsonObject, NumberField } from '../schema/description.ts';
import { host, httpProtocols, path, port } from '../schema/fields.ts';
import { readClientAuthentication } from '../wire/client-authentication.ts';
import { readParameters } from '../wire/parameters.ts';
import { headerName } from './header-names.ts';
import type { EndpointHandover } from './oauth2.ts';
import { type Limits, type Period, periods, type Usage, usageOf, windowAt } from './rate-limit-windows.ts';

interface Settings extends Readonly<Record<Period, number | null>> {
  readonly limit_by: 'consumer' | 'credential' | 'ip' | 'service' | 'header' | 'path';
  readonly header_name: string | null;
  readonly path: string | null;
  readonly policy: 'local' | 'cluster';
  readonly fault_tolerant: boolean;
  readonly hide_client_headers: boolean;
  readonly error_code: number;
  readonly error_message: string;
  readonly guard_token_endpoint?: boolean | null;
}

const limit = (period: Period): NumberField => ({
  type: 'number',
  gt: 0,
  description: `Calls allowed in a ${period}.`,
});

// Kong's settings of a store that this gate does not have. They are read, so that what comes out of a Kong goes in here.
const redis: Fields = {
  host,
  port: { ...port, default: 6379 },
  timeout: { type: 'integer', between: [0, 2147483646], default: 2000 },
  username: { type: 'string' },
  password: { type: 'string', len_min: 0, encrypted: true },
  database: { type: 'integer', default: 0 },
  ssl: { type: 'boolean', required: false, default: false },
  ssl_verify: { type: 'boolean', required: false, default: false },
  server_name: { type: 'string' },
};

/** The same under the names they had before. */
const formerRedis: Fields = Object.fromEntries(Object.entries(redis).map(([name, field]) => [`redis_${name}`, field]));

export const rateLimiting: Plugin = {
  name: 'rate-limiting',
  priority: 910,
  authenticates: false,
  fields: {
    protocols: httpProtocols,
    config: {
      type: 'record',
      required: true,
      fields: {
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
          description: 'What callers are told apart by. Where that is not to be had, by their address.',
        },
        header_name: { ...headerName, description: 'The header for `limit_by: header`.' },
        path: { ...path, description: 'The path for `limit_by: path`.' },
        policy: {
          type: 'string',
          default: 'local',
          one_of: ['local', 'cluster', 'redis'],
          check: (policy) =>
            policy === 'redis'
              ? "'redis' is not supported; 'cluster' counts over all gates that share a store"
              : undefined,
          description: 'local: counted by this machine. cluster: counted in the store, over all gates.',
        },
        fault_tolerant: {
          type: 'boolean',
          required: true,
          default: true,
          description: 'When nothing can be counted, calls pass. Otherwise they are answered 503.',
        },
        redis: { type: 'record', required: true, fields: redis, description: 'Not used: the policy is not supported.' },
        ...formerRedis,
        hide_client_headers: {
          type: 'boolean',
          required: true,
          default: false,
          description: 'Does not tell clients their limits.',
        },
        error_code: {
          type: 'number',
          default: 429,
          gt: 0,
          check: (code) =>
            Number.isInteger(code) && code >= 400 && code <= 599
              ? undefined
              : 'value must be an integer between 400 and 599',
          description: 'The status of a refusal.',
        },
        error_message: {
          type: 'string',
          default: 'API rate limit exceeded',
          description: 'What a refusal says.',
        },
        sync_rate: {
          type: 'number',
          required: true,
          default: -1,
          description: 'Not used: every call is counted at once.',
        },
        guard_token_endpoint: {
          type: 'boolean',
          unlessSet: 'absent',
          description: 'Counts the requests to the token endpoint of the same route, too, by client and address.',
        },
      },
      check: inOrder,
    },
  },
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
  compile(config, place, tools) {
    const settings = config as unknown as Settings;
    const limits: Limits = periods.flatMap((period) => {
      const calls = settings[period];
      return calls === null || calls === undefined ? [] : [{ period, limit: calls }];
    });
    const counters: Counters = tools.counters[settings.policy];
    const here = `${place.routeId ?? ''} ${place.serviceId ?? ''} ${place.consumerId ?? ''}`;
    const told = new WeakMap<Exchange, Usage>();

    function count(exchange: Exchange, identifier: string): MaybePromise<DirectResponse | undefined> {
      const now = tools.now();
      const windows = limits.map(({ period, limit }) => ({ ...windowAt(period, now), limit }));
      return whenThere(counted(counters, `${here} ${identifier}`, windows, settings, place, tools), (before) => {
        if (before === undefined) return undefined;
        const usage = usageOf(windows, before);
        if (!settings.hide_client_headers) told.set(exchange, usage);
        if (!usage.exceeded) return undefined;
        exchange.refusal = 'rate_limited';
        const headers: DirectResponse['headers'] = settings.hide_client_headers
          ? []
          : [['Retry-After', String(secondsLeft(usage.tightest, now))]];
        return errorResponse(exchange.request, settings.error_code, settings.error_message, { headers });
      });
    }

    return {
      access: (exchange) => count(exchange, callerOf(settings, exchange)),

      ...(settings.guard_token_endpoint === true && {
        handover(exchange: Exchange, handover: Handover): MaybePromise<DirectResponse | undefined> {
          if (handover.handover !== 'token') return undefined;
          const { request } = handover.to as EndpointHandover;
          return whenThere(exchange.request.readBody(largestBody), (body) => {
            if (body === undefined) {
              exchange.refusal = 'body_too_large';
              return errorResponse(exchange.request, 413, 'Request body too large');
            }
            return whenThere(clientOf(settings, exchange, { ...request, body }, tools), (client) =>
              count(exchange, `token ${client}`),
            );
          });
        },
      }),

      ...(!settings.hide_client_headers && {
        respond(exchange, head) {
          const usage = told.get(exchange);
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
};

/** Together the parameters of an honest token request have a few kilobytes. */
const largestBody = 1_048_576;

function secondsLeft({ until }: CountedWindow, now: number): number {
  return Math.max(1, Math.ceil((until - now) / 1000));
}

/** `undefined`: nothing could be counted, and the request may pass nonetheless. */
function counted(
  counters: Counters,
  key: string,
  windows: readonly CountedWindow[],
  { fault_tolerant: isTolerant }: Settings,
  place: PluginPlace,
  tools: PluginTools,
): MaybePromise<readonly number[] | undefined> {
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

/** Each kind of caller has names of its own, so that nobody can use up the calls of another by what it says. */
function callerOf(settings: Settings, exchange: Exchange): string {
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
      // What is counted is remembered, and a client writes what it likes.
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
 * Who asks for a token, before it has proven anything. A client that is registered counts together with the address it
 * calls from: somebody else must not use up its calls. Names that nobody has count for the address alone: there are too
 * many of them.
 */
function clientOf(
  settings: Settings,
  exchange: Exchange,
  request: EndpointHandover['request'] & { readonly body: Uint8Array },
  tools: PluginTools,
): MaybePromise<string> {
  if (settings.limit_by !== 'consumer' && settings.limit_by !== 'credential') return callerOf(settings, exchange);
  const address = byAddress(exchange);
  const read = readParameters(profiles.kong, new Set(), request);
  if (!('parameters' in read)) return address;
  const client = readClientAuthentication(profiles.kong, read.parameters, request.authorization, undefined);
  if ('reason' in client || client.clientId === undefined) return address;
  return whenThere(tools.records.findBy('oauth2_credentials', 'client_id', client.clientId), (row) => {
    if (row === undefined) return address;
    const consumer = row['consumer'] as { readonly id: string };
    return settings.limit_by === 'consumer' ? `consumer ${consumer.id} ${address}` : `credential ${row.id} ${address}`;
  });
}

/** A longer window that allows less than a shorter one would make that one pointless. */
function inOrder(config: JsonObject): string | undefined {
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
