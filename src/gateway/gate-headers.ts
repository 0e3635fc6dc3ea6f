/** Which header fields the gate adds to responses: Kong's setting `headers`. */

const fields = {
  server: 'Server',
  via: 'Via',
  proxyLatency: 'X-Kong-Proxy-Latency',
  responseLatency: 'X-Kong-Response-Latency',
  upstreamLatency: 'X-Kong-Upstream-Latency',
  adminLatency: 'X-Kong-Admin-Latency',
  upstreamStatus: 'X-Kong-Upstream-Status',
  requestId: 'X-Kong-Request-Id',
} as const;

export type GateHeaders = { readonly [Field in keyof typeof fields]: boolean };

/** Kong's names for several fields. */
const groups: Readonly<Record<string, readonly string[]>> = {
  server_tokens: [fields.server, fields.via],
  latency_tokens: [fields.proxyLatency, fields.responseLatency, fields.upstreamLatency, fields.adminLatency],
};

/** All names that the setting takes, `off` excluded. */
export const gateHeaderNames: readonly string[] = [...Object.keys(groups), ...Object.values(fields)];

export const defaultHeaderNames = ['server_tokens', 'latency_tokens', fields.requestId];

/** In any case of letters. An empty list: no field. */
export function gateHeaders(names: readonly string[] = defaultHeaderNames): GateHeaders {
  const lower = names.flatMap((name) => groups[name.toLowerCase()] ?? [name]).map((name) => name.toLowerCase());
  const entries = Object.entries(fields).map(([field, name]) => [field, lower.includes(name.toLowerCase())]);
  return Object.fromEntries(entries) as GateHeaders;
}

/** The names of the fields that are sent. */
export function sentHeaders(headers: GateHeaders): readonly string[] {
  return Object.entries(fields).flatMap(([field, name]) => (headers[field as keyof GateHeaders] ? [name] : []));
}
