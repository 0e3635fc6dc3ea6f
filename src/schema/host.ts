/** Hosts and networks in the fields of services, routes, targets and SNIs, with Kong's messages for invalid ones. */
import { isNetwork, parseIpAddress } from '../address/ip-address.ts';

export type HostReading =
  | { readonly type: 'name' | 'ipv4' | 'ipv6'; readonly port: number | undefined }
  | { readonly wrong: string };

export function readHost(text: string): HostReading {
  if ((text.match(/:/g)?.length ?? 0) > 1) return readIpv6(text);
  return /^[\d.]+$/.test(text.replace(':', '')) ? readIpv4(text) : readName(text);
}

const wrongPort = 'invalid port number';

function readName(text: string): HostReading {
  const port = /:(\d+)$/.exec(text);
  const name = port === null ? text : text.slice(0, port.index);
  if (port !== null && Number(port[1]) > 65535) return { wrong: wrongPort };
  const segments = name.split('.');
  // A final dot stands for the root of the DNS.
  if (segments.length > 1 && segments.at(-1) === '') segments.pop();
  const fine = segments.every((segment) => /^[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?$/.test(segment));
  return fine
    ? { type: 'name', port: port === null ? undefined : Number(port[1]) }
    : { wrong: `invalid hostname: ${text}` };
}

function readIpv4(text: string): HostReading {
  const [address = '', digits, ...more] = text.split(':');
  if (parseIpAddress(address) === undefined || more.length > 0 || !/^\d+$/.test(digits ?? '0')) {
    return { wrong: `invalid ipv4 address: ${text}` };
  }
  const port = digits === undefined ? undefined : Number(digits);
  return port !== undefined && port > 65535 ? { wrong: wrongPort } : { type: 'ipv4', port };
}

function readIpv6(text: string): HostReading {
  const [, bracketed, rest = ''] = /^\[([^\]]*)\](.*)$/.exec(text) ?? [];
  const address = bracketed ?? text;
  if (!address.includes(':') || parseIpAddress(address) === undefined || !/^(?::\d*)?$/.test(rest)) {
    return { wrong: `invalid ipv6 address: ${text}` };
  }
  if (rest === '') return { type: 'ipv6', port: undefined };
  const port = Number(rest.slice(1));
  return rest === ':' || port > 65535 ? { wrong: wrongPort } : { type: 'ipv6', port };
}

/** The address of an upstream: a name or an address, without a port. */
export function checkHost(text: string): string | undefined {
  const reading = readHost(text);
  if ('wrong' in reading) return reading.wrong === wrongPort ? 'must not have a port' : `invalid value: ${text}`;
  return reading.port === undefined ? undefined : 'must not have a port';
}

/** A host of a route: one `*` as the first or last label, and optionally a port. */
export function checkRouteHost(text: string): string | undefined {
  const reading = readHost(text.replaceAll('*', 'abc'));
  return 'wrong' in reading ? reading.wrong : undefined;
}

/** A server name of the TLS handshake: one `*` at either end, no address, no port. */
export function checkServerName(text: string): string | undefined {
  const place = text.indexOf('*');
  if (place !== -1) {
    if (place !== 0 && place !== text.length - 1) return 'wildcard must be leftmost or rightmost character';
    if (text.indexOf('*', place + 1) !== -1) return 'only one wildcard must be specified';
  }
  const reading = readHost(text.replace('*', 'wildcard'));
  if ('wrong' in reading) return reading.wrong === wrongPort ? 'must not have a port' : `invalid value: ${text}`;
  if (reading.type !== 'name') return 'must not be an IP';
  return reading.port === undefined ? undefined : 'must not have a port';
}

export function checkAddressOrNetwork(text: string): string | undefined {
  return isNetwork(text) ? undefined : `invalid ip or cidr range: '${text}'`;
}
