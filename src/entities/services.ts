/** Kong's services: the address of an upstream, and its timeouts and retries. */
import type { Json } from '../ports/entity-store.ts';
import type { Conditional, Description, JsonObject } from '../schema/description.ts';
import { host, id, name, path, port, protocol, tags, timeout, timestamp } from '../schema/fields.ts';
import { luaNumber } from '../schema/lua.ts';
import { urlParts } from '../schema/url.ts';

export const services: Description = {
  name: 'services',
  endpointKey: 'name',
  fields: {
    id,
    created_at: timestamp,
    updated_at: timestamp,
    name,
    retries: { type: 'integer', default: 5, between: [0, 32767] },
    protocol: { ...protocol, required: true, default: 'http' },
    host: { ...host, required: true },
    port: { ...port, required: true, default: 80 },
    path,
    connect_timeout: { ...timeout, default: 60000, description: 'In milliseconds.' },
    write_timeout: { ...timeout, default: 60000, description: 'In milliseconds, between two writes.' },
    read_timeout: { ...timeout, default: 60000, description: 'In milliseconds, between two reads.' },
    tags,
    client_certificate: { type: 'foreign', reference: 'certificates' },
    tls_verify: { type: 'boolean' },
    tls_verify_depth: { type: 'integer', default: null, between: [0, 64] },
    ca_certificates: { type: 'array', elements: { type: 'string', uuid: true } },
    enabled: { type: 'boolean', required: true, default: true },
  },
  entity_checks: [
    {
      conditional: {
        if_field: 'protocol',
        if_match: { one_of: ['tcp', 'tls', 'udp', 'grpc', 'grpcs'] },
        then_field: 'path',
        then_match: { eq: null },
      },
    },
    { conditional: onlyOverTls('client_certificate') },
    { conditional: onlyOverTls('tls_verify') },
    { conditional: onlyOverTls('tls_verify_depth') },
    { conditional: onlyOverTls('ca_certificates') },
  ],
  shorthands: { url: { field: { type: 'string' }, expand: partsOfUrl } },
};

function onlyOverTls(field: string): Conditional {
  return {
    if_field: 'protocol',
    if_match: { not_one_of: ['https', 'tls'] },
    then_field: field,
    then_match: { eq: null },
  };
}

/** Kong reads the text of its null value as the `url`, so every part of it is invalid. */
const nullAsText = 'userdata: NULL';

function partsOfUrl(url: Json): JsonObject {
  const parts = urlParts(typeof url === 'string' ? url : nullAsText);
  const given = parts.port === undefined ? undefined : (luaNumber(parts.port) ?? parts.port);
  const protocolOfUrl = parts.scheme ?? (given === 443 ? 'https' : 'http');
  return {
    protocol: protocolOfUrl,
    host: parts.host ?? null,
    port: given ?? (protocolOfUrl === 'https' || protocolOfUrl === 'wss' ? 443 : 80),
    path: parts.path ?? null,
  };
}
