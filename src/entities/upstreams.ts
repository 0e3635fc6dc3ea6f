/** Kong's upstreams: a host name for several targets, and how requests are distributed among them. */
import type { Json } from '../ports/entity-store.ts';
import type { Description, EntityCheck, Field, JsonObject, NumberField, StringField } from '../schema/description.ts';
import { headerName, id, path, tags, timestamp } from '../schema/fields.ts';
import { readHost } from '../schema/host.ts';

const hashes = ['none', 'consumer', 'ip', 'header', 'cookie', 'path', 'query_arg', 'uri_capture'] as const;
const hashBy: StringField = { type: 'string', default: 'none', one_of: hashes };
const parameterName: StringField = { type: 'string', len_min: 1 };

const interval: NumberField = { type: 'number', between: [0, 65535] };
const counter: NumberField = { type: 'integer', between: [0, 255] };
const statuses = (usual: readonly number[]): Field => ({
  type: 'array',
  elements: { type: 'integer', between: [100, 999] },
  default: usual,
});
const probes: StringField = { type: 'string', one_of: ['tcp', 'http', 'https', 'grpc', 'grpcs'], default: 'http' };

const active: Field = {
  type: 'record',
  required: true,
  fields: {
    type: probes,
    timeout: { ...interval, default: 1 },
    concurrency: { type: 'integer', between: [1, 2147483648], default: 10 },
    http_path: { ...path, default: '/' },
    https_sni: { type: 'string', check: checkName },
    https_verify_certificate: { type: 'boolean', default: true, required: true },
    headers: { type: 'map', keys: { type: 'string' }, values: { type: 'array', elements: { type: 'string' } } },
    healthy: {
      type: 'record',
      required: true,
      fields: {
        interval: { ...interval, default: 0 },
        http_statuses: statuses([200, 302]),
        successes: { ...counter, default: 0 },
      },
    },
    unhealthy: {
      type: 'record',
      required: true,
      fields: {
        interval: { ...interval, default: 0 },
        http_statuses: statuses([429, 404, 500, 501, 502, 503, 504, 505]),
        tcp_failures: { ...counter, default: 0 },
        timeouts: { ...counter, default: 0 },
        http_failures: { ...counter, default: 0 },
      },
    },
  },
};

const passive: Field = {
  type: 'record',
  required: true,
  fields: {
    type: probes,
    healthy: {
      type: 'record',
      required: true,
      fields: {
        http_statuses: statuses([
          200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 306, 307, 308,
        ]),
        successes: { ...counter, default: 0 },
      },
    },
    unhealthy: {
      type: 'record',
      required: true,
      fields: {
        http_statuses: statuses([429, 500, 503]),
        tcp_failures: { ...counter, default: 0 },
        timeouts: { ...counter, default: 0 },
        http_failures: { ...counter, default: 0 },
      },
    },
  },
};

export const upstreams: Description = {
  name: 'upstreams',
  endpointKey: 'name',
  fields: {
    id,
    created_at: timestamp,
    updated_at: timestamp,
    name: { type: 'string', required: true, unique: true, check: checkName },
    algorithm: {
      type: 'string',
      default: 'round-robin',
      one_of: ['consistent-hashing', 'least-connections', 'round-robin', 'latency'],
    },
    hash_on: hashBy,
    hash_fallback: hashBy,
    hash_on_header: headerName,
    hash_fallback_header: headerName,
    hash_on_cookie: { type: 'string', check: checkCookieName },
    hash_on_cookie_path: { ...path, default: '/' },
    hash_on_query_arg: parameterName,
    hash_fallback_query_arg: parameterName,
    hash_on_uri_capture: parameterName,
    hash_fallback_uri_capture: parameterName,
    slots: { type: 'integer', default: 10000, between: [10, 65536] },
    healthchecks: {
      type: 'record',
      required: true,
      fields: { active, passive, threshold: { type: 'number', default: 0, between: [0, 100] } },
    },
    tags,
    host_header: { type: 'string', check: checkHostHeader },
    client_certificate: { type: 'foreign', reference: 'certificates' },
    use_srv_name: { type: 'boolean', default: false },
  },
  entity_checks: [
    needs('hash_on', 'header', 'hash_on_header'),
    needs('hash_fallback', 'header', 'hash_fallback_header'),
    needs('hash_on', 'cookie', 'hash_on_cookie'),
    needs('hash_fallback', 'cookie', 'hash_on_cookie'),
    falls('none', ['none']),
    falls('cookie', ['none']),
    falls(
      'consumer',
      hashes.filter((one) => one !== 'consumer'),
    ),
    falls(
      'ip',
      hashes.filter((one) => one !== 'ip'),
    ),
    falls(
      'path',
      hashes.filter((one) => one !== 'path'),
    ),
    needs('hash_on', 'query_arg', 'hash_on_query_arg'),
    needs('hash_fallback', 'query_arg', 'hash_fallback_query_arg'),
    needs('hash_on', 'uri_capture', 'hash_on_uri_capture'),
    needs('hash_fallback', 'uri_capture', 'hash_fallback_uri_capture'),
    { distinct: ['hash_on_header', 'hash_fallback_header'] },
    { distinct: ['hash_on_query_arg', 'hash_fallback_query_arg'] },
    { distinct: ['hash_on_uri_capture', 'hash_fallback_uri_capture'] },
  ],
  // A hash input implies the hashing algorithm, unless the algorithm is sent as well.
  shorthands: { hash_on: { field: { type: 'string' }, givenWins: true, expand: algorithmOf } },
};

function algorithmOf(hashOn: Json): JsonObject {
  if (hashOn === null) return { hash_on: 'none' };
  return { hash_on: hashOn, algorithm: hashOn === 'none' ? 'round-robin' : 'consistent-hashing' };
}

function needs(field: string, value: string, other: string): EntityCheck {
  return {
    conditional: { if_field: field, if_match: { one_of: [value] }, then_field: other, then_match: { required: true } },
  };
}

function falls(hashOn: string, back: readonly string[]): EntityCheck {
  return {
    conditional: {
      if_field: 'hash_on',
      if_match: { one_of: [hashOn] },
      then_field: 'hash_fallback',
      then_match: { one_of: back },
    },
  };
}

function checkName(text: string): string | undefined {
  const reading = readHost(text);
  if ('wrong' in reading) return `Invalid name ('${text}'); must be a valid hostname`;
  if (reading.type !== 'name') return `Invalid name ('${text}'); no ip addresses allowed`;
  return reading.port === undefined ? undefined : `Invalid name ('${text}'); no port allowed`;
}

function checkHostHeader(text: string): string | undefined {
  return 'wrong' in readHost(text) ? `invalid value: ${text}` : undefined;
}

/** "token" (RFC 9110 §5.6.2) */
function checkCookieName(text: string): string | undefined {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text) ? undefined : `Invalid cookie name '${text}'`;
}
