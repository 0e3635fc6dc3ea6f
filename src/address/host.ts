/**
 * Hosts in Host fields, URLs, TLS server names and settings, in one normal form.
 *
 * "The scheme and host are case-insensitive and normally provided in lowercase" (RFC 9110 §4.2.3). The normal form: a name
 * in lower case without the final dot, which names the same host (RFC 1034 §3.1); an address as `parseIpAddress` writes it,
 * without brackets. International names are compared in their ASCII form (`xn--…`, RFC 5890), the only one on the wire.
 */
import { isLoopbackAddress, parseIpAddress } from './ip-address.ts';

export interface HostAndPort {
  /** In normal form. */
  readonly host: string;
  readonly port: number | undefined;
}

/**
 * Reads `host`, `host:port`, `[2001:db8::1]:port`: the form of a Host field (RFC 9110 §7.2). `undefined` if the text does
 * not have this form: a port that is no number up to 65535, an IPv6 address without brackets, a character that no host has.
 */
export function parseHostAndPort(text: string): HostAndPort | undefined {
  const found = hostAndPort.exec(text);
  if (found === null) return undefined;
  const [, bracketed, name, digits] = found;
  const host = bracketed === undefined ? normalHostName(name!) : parseIpAddress(bracketed);
  if (host === undefined || host === '') return undefined;
  // "port = *DIGIT" (RFC 3986 §3.2.3): an empty port is that of the scheme.
  if (digits === undefined || digits === '') return { host, port: undefined };
  const port = Number(digits);
  return port > 65_535 ? undefined : { host, port };
}

// "reg-name = *( unreserved / pct-encoded / sub-delims )" (RFC 3986 §3.2.2)
const hostAndPort = /^(?:\[([^\]]*:[^\]]*)\]|([\w.~!$&'()*+,;=%-]+))(?::(\d{0,5}))?$/;

/** Reads a host without a port; an IPv6 address may have brackets or not. `undefined` if the text is no host. */
export function parseHost(text: string): string | undefined {
  const address = parseIpAddress(text);
  if (address !== undefined) return address;
  const read = parseHostAndPort(text);
  return read === undefined || read.port !== undefined || text.endsWith(':') ? undefined : read.host;
}

/** The normal form of a name: in lower case, without the final dot. */
export function normalHostName(name: string): string {
  const lower = name.toLowerCase();
  return lower.length > 1 && lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

/** A host in normal form as URLs and Host fields have it: an IPv6 address in brackets. */
export function printedHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

export function printedHostAndPort({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${printedHost(host)}:${port}`;
}

/**
 * Whether a text can be the name of a host in DNS: labels of letters, digits and hyphens (RFC 1123 §2.1). A name whose
 * last label is a number does not count, since some resolvers read it as an address.
 */
export function isHostName(text: string): boolean {
  return text.length <= 253 && ldhName.test(text) && !/(^|\.)\d+$/.test(text);
}

const ldhName = /^(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*$/;

/** The name that a TLS handshake asks for, given a host in normal form; empty for an address. */
export function serverNameFor(host: string): string {
  // "Literal IPv4 and IPv6 addresses are not permitted in "HostName"." (RFC 6066 §3)
  return parseIpAddress(host) === undefined ? host : '';
}

/** Whether a host in normal form is this machine: a loopback address, `localhost`, or a name that ends in `.localhost`. */
export function isLoopbackHost(host: string): boolean {
  // "The domain "localhost." and any names falling within ".localhost." are special" (RFC 6761 §6.3)
  if (host === 'localhost' || (host.endsWith('.localhost') && isHostName(host))) return true;
  const address = parseIpAddress(host);
  return address !== undefined && isLoopbackAddress(address);
}

/** Hosts that an operator wrote: one host, or all that end (`*.example.com`) or begin (`example.*`) with a text. */
export interface HostPattern {
  readonly match: 'exact' | 'begins' | 'ends';
  /** In normal form, without the `*`. */
  readonly text: string;
  readonly port: number | undefined;
}

/** The pattern that a text means. An IPv6 address needs no brackets. */
export function hostPattern(text: string): HostPattern {
  const address = parseIpAddress(text);
  if (address !== undefined) return { match: 'exact', text: address, port: undefined };
  const { host, port } = parseHostAndPort(text) ?? { host: normalHostName(text), port: undefined };
  if (host.startsWith('*')) return { match: 'ends', text: host.slice(1), port };
  if (host.endsWith('*')) return { match: 'begins', text: host.slice(0, -1), port };
  return { match: 'exact', text: host, port };
}

/** Whether a host in normal form fits a pattern; its port is not looked at. */
export function fitsHostPattern({ match, text }: HostPattern, host: string): boolean {
  return match === 'exact' ? host === text : match === 'begins' ? host.startsWith(text) : host.endsWith(text);
}
