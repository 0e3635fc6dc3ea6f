/** How the text of each kind of setting is read. What is wrong is said without repeating a value that may be a secret. */
import { resolve } from 'node:path';
import { isHostName, isLoopbackHost, parseHost } from '../../src/address/host.ts';
import { isNetwork, parseIpAddress } from '../../src/address/ip-address.ts';
import type { Reading } from './reading.ts';

export function readPath(text: string): Reading<string> {
  if (text === '') return { problem: 'takes a path' };
  if (text.includes('\0')) return { problem: 'a path cannot hold a zero byte' };
  if (/^~(\/|$)/.test(text)) return { problem: '~ is not expanded here; write the whole path' };
  return { value: resolve(text) };
}

/** The directory of an lmdb store is `undefined` where the default is meant. */
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
    : { problem: 'takes 16 or more visible ASCII characters without blanks (openssl rand -hex 32), or none' };
}

/** 64 hexadecimal digits would also do as base64url; hex is what our own messages tell people to make, so it goes first. */
export function readKey(text: string): Reading<Uint8Array> {
  if (/^(?:[0-9a-fA-F]{2})+$/.test(text)) return longEnough(Buffer.from(text, 'hex'));
  if (/^[A-Za-z0-9_-]+={0,2}$/.test(text)) return longEnough(Buffer.from(text, 'base64url'));
  return { problem: 'is neither hexadecimal nor base64url (openssl rand -hex 32)' };
}

function longEnough(key: Uint8Array): Reading<Uint8Array> {
  return key.length >= 32 ? { value: key } : { problem: 'is shorter than 32 bytes (openssl rand -hex 32)' };
}

export function readPublicUrl(text: string): Reading<string> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    return { problem: 'takes an absolute URL, as in https://api.example.org' };
  if (url.username !== '' || url.password !== '') return { problem: 'cannot hold a user name or password' };
  // "a URL that uses the "https" scheme and has no query or fragment components" (RFC 8414 §2)
  if (/[?#]/.test(text)) return { problem: 'cannot have a query or a fragment (RFC 8414 §2)' };
  if (url.protocol === 'http:' && !isLoopbackHost(parseHost(url.hostname) ?? '')) {
    return { problem: 'must be https, except on loopback (RFC 8414 §2)' };
  }
  return { value: url.href.replace(/\/+$/, '') };
}

export function readAddresses(text: string): Reading<readonly string[]> {
  const addresses = text.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));
  const wrong = addresses.find((address) => !isNetwork(address));
  if (wrong !== undefined) {
    return {
      problem: `${JSON.stringify(wrong)} is neither an address nor a network, as in 10.0.0.0/8 or 2001:db8::1`,
    };
  }
  return { value: addresses };
}

export function readHosts(text: string): Reading<readonly string[]> {
  const hosts: string[] = [];
  for (const written of text.split(',').map((part) => part.trim())) {
    if (written === '') continue;
    const host = written === '*' ? written : parseHost(written);
    if (host === undefined || (host !== '*' && !isHostName(host) && parseIpAddress(host) === undefined)) {
      return { problem: `${JSON.stringify(written)} is no host name; write it without scheme and port: gate.internal` };
    }
    hosts.push(host);
  }
  return { value: hosts };
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
    ? { problem: `${JSON.stringify(text)} is no level; there are trace, debug, info, warn, error, fatal and silent` }
    : { value: level };
}

export function readTimeout(text: string): Reading<number> {
  return /^\d{1,2}$/.test(text) && Number(text) >= 1 && Number(text) <= 60
    ? { value: Number(text) * 1000 }
    : { problem: `${JSON.stringify(text)} is no number of seconds between 1 and 60` };
}

export function readPool(text: string): Reading<number> {
  return /^\d{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= 500
    ? { value: Number(text) }
    : { problem: `${JSON.stringify(text)} is no number of connections between 1 and 500` };
}

/** Seconds as they are written, milliseconds as they are used. */
export function readSeconds(text: string): Reading<number> {
  return /^\d{1,4}$/.test(text) && Number(text) <= 3600
    ? { value: Number(text) * 1000 }
    : { problem: `${JSON.stringify(text)} is no number of seconds between 0 and 3600` };
}

/** Each from the directory the gate was started in. */
export function readPaths(text: string): Reading<readonly string[]> {
  const paths: string[] = [];
  for (const part of text.split(',')) {
    if (part.trim() === '') continue;
    const path = readPath(part.trim());
    if ('problem' in path) return path;
    paths.push(path.value);
  }
  return { value: paths };
}

export function readNames(text: string): Reading<readonly string[]> {
  return { value: text.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()])) };
}
