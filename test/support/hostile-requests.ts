/**
 * Requests that begin as good ones and are then spoilt: parameters said twice, in two places, of other types, under names
 * that mean something to a language or a database, and in encodings that end too early.
 */
import fc from 'fast-check';
import { canaries } from './canaries.ts';
import type { Sent } from './sockets.ts';
import { anyText } from './text.ts';

export type Pair = readonly [name: string, value: unknown];

export const hostileNames = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  '__proto__[polluted]',
  'constructor[prototype][polluted]',
  'client_id[$ne]',
  'client_id[]',
  'client_id[0]',
  'scope.x',
  '$where',
  '',
  '\0',
] as const;

export const hostileTexts = [
  '',
  '\0',
  'a\0b',
  '\r\nX-Injected: 1',
  '\u001b[31m',
  '\u007f',
  '{"$gt":""}',
  '[object Object]',
  '__proto__',
  "' OR 1=1 --",
  '../../etc/passwd',
  '%',
  '%00',
  '%E0%A4%A',
  'é\u202e😀',
  '\ud800',
  'x'.repeat(3_000),
] as const;

/** Parameters that hold a secret, where one is. Any of the canaries may be in any of them. */
const secretNames: ReadonlySet<string> = new Set([
  'client_secret',
  'provision_key',
  'code',
  'code_verifier',
  'refresh_token',
  'access_token',
  'password',
]);
const anyCanary = fc.constantFrom(...Object.values(canaries));

/** What JSON can put in the place of a string. */
export const hostileJson: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1e300,
  2 ** 60,
  [],
  {},
  ['a', 'b'],
  [['a']],
  { $gt: '' },
  { $ne: null },
  { $where: 'sleep(1000)' },
  { id: { $regex: '.*' } },
];

export const hostileText: fc.Arbitrary<string> = fc.oneof(fc.constantFrom(...hostileTexts), anyText);

export const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  { arbitrary: hostileText, weight: 3 },
  fc.constantFrom(...hostileJson),
  fc.jsonValue({ maxDepth: 2 }),
);

/** What spoils a list of pairs. */
export function spoilt(good: readonly Pair[], names: readonly string[]): fc.Arbitrary<readonly Pair[]> {
  const name = fc.oneof(
    { arbitrary: fc.constantFrom(...names), weight: 4 },
    fc.constantFrom(...hostileNames),
    fc.constantFrom(...names).map((name) => `${name}[]`),
    anyText,
  );
  const pair = fc.oneof(
    { arbitrary: fc.tuple(name, hostileValue), weight: 3 },
    fc.tuple(fc.constantFrom(...names.filter((name) => secretNames.has(name))), anyCanary),
  );
  const change = fc.oneof(
    fc.record({ how: fc.constant('add' as const), at: fc.nat(), pair }),
    fc.record({ how: fc.constant('replace' as const), at: fc.nat(), value: hostileValue }),
    fc.record({ how: fc.constant('repeat' as const), at: fc.nat() }),
    fc.record({ how: fc.constant('drop' as const), at: fc.nat() }),
  );
  return fc.array(change, { minLength: 1, maxLength: 4 }).map((changes) => {
    const pairs = [...good];
    for (const change of changes) {
      const at = change.at % Math.max(1, pairs.length);
      const before = pairs[at];
      if (change.how === 'add') pairs.push(change.pair);
      else if (before === undefined) continue;
      else if (change.how === 'repeat') pairs.push(before);
      else if (change.how === 'drop') pairs.splice(at, 1);
      else pairs[at] = [before[0], change.value];
    }
    return pairs;
  });
}

export const encodings = ['form', 'json', 'multipart', 'query', 'both', 'cut json', 'wrong type'] as const;
export type Encoding = (typeof encodings)[number];

/** The pairs as a request: `both` puts half of them into the query. */
export function encoded(
  pairs: readonly Pair[],
  encoding: Encoding,
): { readonly query: string; readonly type: string; readonly body: Buffer } {
  const empty = Buffer.alloc(0);
  switch (encoding) {
    case 'form':
      return { query: '', type: formType, body: Buffer.from(form(pairs)) };
    case 'query':
      return { query: `?${form(pairs)}`, type: formType, body: empty };
    case 'both': {
      const half = pairs.length >> 1;
      return { query: `?${form(pairs.slice(0, half))}`, type: formType, body: Buffer.from(form(pairs.slice(half))) };
    }
    case 'json':
      return { query: '', type: 'application/json', body: Buffer.from(json(pairs)) };
    case 'cut json':
      return { query: '', type: 'application/json', body: Buffer.from(json(pairs).slice(0, -1)) };
    case 'multipart':
      return { query: '', type: 'multipart/form-data; boundary=B', body: Buffer.from(multipart(pairs)) };
    case 'wrong type':
      return { query: '', type: 'text/plain', body: Buffer.from(form(pairs)) };
  }
}

const formType = 'application/x-www-form-urlencoded';

function form(pairs: readonly Pair[]): string {
  return pairs.map(([name, value]) => `${percentEncoded(name)}=${percentEncoded(asText(value))}`).join('&');
}

/** As a browser would, but lone surrogates become octets that are no UTF-8. */
function percentEncoded(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    return '%ED%A0%80';
  }
}

/** Written by hand, so that a name may stand twice and `__proto__` is one. */
export function json(pairs: readonly Pair[]): string {
  return `{${pairs.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value) ?? 'null'}`).join(',')}}`;
}

function multipart(pairs: readonly Pair[]): string {
  const parts = pairs.map(
    ([name, value]) =>
      `--B\r\nContent-Disposition: form-data; name="${name.replace(/["\r\n]/g, '_')}"\r\n\r\n${asText(value)}\r\n`,
  );
  return `${parts.join('')}--B--\r\n`;
}

const asText = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

/** Headers that carry credentials, right and wrong. `undefined`: none. */
export function credentialHeaders(right: string): fc.Arbitrary<string | undefined> {
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
  return fc.constantFrom(
    undefined,
    undefined,
    right,
    basic('app'),
    basic(`app:${canaries.attempt}`),
    basic('__proto__:x'),
    basic('\0:\0'),
    `${basic('app:x')}, ${basic('app:y')}`,
    'Basic',
    'Basic !!!',
    `Bearer ${canaries.attempt}`,
    `Bearer ${canaries.attempt} ${canaries.attempt}`,
    'Bearer {"$gt":""}',
    'Negotiate abc',
    ' ',
    'x'.repeat(8_000),
  );
}

export function sentTo(
  base: string,
  path: string,
  { query, type, body }: ReturnType<typeof encoded>,
  more: { readonly method?: string; readonly authorization?: string | undefined } = {},
): Sent {
  return {
    method: more.method ?? 'POST',
    url: base + path + query,
    headers: {
      'Content-Type': type,
      'Content-Length': String(body.length),
      ...(more.authorization === undefined ? {} : { Authorization: more.authorization }),
    },
    body,
  };
}
