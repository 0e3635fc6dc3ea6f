/** How the text of each kind of setting is read. A problem never repeats a value that may be a secret. */
import { resolve } from 'node:path';
import { isHostName, isLoopbackHost, parseHost } from '../../src/address/host.ts';
import { isNetwork, parseIpAddress } from '../../src/address/ip-address.ts';
import { type GateHeaders, gateHeaderNames, gateHeaders } from '../../src/gateway/gate-headers.ts';
import { isProblem, type Reading } from './reading.ts';

export function readPath(text: string): Reading<string> {
  if (text === '') return { problem: 'takes a path' };
  if (text.includes('\0')) return { problem: 'a path cannot contain a zero byte' };
  if (/^~(\/|$)/.test(text)) return { problem: '~ is not expanded; write the whole path' };
  return { value: resolve(text) };
}

/** The directory of an lmdb store is `undefined` for the default. */
export type ReadStore =
  | { readonly kind: 'memory' }
  | { readonly kind: 'lmdb'; readonly directory: string | undefined }
  | { readonly kind: 'mongodb'; readonly url: string };

export function readStore(text: string): Reading<ReadStore> {
  if (text === 'memory:' || text === 'memory') return { value: { kind: 'memory' } };
  if (text === 'lmdb:' || text === 'lmdb') return { value: { kind: 'lmdb', directory: undefined } };
  if (text.startsWith('lmdb:')) {
    const path = readPath(text.slice('lmdb:'.length));
    return 'problem' in path ? path : { value: { kind: 'lmdb', directory: path.value } };
  }
  if (/^mongodb(\+srv)?:\/\/[^/]/.test(text)) return { value: { kind: 'mongodb', url: text } };
  return { problem: 'takes lmdb:DIRECTORY, memory: or mongodb://host/database' };
}

export function readAdminToken(text: string): Reading<string> {
  if (text === 'none') return { value: text };
  return /^[\x21-\x7E]{16,}$/.test(text)
    ? { value: text }
    : { problem: 'takes 16 or more visible ASCII characters without spaces (openssl rand -hex 32), or none' };
}

/** 64 hexadecimal digits are also valid base64url. Our messages recommend hex, so hex is tried first. */
export function readKey(text: string): Reading<Uint8Array> {
  if (/^(?:[0-9a-fA-F]{2})+$/.test(text)) return longEnough(Buffer.from(text, 'hex'));
  if (/^[A-Za-z0-9_-]+={0,2}$/.test(text)) return longEnough(Buffer.from(text, 'base64url'));
  return { problem: 'is neither hexadecimal nor base64url (openssl rand -hex 32)' };
}

function longEnough(key: Uint8Array): Reading<Uint8Array> {
  return key.length >= 32 ? { value: key } : { problem: 'is shorter than 32 bytes (openssl rand -hex 32)' };
}

export function readRealIpHeader(text: string): Reading<string> {
  if (text.toLowerCase() === 'proxy_protocol') return { problem: 'cannot be proxy_protocol, which is not supported' };
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text)
    ? { value: text }
    : { problem: 'takes the name of a header, as X-Forwarded-For' };
}

export function readPublicUrl(text: string): Reading<string> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    return { problem: 'takes an absolute URL, as in https://api.example.org' };
  if (url.username !== '' || url.password !== '') return { problem: 'cannot contain a user name or password' };
  // "a URL that uses the "https" scheme and has no query or fragment components" (RFC 8414 §2)
  if (/[?#]/.test(text)) return { problem: 'cannot have a query or a fragment (RFC 8414 §2)' };
  if (url.protocol === 'http:' && !isLoopbackHost(parseHost(url.hostname) ?? '')) {
    return { problem: 'must be https, except on loopback (RFC 8414 §2)' };
  }
  return { value: url.href.replace(/\/+$/, '') };
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

const levels: Readonly<Record<string, LogLevel>> = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  error: 'error',
  fatal: 'fatal',
  silent: 'silent',
  // Kong's
  notice: 'info',
  crit: 'fatal',
  alert: 'fatal',
  emerg: 'fatal',
};

export function readLogLevel(text: string): Reading<LogLevel> {
  const level = Object.hasOwn(levels, text) ? levels[text] : undefined;
  return level === undefined
    ? { problem: `takes trace, debug, info, warn, error, fatal or silent, not ${JSON.stringify(text)}` }
    : { value: level };
}

/** Seconds in the text, milliseconds in the value. */
export function secondsFrom(least: number, most: number): (text: string) => Reading<number> {
  const read = wholeNumber('seconds', least, most);
  return (text) => {
    const seconds = read(text);
    return isProblem(seconds) ? seconds : { value: seconds.value * 1000 };
  };
}

export function wholeNumber(of: string, least: number, most: number): (text: string) => Reading<number> {
  return (text) =>
    /^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most
      ? { value: Number(text) }
      : { problem: `takes a number of ${of} from ${least} to ${most}, not ${JSON.stringify(text)}` };
}

export function oneOf<const T extends string>(...choices: readonly T[]): (text: string) => Reading<T> {
  return (text) => {
    const choice = choices.find((one) => one === text);
    return choice === undefined ? { problem: `takes ${choices.join(' or ')}` } : { value: choice };
  };
}

export function readWorkers(text: string): Reading<1> {
  if (text === '1') return { value: 1 };
  return {
    problem: /^\d+$/.test(text)
      ? `${text} workers are not supported yet; the only number is 1`
      : 'takes a number; the only one supported yet is 1',
  };
}

/** Relative to the directory in which the gate was started. */
export const readPaths = listOf(readPath);

export const readNames = listOf((name) => ({ value: name }));

export const readAddresses = listOf((address) =>
  isNetwork(address)
    ? { value: address }
    : { problem: `${JSON.stringify(address)} is neither an address nor a network, as in 10.0.0.0/8 or 2001:db8::1` },
);

const readHeaderName = (name: string): Reading<string> =>
  gateHeaderNames.some((known) => known.toLowerCase() === name.toLowerCase())
    ? { value: name }
    : { problem: `${JSON.stringify(name)} is unknown; it takes off, or ${gateHeaderNames.join(', ')}` };

export function readHeaders(text: string): Reading<GateHeaders> {
  if (text.trim() === 'off') return { value: gateHeaders([]) };
  const names = listOf(readHeaderName)(text);
  return isProblem(names) ? names : { value: gateHeaders(names.value) };
}

export const readHosts = listOf((text) => {
  const host = parseHost(text);
  return host !== undefined && (host === '*' || isHostName(host) || parseIpAddress(host) !== undefined)
    ? { value: host }
    : { problem: `${JSON.stringify(text)} is not a host name; write it without scheme and port, as in gate.internal` };
});

/** Items with commas between them. Empty items are left out. */
function listOf<T>(readItem: (item: string) => Reading<T>): (text: string) => Reading<readonly T[]> {
  return (text) => {
    const items = text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')
      .map(readItem);
    return items.find(isProblem) ?? { value: items.flatMap((item) => (isProblem(item) ? [] : [item.value])) };
  };
}
