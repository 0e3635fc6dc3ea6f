/** Host names and addresses as Kong judges them in services, routes and SNIs. */
import { luaNumber } from './lua.ts';

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
  // One dot at the end names the root.
  if (segments.length > 1 && segments.at(-1) === '') segments.pop();
  const fine = segments.every((segment) => /^[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?$/.test(segment));
  return fine
    ? { type: 'name', port: port === null ? undefined : Number(port[1]) }
    : { wrong: `invalid hostname: ${text}` };
}

function readIpv4(text: string): HostReading {
  const found = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?::(\d+))?$/.exec(text);
  if (found === null || found.slice(1, 5).some((octet) => Number(octet) > 255)) {
    return { wrong: `invalid ipv4 address: ${text}` };
  }
  const port = found[5] === undefined ? undefined : Number(found[5]);
  return port !== undefined && port > 65535 ? { wrong: wrongPort } : { type: 'ipv4', port };
}

function readIpv6(text: string): HostReading {
  const bracketed = /^\[([^\]]*)\](.*)$/.exec(text);
  const address = bracketed === null ? text : bracketed[1]!;
  let port: number | undefined;
  if (bracketed !== null && bracketed[2] !== '') {
    const digits = /^:(\d*)$/.exec(bracketed[2]!);
    if (digits === null) return { wrong: `invalid ipv6 address: ${text}` };
    port = luaNumber(digits[1]!);
    if (port === undefined || port > 65535) return { wrong: wrongPort };
  }
  return isIpv6(address) ? { type: 'ipv6', port } : { wrong: `invalid ipv6 address: ${text}` };
}

export function isIpv6(text: string): boolean {
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  const fine = groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group));
  return fine && (halves.length === 2 ? groups.length < 8 : groups.length === 8);
}

export function isIpv4(text: string): boolean {
  const reading = readIpv4(text);
  return 'type' in reading && reading.port === undefined;
}

/** The address of an upstream: a name or an address, without a port. */
export function checkHost(text: string): string | undefined {
  const reading = readHost(text);
  if ('wrong' in reading) return reading.wrong === wrongPort ? 'must not have a port' : `invalid value: ${text}`;
  return reading.port === undefined ? undefined : 'must not have a port';
}

/** A host of a route: one `*` in the place of the first or last label, a port if you like. */
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
  const [address, bits, ...more] = text.split('/');
  const most = isIpv4(address!) ? 32 : isIpv6(address!) ? 128 : -1;
  const fine =
    most !== -1 && more.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most));
  return fine ? undefined : `invalid ip or cidr range: '${text}'`;
}
