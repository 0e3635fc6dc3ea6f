/**
 * IP addresses and networks, in one normal form, so that two texts for one address are one value.
 *
 * The normal form: IPv4 in dotted decimal; IPv6 as RFC 5952 §4 writes it (lower case, no leading zeros, the longest run of
 * zeros as `::`); an IPv4-mapped IPv6 address (`::ffff:192.0.2.1`, RFC 4291 §2.5.5.2) as the IPv4 address it stands for.
 * A dual-stack listener reports every IPv4 peer in the mapped form.
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** An address in normal form. Only `parseIpAddress` makes one; two of them are compared with `===`. */
export type IpAddress = string & { readonly [normalForm]: true };
declare const normalForm: unique symbol;

/**
 * The address that a text names; `undefined` if it names none. Not accepted: ports, brackets, zones (`fe80::1%eth0`), and
 * leading zeros in IPv4, which some programs read as octal.
 */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (isIPv4(text)) return text as IpAddress;
  if (!text.includes(':') || text.includes('%') || !isIPv6(text)) return undefined;
  const normal = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(normal);
  if (mapped === null) return normal as IpAddress;
  const [high, low] = [Number.parseInt(mapped[1]!, 16), Number.parseInt(mapped[2]!, 16)];
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}` as IpAddress;
}

/** The address of a text that may carry a port: `192.0.2.1:80`, `[2001:db8::1]:443`, `2001:db8::1`. */
export function parseIpAddressWithPort(text: string): IpAddress | undefined {
  const [, bracketed, dotted, port] = /^(?:\[([^\]]*:[^\]]*)\]|([\d.]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  return Number(port ?? 0) > 65_535 ? undefined : parseIpAddress(bracketed ?? dotted ?? text);
}

/** "{ 127, <any> } Internal host loopback address" (RFC 1122 §3.2.1.3), and `::1` (RFC 4291 §2.5.3). */
export function isLoopbackAddress(address: IpAddress): boolean {
  return address === '::1' || (address.startsWith('127.') && !address.includes(':'));
}

/**
 * The addresses that one host can use, as a key for counts: an IPv4 address alone, all IPv6 addresses of a /64 network.
 * "Interface IDs are required to be 64 bits long" (RFC 4291 §2.5.1), and a host may choose any of them (RFC 8981).
 */
export function hostNetwork(address: IpAddress): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  if (tail === undefined) return before.slice(0, 4).join(':');
  const after = tail === '' ? [] : tail.split(':');
  // "The use of "::" indicates one or more groups of 16 bits of zeros." (RFC 4291 §2.2)
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after].slice(0, 4).join(':');
}

/** A set of networks, made by `parseNetworks`. */
export interface Networks {
  /** Whether the address lies in one of the networks. A text that is no address lies in none. */
  has(address: string): boolean;
}

/** The networks of a list (`10.0.0.0/8`, `2001:db8::1`), or the text of the first entry that is no address or network. */
export function parseNetworks(list: readonly string[]): Networks | { readonly invalid: string } {
  // One list for each family: a BlockList counts an IPv4 address as part of `::/0`.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const text of list) {
    const network = parseNetwork(text);
    if (network === undefined) return { invalid: text };
    const { address, bits } = network;
    const family = familyOf(address);
    lists[family].addSubnet(address, bits, family);
  }
  return {
    has(text) {
      const address = list.length === 0 ? undefined : parseIpAddress(text);
      if (address === undefined) return false;
      const family = familyOf(address);
      return lists[family].check(address, family);
    },
  };
}

/** Whether a text is an address or a network (RFC 4632 §3.1), as `parseNetworks` takes it. */
export function isNetwork(text: string): boolean {
  return parseNetwork(text) !== undefined;
}

function parseNetwork(text: string): { readonly address: IpAddress; readonly bits: number } | undefined {
  const [written, length, ...more] = text.split('/');
  const address = parseIpAddress(written!);
  if (address === undefined || more.length > 0) return undefined;
  const longest = familyOf(address) === 'ipv4' ? 32 : 128;
  if (length === undefined) return { address, bits: longest };
  if (!/^(?:0|[1-9]\d{0,2})$/.test(length)) return undefined;
  // `::ffff:10.0.0.0/104` counts 128 bits, the first 96 of which are the mapping.
  const bits = Number(length) - (longest === 32 && written!.includes(':') ? 96 : 0);
  return bits < 0 || bits > longest ? undefined : { address, bits };
}

function familyOf(address: IpAddress): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}
