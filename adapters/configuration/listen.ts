/**
 * Where the gate listens, in the grammar of Kong's `proxy_listen`: `host:port flag flag, host:port …`, or `off`.
 *
 *   listens   = "off" / listen *( "," listen )
 *   listen    = ( IPv4 / "[" IPv6 "]" / name ) ":" port *( " " flag )
 *   flag      = "ssl" / "http2" / "reuseport" / "backlog=" N / "ipv6only=" on / "so_keepalive=" … / "bind" / "deferred"
 */
import { isHostName, normalHostName, printedHostAndPort } from '../../src/address/host.ts';
import { parseIpAddress } from '../../src/address/ip-address.ts';
import { isProblem, type Reading } from './reading.ts';

export interface Listen {
  /** An address or a name in normal form, without brackets; a link-local address may carry its zone. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly ssl: boolean;
  readonly http2: boolean;
  readonly reusePort: boolean;
  readonly backlog: number | undefined;
  readonly ipv6Only: boolean;
  /** TCP keep-alive probes on the connections; `keepAliveDelay` (milliseconds) before the first of them. */
  readonly keepAlive: boolean;
  readonly keepAliveDelay: number | undefined;
  /** Flags of Kong's that have no effect in this gate. */
  readonly ineffective: readonly string[];
}

export function readListens(text: string): Reading<readonly Listen[]> {
  if (text.trim() === 'off') return { value: [] };
  const listens: Listen[] = [];
  for (const part of text.split(',')) {
    const reading = readListen(part.trim());
    if (isProblem(reading)) return reading;
    const { host, port } = reading.value;
    if (port !== 0 && listens.some((other) => other.host === host && other.port === port)) {
      return { problem: `${printedHostAndPort(reading.value)} is given twice` };
    }
    listens.push(reading.value);
  }
  return { value: listens };
}

const form = 'write host:port, as in 0.0.0.0:8000 or [::]:8443 ssl';

function readListen(text: string): Reading<Listen> {
  if (text === '') return { problem: `an address is missing before or after a comma; ${form}` };
  const [address, ...flags] = text.split(/\s+/) as [string, ...string[]];
  const endpoint = readEndpoint(address);
  if (isProblem(endpoint)) return endpoint;
  let listen: Listen = { ...plain, ...endpoint.value };
  for (const flag of flags) {
    const reading = withFlag(listen, flag);
    if (isProblem(reading)) return { problem: `${address}: ${reading.problem}` };
    listen = reading.value;
  }
  return { value: listen };
}

const plain = {
  ssl: false,
  http2: false,
  reusePort: false,
  backlog: undefined,
  ipv6Only: false,
  keepAlive: false,
  keepAliveDelay: undefined,
  ineffective: [],
} as const satisfies Partial<Listen>;

function readEndpoint(address: string): Reading<{ host: string; port: number }> {
  const [, bracketed, name, digits] = /^(?:\[([^\]]*)\]|([^[\]]*)):(\d+)$/.exec(address) ?? [];
  const quoted = JSON.stringify(address);
  if (digits === undefined) return { problem: `${quoted} has no host and port; ${form}` };
  const port = Number(digits);
  if (port > 65_535) return { problem: `${quoted} has a port above 65535` };
  if (bracketed !== undefined) {
    const [literal = '', zone] = bracketed.split(/(?=%[\w.-]+$)/);
    const parsed = literal.includes(':') ? parseIpAddress(literal) : undefined;
    return parsed === undefined
      ? { problem: `${quoted} has no IPv6 address between the brackets` }
      : { value: { host: `${parsed}${zone ?? ''}`, port } };
  }
  const host = name ?? '';
  if (host === '') return { problem: `${quoted} has no host; for all interfaces write 0.0.0.0:${port}` };
  if (host === '*') return { problem: `${quoted}: for all interfaces write 0.0.0.0:${port} or [::]:${port}` };
  if (host.includes(':')) return { problem: `${quoted}: write an IPv6 address in brackets, as in [::1]:8000` };
  const normal = parseIpAddress(host) ?? (isHostName(host) ? normalHostName(host) : undefined);
  return normal === undefined
    ? { problem: `${quoted} has neither an address nor a host name before the port` }
    : { value: { host: normal, port } };
}

function withFlag(listen: Listen, flag: string): Reading<Listen> {
  const [name, value] = split(flag);
  if (name === 'backlog') {
    if (!/^\d{1,6}$/.test(value ?? '') || value === '0') return { problem: 'backlog= takes a number of 1 or more' };
    return { value: { ...listen, backlog: Number(value) } };
  }
  if (name === 'so_keepalive') return withKeepAlive(listen, value ?? '');
  if (name === 'ipv6only' && (value === 'on' || value === 'off')) {
    return { value: { ...listen, ipv6Only: value === 'on' } };
  }
  if (value === undefined) {
    switch (name) {
      case 'ssl':
        return { value: { ...listen, ssl: true } };
      case 'http2':
        return { value: { ...listen, http2: true } };
      case 'reuseport':
        return { value: { ...listen, reusePort: true } };
      case 'bind':
      case 'deferred':
        return { value: { ...listen, ineffective: [...listen.ineffective, name] } };
      case 'proxy_protocol':
        return {
          problem:
            'proxy_protocol is not supported; have the balancer send X-Forwarded-For, and list it in trusted_ips',
        };
    }
  }
  return { problem: `${JSON.stringify(flag)} is not a flag of a listener; the flags are ${allFlags}` };
}

const allFlags = 'ssl, http2, reuseport, backlog=N, ipv6only=on|off, so_keepalive=on|off|idle:interval:count';

/** nginx's forms: `on`, `off`, or `idle:interval:count` with optional parts; times in seconds, or with a unit. */
function withKeepAlive(listen: Listen, value: string): Reading<Listen> {
  if (value === 'on' || value === 'off') return { value: { ...listen, keepAlive: value === 'on' } };
  const [, idle, unit, interval, count] = /^(?:(\d{1,6})([smh])?)?:(\d{1,6}[smh]?)?:(\d{1,6})?$/.exec(value) ?? [];
  if (idle === undefined && interval === undefined && count === undefined) {
    return { problem: 'so_keepalive= takes on, off, or idle:interval:count, as in 30m::10' };
  }
  const seconds = Number(idle ?? 0) * (unit === 'h' ? 3600 : unit === 'm' ? 60 : 1);
  return {
    value: {
      ...listen,
      keepAlive: true,
      keepAliveDelay: idle === undefined ? undefined : seconds * 1000,
      ineffective:
        interval === undefined && count === undefined
          ? listen.ineffective
          : [...listen.ineffective, 'interval and count of so_keepalive'],
    },
  };
}

function split(flag: string): [name: string, value: string | undefined] {
  const at = flag.indexOf('=');
  return at === -1 ? [flag, undefined] : [flag.slice(0, at), flag.slice(at + 1)];
}
