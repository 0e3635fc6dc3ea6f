/**
 * Addresses and the networks they lie in: `trusted_ips`, the lists of ip-restriction, the elements of X-Forwarded-For.
 * IPv4 (dotted, four numbers, no leading zeros) and IPv6 (RFC 4291 §2.2); an IPv4-mapped IPv6 address is the IPv4 one.
 */

/** The bytes of an address: 4 or 16. */
export type Address = Uint8Array;

/** A set of networks, compiled from `10.0.0.0/8`, `::1`, `192.168.0.1` … */
export interface Networks {
  has(address: string): boolean;
  hasAddress(address: Address): boolean;
}

/** The networks of a list, or the text of the first entry that is neither an address nor a network. */
export function parseNetworks(list: readonly string[]): Networks | { readonly invalid: string } {
  const networks: { readonly base: Address; readonly bits: number }[] = [];
  for (const text of list) {
    const network = parseNetwork(text);
    if (network === undefined) return { invalid: text };
    networks.push(network);
  }
  const hasAddress = (address: Address) => networks.some(({ base, bits }) => within(address, base, bits));
  return {
    hasAddress,
    has(text) {
      if (networks.length === 0) return false;
      const address = parseAddress(text);
      return address !== undefined && hasAddress(address);
    },
  };
}

export function isNetwork(text: string): boolean {
  return parseNetwork(text) !== undefined;
}

/** The bytes of an address, `undefined` if the text is none. No port, no brackets, no zone. */
export function parseAddress(text: string): Address | undefined {
  return text.includes(':') ? parseIPv6(text) : parseIPv4(text);
}

function parseNetwork(text: string): { readonly base: Address; readonly bits: number } | undefined {
  const slash = text.indexOf('/');
  const written = slash === -1 ? text : text.slice(0, slash);
  const base = parseAddress(written);
  if (base === undefined) return undefined;
  if (slash === -1) return { base, bits: base.length * 8 };
  const length = text.slice(slash + 1);
  if (!/^(?:0|[1-9]\d{0,2})$/.test(length)) return undefined;
  // `::ffff:10.0.0.0/104` is written over 128 bits, 96 of which are the mapping.
  const mapped = base.length === 4 && written.includes(':');
  const bits = Number(length) - (mapped ? 96 : 0);
  return bits < 0 || bits > base.length * 8 ? undefined : { base, bits };
}

function within(address: Address, base: Address, bits: number): boolean {
  if (address.length !== base.length) return false;
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (address[i] !== base[i]) return false;
  const rest = bits & 7;
  return rest === 0 || (address[whole]! ^ base[whole]!) >> (8 - rest) === 0;
}

function parseIPv4(text: string): Address | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (parts === null) return undefined;
  const bytes = new Uint8Array(4);
  for (let i = 0; i < 4; i++) {
    const part = parts[i + 1]!;
    // A leading zero means octal to some and decimal to others.
    if ((part.length > 1 && part.startsWith('0')) || Number(part) > 255) return undefined;
    bytes[i] = Number(part);
  }
  return bytes;
}

function parseIPv6(text: string): Address | undefined {
  if (text.length > 45) return undefined;
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? groups(halves[1]!, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  // "The use of '::' indicates one or more groups of 16 bits of zeros" (RFC 4291 §2.2)
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  const bytes = new Uint8Array(16);
  bytes.set(head, 0);
  bytes.set(tail, 16 - tail.length);
  const mapped = bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((byte) => byte === 0);
  return mapped ? bytes.slice(12) : bytes;
}

/** The bytes of `a:b:c`, the last group perhaps a dotted IPv4 address where one may stand. */
function groups(text: string, dottedMayEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (dottedMayEnd && i === parts.length - 1 && part.includes('.')) {
      const dotted = parseIPv4(part);
      if (dotted === undefined) return undefined;
      bytes.push(...dotted);
    } else {
      if (!/^[0-9A-Fa-f]{1,4}$/.test(part)) return undefined;
      const value = Number.parseInt(part, 16);
      bytes.push(value >> 8, value & 255);
    }
  }
  return bytes;
}
