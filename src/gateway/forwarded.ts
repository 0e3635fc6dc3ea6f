import { parseHostAndPort, printedHost } from '../address/host.ts';
import { type Networks, parseIpAddress, parseIpAddressWithPort } from '../address/ip-address.ts';
import type { ProxiedRequest } from './proxied-request.ts';

/**
 * The headers that say where a request came from: X-Forwarded-*, X-Real-IP, Via, X-Kong-Request-Id.
 * Those of a trusted peer are forwarded, those of other peers are replaced. X-Forwarded-For and Via are extended in both
 * cases (Kong, bearer/upstream-headers and untrusted/https:8).
 */

/** The gate's entry in Via (RFC 9110 §7.6.3): Kong's name, since upstreams may look for it. */
export const viaName = '1.1 kong/3.9.1';

/**
 * The gate's own fields of an upstream request, names and values in turn, for `UpstreamHead.gateFields`.
 * `strippedPrefix`: `Match.strippedPrefix`.
 */
export function forwardedFields(
  request: ProxiedRequest,
  about: {
    readonly clientAddress: string;
    readonly strippedPrefix: string | undefined;
  },
): string[] {
  const { peerTrusted } = request;
  const trusted = (name: string): string | undefined => (peerTrusted ? request.header(name) || undefined : undefined);
  const forwardedFor = request.header('x-forwarded-for');
  const via = request.header('via');
  const realIp = trusted('x-real-ip');
  const fields = [
    'X-Forwarded-For',
    forwardedFor ? `${forwardedFor}, ${request.peer}` : about.clientAddress,
    'X-Forwarded-Proto',
    forwardedScheme(request),
    'X-Forwarded-Port',
    trusted('x-forwarded-port') ?? String(request.localPort),
    'X-Forwarded-Path',
    trusted('x-forwarded-path') ?? pathAsSent(request.target),
    'X-Real-IP',
    // Kong takes this from X-Real-IP only, so an address in X-Forwarded-For alone is not used.
    realIp !== undefined && parseIpAddress(realIp) !== undefined ? realIp : request.peer,
    'Via',
    via ? `${via}, ${viaName}` : viaName,
    'X-Kong-Request-Id',
    request.requestId,
  ];
  const host = forwardedHost(request);
  if (host !== '') fields.push('X-Forwarded-Host', host);
  // A stripped `/` changes nothing.
  const prefix = trusted('x-forwarded-prefix') ?? (about.strippedPrefix === '/' ? undefined : about.strippedPrefix);
  if (prefix !== undefined) fields.push('X-Forwarded-Prefix', prefix);
  return fields;
}

/** The scheme that the client used; by X-Forwarded-Proto if the peer is trusted. `https, https` is not `https`. */
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
 * The address of the client, in normal form: the peer's; if the peer is a trusted proxy, the last address in X-Forwarded-For
 * that is not a trusted proxy itself, else the one in X-Real-IP. With `x-real-ip` only X-Real-IP is read, as Kong does unless
 * `real_ip_header` is set. An entry that is no address ends the search, so a client cannot choose its address.
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
