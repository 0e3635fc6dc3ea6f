import { parseHostAndPort, printedHost } from '../address/host.ts';
import { type Networks, parseIpAddress, parseIpAddressWithPort } from '../address/ip-address.ts';
import type { ProxiedRequest } from './proxied-request.ts';

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
    realIp !== undefined && parseIpAddress(realIp) !== undefined ? realIp : request.peer,
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

/**
 * The host that the client asked for, in normal form, without port, an IPv6 address in brackets; by X-Forwarded-Host where
 * the peer is trusted. Empty if the request names none.
 */
export function forwardedHost(request: ProxiedRequest): string {
  const forwarded = request.peerTrusted ? request.header('x-forwarded-host') : undefined;
  if (forwarded) return forwarded;
  const asked = parseHostAndPort(request.header('host') ?? '');
  return asked === undefined ? '' : printedHost(asked.host);
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
    return parseIpAddressWithPort((request.header('x-real-ip') ?? '').trim()) ?? request.peer;
  }
  let known = request.peer;
  for (let end = forwardedFor.length; end >= 0; ) {
    const comma = end === 0 ? -1 : forwardedFor.lastIndexOf(',', end - 1);
    const address = parseIpAddressWithPort(forwardedFor.slice(comma + 1, end).trim());
    if (address === undefined) return known;
    known = address;
    if (!trusted.has(address)) return known;
    end = comma;
  }
  return known;
}

function pathAsSent(target: string): string {
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
}
