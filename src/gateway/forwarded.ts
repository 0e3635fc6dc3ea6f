import type { ProxiedRequest } from './proxied-request.ts';
import { type Networks, parseAddress } from './trusted-ips.ts';

/**
 * Where a request came from and how the upstream is told: X-Forwarded-*, X-Real-IP, Via, X-Kong-Request-Id.
 * A trusted peer's word is passed on, anyone else's is replaced; only X-Forwarded-For and Via grow
 * (Kong, bearer/upstream-headers and untrusted/https:8).
 */

/** How this gate names itself in Via (RFC 9110 §7.6.3); Kong's name, since upstreams may look for it. */
export const viaName = '1.1 kong/3.9.1';

/**
 * What the gate says of a request to its upstream: names and values in turn, for `UpstreamHead.gateFields`.
 * `strippedPrefix` is the match's.
 */
export function forwardedFields(
  request: ProxiedRequest,
  about: {
    readonly clientAddress: string;
    readonly strippedPrefix: string | undefined;
  },
): string[] {
  const { peerTrusted } = request;
  const told = (name: string): string | undefined => (peerTrusted ? request.header(name) || undefined : undefined);
  const forwardedFor = request.header('x-forwarded-for');
  const via = request.header('via');
  const realIp = told('x-real-ip');
  const fields = [
    'X-Forwarded-For',
    forwardedFor ? `${forwardedFor}, ${request.peer}` : about.clientAddress,
    'X-Forwarded-Proto',
    forwardedScheme(request),
    'X-Forwarded-Port',
    told('x-forwarded-port') ?? String(request.localPort),
    'X-Forwarded-Path',
    told('x-forwarded-path') ?? pathAsSent(request.target),
    'X-Real-IP',
    // Kong goes by X-Real-IP alone here, so what only X-Forwarded-For says is not repeated.
    realIp !== undefined && parseAddress(realIp) !== undefined ? realIp : request.peer,
    'Via',
    via ? `${via}, ${viaName}` : viaName,
    'X-Kong-Request-Id',
    request.requestId,
  ];
  const host = forwardedHost(request);
  if (host !== '') fields.push('X-Forwarded-Host', host);
  // Taking away `/` is taking away nothing.
  const prefix = told('x-forwarded-prefix') ?? (about.strippedPrefix === '/' ? undefined : about.strippedPrefix);
  if (prefix !== undefined) fields.push('X-Forwarded-Prefix', prefix);
  return fields;
}

/** The scheme the client used, by X-Forwarded-Proto where the peer is trusted. `https, https` is not `https`. */
export function forwardedScheme(request: ProxiedRequest): string {
  return (request.peerTrusted && request.header('x-forwarded-proto')) || request.scheme;
}

/** The host the client meant, in lower case and without port, by X-Forwarded-Host where the peer is trusted. */
export function forwardedHost(request: ProxiedRequest): string {
  const told = request.peerTrusted ? request.header('x-forwarded-host') : undefined;
  return told || hostName(request.header('host') ?? '').toLowerCase();
}

/** A Host without its port; an IPv6 address keeps its brackets. */
export function hostName(host: string): string {
  const colon = host.lastIndexOf(':');
  return colon === -1 || host.indexOf(']', colon) !== -1 ? host : host.slice(0, colon);
}

/**
 * The address of the client: the peer's; where that is a trusted proxy, the last one in X-Forwarded-For that is not
 * itself a trusted proxy, else what X-Real-IP says. With `x-real-ip` only X-Real-IP is looked at, as Kong does unless
 * `real_ip_header` is set. What is no address ends the search, so a client cannot choose what it is taken for.
 */
export function clientAddress(
  request: Pick<ProxiedRequest, 'peer' | 'peerTrusted' | 'header'>,
  trusted: Networks,
  by: 'x-forwarded-for' | 'x-real-ip' = 'x-forwarded-for',
): string {
  if (!request.peerTrusted) return request.peer;
  const forwardedFor = by === 'x-forwarded-for' ? request.header('x-forwarded-for') : undefined;
  if (!forwardedFor) {
    const realIp = withoutPort((request.header('x-real-ip') ?? '').trim());
    return parseAddress(realIp) === undefined ? request.peer : realIp;
  }
  let known = request.peer;
  for (let end = forwardedFor.length; end >= 0; ) {
    const comma = end === 0 ? -1 : forwardedFor.lastIndexOf(',', end - 1);
    const text = withoutPort(forwardedFor.slice(comma + 1, end).trim());
    const address = parseAddress(text);
    if (address === undefined) return known;
    known = text;
    if (!trusted.hasAddress(address)) return known;
    end = comma;
  }
  return known;
}

function withoutPort(text: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(text);
  if (bracketed !== null) return bracketed[1]!;
  const dotted = /^([\d.]+):\d+$/.exec(text);
  return dotted === null ? text : dotted[1]!;
}

function pathAsSent(target: string): string {
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
}
