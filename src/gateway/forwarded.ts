import { parseHostAndPort, printedHost } from '../address/host.ts';
import { type Networks, parseIpAddressWithPort } from '../address/ip-address.ts';
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
    about.clientAddress,
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
 * The host that the client asked for, in normal form, without port, an IPv6 address in brackets. Empty if the request names
 * none. X-Forwarded-Host of a trusted peer is taken as it is (Kong).
 */
export function forwardedHost(request: ProxiedRequest): string {
  const forwarded = request.peerTrusted ? request.header('x-forwarded-host') : undefined;
  if (forwarded) return forwarded;
  const asked = parseHostAndPort(request.header('host') ?? '');
  return asked === undefined ? '' : printedHost(asked.host);
}

/** Where a trusted proxy says which address its client has (`real_ip_header`, `real_ip_recursive`). */
export interface RealIp {
  /** In lower case. */
  readonly header: string;
  /** Whether addresses of trusted proxies in the header are skipped, from the last to the first. */
  readonly recursive: boolean;
}

/** Kong's defaults. */
export const defaultRealIp: RealIp = { header: 'x-real-ip', recursive: false };

/**
 * The address of the client, in normal form: the peer's; if the peer is a trusted proxy, the last address in the header. With
 * `recursive`, the last address that is not a trusted proxy itself. An entry that is no address ends the search, so a client
 * cannot choose its address.
 */
export function clientAddress(
  request: Pick<ProxiedRequest, 'peer' | 'peerTrusted' | 'header'>,
  trusted: Networks,
  { header, recursive }: RealIp = defaultRealIp,
): string {
  const said = request.peerTrusted ? request.header(header) : undefined;
  if (!said) return request.peer;
  let known = request.peer;
  for (let end = said.length; end >= 0; ) {
    const comma = end === 0 ? -1 : said.lastIndexOf(',', end - 1);
    const address = parseIpAddressWithPort(said.slice(comma + 1, end).trim());
    if (address === undefined) return known;
    known = address;
    if (!recursive || !trusted.has(address)) return known;
    end = comma;
  }
  return known;
}

/** Whether a proxy names its client only in X-Forwarded-For, which is not read unless `real_ip_header` says so. */
export function onlyForwardedFor(request: Pick<ProxiedRequest, 'header'>): boolean {
  return request.header('x-real-ip') === undefined && request.header('x-forwarded-for') !== undefined;
}

function pathAsSent(target: string): string {
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
}
