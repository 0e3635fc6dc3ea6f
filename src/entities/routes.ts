/** Kong's routes: which requests go to a service. The protocols of a route decide what it can match by. */
import { checkMethod } from '../routing/methods.ts';
import { checkHeaderPattern, checkRoutePath } from '../routing/route-pattern.ts';
import type { Description, Field, StringField, Subschema } from '../schema/description.ts';
import {
  headerName,
  id,
  method,
  name,
  protocol,
  routeHost,
  serverName,
  streamEnds,
  tags,
  timestamp,
} from '../schema/fields.ts';

const methods: Field = { type: 'set', elements: { ...method, check: checkMethod } };
const hosts: Field = { type: 'array', elements: routeHost };
const routePath: StringField = {
  type: 'string',
  match_any: {
    patterns: [
      { notation: '^/', matches: /^\// },
      { notation: '^~/', matches: /^~\// },
    ],
    err: 'should start with: / (fixed path) or ~/ (regex path)',
  },
  match_none: [{ pattern: { notation: '//', matches: /\/\// }, err: 'must not have empty segments' }],
  check: checkRoutePath,
};
const paths: Field = { type: 'array', elements: routePath };
const snis: Field = { type: 'set', elements: serverName };
const headers: Field = {
  type: 'map',
  keys: {
    ...headerName,
    match_none: [
      {
        pattern: { notation: '^[Hh][Oo][Ss][Tt]$', matches: /^host$/i },
        err: "cannot contain 'host' header, which must be specified in the 'hosts' attribute",
      },
    ],
  },
  values: { type: 'array', elements: { type: 'string', check: checkHeaderPattern } },
};

export const routes: Description = {
  name: 'routes',
  endpointKey: 'name',
  fields: {
    id,
    created_at: timestamp,
    updated_at: timestamp,
    name,
    protocols: {
      type: 'set',
      len_min: 1,
      required: true,
      elements: protocol,
      mutually_exclusive_subsets: [['http', 'https'], ['tcp', 'tls', 'udp'], ['tls_passthrough'], ['grpc', 'grpcs']],
      also: { mutually_exclusive_subsets: [['ws', 'wss']] },
      default: ['http', 'https'],
    },
    https_redirect_status_code: { type: 'integer', one_of: [426, 301, 302, 307, 308], default: 426, required: true },
    strip_path: { type: 'boolean', required: true, default: true },
    preserve_host: { type: 'boolean', required: true, default: false },
    request_buffering: { type: 'boolean', required: true, default: true },
    response_buffering: { type: 'boolean', required: true, default: true },
    tags,
    service: { type: 'foreign', reference: 'services' },
    snis,
    sources: streamEnds,
    destinations: streamEnds,
    methods,
    hosts,
    paths,
    headers,
    regex_priority: { type: 'integer', default: 0 },
    strict_paths: {
      type: 'boolean',
      unlessSet: 'absent',
      description:
        'Refuses paths that the upstream may read as another path, with 400: encoded delimiters, `;`, another case.',
    },
    path_handling: { type: 'string', default: 'v0', one_of: ['v0', 'v1'] },
  },
  entity_checks: [
    {
      conditional: {
        if_field: 'protocols',
        if_match: { elements: { type: 'string', not_one_of: ['grpcs', 'https', 'tls', 'tls_passthrough'] } },
        then_field: 'snis',
        then_match: { len_eq: 0 },
        then_err: "'snis' can only be set when 'protocols' is 'grpcs', 'https', 'tls' or 'tls_passthrough'",
      },
    },
  ],
  subschema: { key: 'protocols', get: (value) => byProtocol.get(value) },
};

const http: Subschema = {
  fields: {
    sources: cannot('sources', streamEnds, "'http' or 'https'"),
    destinations: cannot('destinations', streamEnds, "'http' or 'https'"),
  },
  entity_checks: [
    {
      conditional_at_least_one_of: {
        if_field: 'protocols',
        if_match: { contains: 'https' },
        then_at_least_one_of: ['methods', 'hosts', 'headers', 'paths', 'snis'],
        then_err: "must set one of %s when 'protocols' is 'https'",
        else_match: { contains: 'http' },
        else_then_at_least_one_of: ['methods', 'hosts', 'headers', 'paths'],
        else_then_err: "must set one of %s when 'protocols' is 'http'",
      },
    },
  ],
};

const streams = "'tcp', 'tls', 'tls_passthrough' or 'udp'";
const streamFields = {
  methods: cannot('methods', methods, streams),
  hosts: cannot('hosts', hosts, streams),
  paths: cannot('paths', paths, streams),
  headers: cannot('headers', headers, streams),
};

const stream: Subschema = {
  fields: streamFields,
  entity_checks: [
    {
      conditional_at_least_one_of: {
        if_field: 'protocols',
        if_match: { elements: { type: 'string', not_one_of: ['tls_passthrough'] } },
        then_at_least_one_of: ['sources', 'destinations', 'snis'],
        then_err: "must set one of %s when 'protocols' is 'tcp', 'tls' or 'udp'",
      },
    },
  ],
};

const passthrough: Subschema = {
  fields: streamFields,
  entity_checks: [
    {
      conditional_at_least_one_of: {
        if_field: 'protocols',
        if_match: { contains: 'tls_passthrough' },
        then_at_least_one_of: ['snis'],
        then_err: "must set snis when 'protocols' is 'tls_passthrough'",
      },
    },
  ],
};

const grpc: Subschema = {
  fields: {
    strip_path: {
      type: 'boolean',
      required: true,
      default: false,
      ne: true,
      err: "cannot set 'strip_path' when 'protocols' is 'grpc' or 'grpcs'",
    },
    methods: cannot('methods', methods, "'grpc' or 'grpcs'"),
    sources: cannot('sources', streamEnds, "'grpc' or 'grpcs'"),
    destinations: cannot('destinations', streamEnds, "'grpc' or 'grpcs'"),
  },
  entity_checks: [
    {
      conditional_at_least_one_of: {
        if_field: 'protocols',
        if_match: { contains: 'grpcs' },
        then_at_least_one_of: ['hosts', 'headers', 'paths', 'snis'],
        then_err: "must set one of %s when 'protocols' is 'grpcs'",
        else_match: { contains: 'grpc' },
        else_then_at_least_one_of: ['hosts', 'headers', 'paths'],
        else_then_err: "must set one of %s when 'protocols' is 'grpc'",
      },
    },
  ],
};

const webSocket: Subschema = {
  fields: {
    methods: cannot('methods', methods, "'ws' or 'wss'"),
    sources: cannot('sources', streamEnds, "'ws' or 'wss'"),
    destinations: cannot('destinations', streamEnds, "'ws' or 'wss'"),
  },
  entity_checks: [
    {
      conditional_at_least_one_of: {
        if_field: 'protocols',
        if_match: { contains: 'wss' },
        then_at_least_one_of: ['hosts', 'headers', 'paths'],
        then_err: "must set one of %s when 'protocols' is 'wss'",
        else_match: { contains: 'ws' },
        else_then_at_least_one_of: ['hosts', 'headers', 'paths'],
        else_then_err: "must set one of %s when 'protocols' is 'ws'",
      },
    },
  ],
};

const byProtocol = new Map<string, Subschema>([
  ['http', http],
  ['https', http],
  ['tcp', stream],
  ['tls', stream],
  ['udp', stream],
  ['tls_passthrough', passthrough],
  ['grpc', grpc],
  ['grpcs', grpc],
  ['ws', webSocket],
  ['wss', webSocket],
]);

function cannot(name: string, field: Field, protocols: string): Field {
  return { ...field, eq: null, err: `cannot set '${name}' when 'protocols' is ${protocols}` };
}
