/** Fields that many entities have. */
import type { ForeignField, NumberField, SetField, StringField } from './description.ts';
import { checkAddressOrNetwork, checkHost, checkRouteHost, checkServerName } from './host.ts';
import { checkPath } from './path.ts';

export const id = { type: 'string', uuid: true, auto: true } as const satisfies StringField;
export const timestamp = { type: 'integer', timestamp: true, auto: true } as const satisfies NumberField;

/** With milliseconds. */
export const timestampWithFraction = { type: 'number', timestamp: true, auto: true } as const satisfies NumberField;

/** A name that can be a path segment. */
export const name: StringField = {
  type: 'string',
  unique: true,
  check: (text) =>
    /^[A-Za-z0-9.\-_~\u0080-\uffff]+$/.test(text)
      ? undefined
      : `invalid value '${text}': the only accepted ascii characters are alphanumerics or ., -, _, and ~`,
};

export const tag: StringField = {
  type: 'string',
  required: true,
  check: (text) =>
    /^[\x20-\x2b\x2d\x2e\x30-\x7e\u0080-\uffff]+$/.test(text)
      ? undefined
      : `invalid tag '${text}': expected printable ascii (except \`,\` and \`/\`) or valid utf-8 sequences`,
};

export const tags: SetField = { type: 'set', elements: tag };

export const protocols = ['grpc', 'grpcs', 'http', 'https', 'tcp', 'tls', 'tls_passthrough', 'udp'] as const;
/** `ws` and `wss` are in Kong's enterprise edition only; the gate has them too. */
export const protocol: StringField = { type: 'string', one_of: protocols, also: { one_of: ['ws', 'wss'] } };

export const port: NumberField = { type: 'integer', between: [0, 65535] };
export const host: StringField = { type: 'string', check: checkHost };
export const timeout: NumberField = { type: 'integer', between: [1, 2147483646] };

export const path: StringField = {
  type: 'string',
  starts_with: '/',
  match_none: [{ pattern: { notation: '//', matches: /\/\// }, err: 'must not have empty segments' }],
  check: checkPath,
};

export const routeHost: StringField = {
  type: 'string',
  match_all: [
    {
      pattern: { notation: '^[^*]*%*?[^*]*$', matches: /^[^*]*\*?[^*]*$/ },
      err: 'invalid wildcard: must have at most one wildcard',
    },
  ],
  match_any: {
    patterns: [
      { notation: '^%*%.', matches: /^\*\./ },
      { notation: '%.%*$', matches: /\.\*$/ },
      { notation: '^[^*]*$', matches: /^[^*]*$/ },
    ],
    err: 'invalid wildcard: must be placed at leftmost or rightmost label',
  },
  check: checkRouteHost,
};

export const serverName: StringField = { type: 'string', check: checkServerName };

export const method: StringField = { type: 'string', match: { notation: '^%u+$', matches: /^[A-Z]+$/ } };

/** A header that requests are distinguished by. */
export const headerName: StringField = {
  type: 'string',
  check: (text) =>
    /^[A-Za-z0-9_-]+$/.test(text)
      ? undefined
      : `bad header name '${text}', allowed characters are A-Z, a-z, 0-9, '_', and '-'`,
};

/** Endpoints of a stream: an address or network, a port, or both. */
export const streamEnds: SetField = {
  type: 'set',
  elements: {
    type: 'record',
    fields: { ip: { type: 'string', check: checkAddressOrNetwork }, port },
    entity_checks: [{ at_least_one_of: ['ip', 'port'] }],
  },
};

/** The protocols of a plugin for HTTP. */
export const httpProtocols: SetField = {
  type: 'set',
  required: true,
  default: ['grpc', 'grpcs', 'http', 'https'],
  elements: { type: 'string', one_of: ['grpc', 'grpcs', 'http', 'https'], also: { one_of: ['ws', 'wss'] } },
};

/** The consumer of a credential, which is removed with it. */
export const ownerConsumer = {
  type: 'foreign',
  reference: 'consumers',
  required: true,
  on_delete: 'cascade',
} as const satisfies ForeignField;

/** For plugins that cannot have a consumer. */
export const noConsumer: ForeignField = { type: 'foreign', reference: 'consumers', eq: null };
