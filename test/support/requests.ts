/**
 * Any request to the two endpoints: a good one, which is then spoilt in a few of all the ways there are, and encoded in
 * one of all the encodings. Names and values are those that have broken parsers before.
 */
import fc from 'fast-check';
import type { EndpointRequest } from '../../src/wire/response.ts';
import { anyText } from './text.ts';
import {
  authorizationForm,
  basic,
  callback,
  issuers,
  otherCallback,
  phone,
  printer,
  provisionKey,
  robot,
  secretOf,
  till,
  verifier,
} from './world.ts';

/** A code and a refresh token that are good in the world that is asked. */
export interface Valuables {
  readonly code: string;
  readonly refreshToken: string;
}
export type AnyRequest = (valuables: Valuables) => EndpointRequest;

type Pair = readonly [name: string, value: unknown];

const credentials: readonly Pair[] = [
  ['client_id', printer.clientId],
  ['client_secret', secretOf(printer)],
];
const vouched: readonly Pair[] = [
  ['provision_key', provisionKey],
  ['authenticated_userid', 'alice'],
];
const tokenRequests: readonly (readonly Pair[])[] = [
  [
    ['grant_type', 'authorization_code'],
    ['code', '<code>'],
    ['redirect_uri', callback],
    ['code_verifier', verifier],
  ],
  [
    ['grant_type', 'refresh_token'],
    ['refresh_token', '<refresh token>'],
  ],
  [
    ['grant_type', 'client_credentials'],
    ['scope', 'email profile'],
  ],
  [['grant_type', 'client_credentials'], ...vouched],
  [['grant_type', 'password'], ...vouched],
];
const authorizationRequests: readonly (readonly Pair[])[] = [
  Object.entries({ ...authorizationForm(printer), state: 'a state', scope: 'email' }),
  Object.entries({ ...authorizationForm(printer), response_type: 'token' }),
  Object.entries({ ...authorizationForm(phone), code_challenge: undefined, code_challenge_method: undefined }),
];

const names = [
  ...new Set([...tokenRequests, ...authorizationRequests, credentials].flatMap((pairs) => pairs.map(([name]) => name))),
  'state',
  'request',
  'request_uri',
  'scope[]',
  'scope[0]',
  'state[a][b]',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'then',
  '',
  'x',
];
const values: readonly unknown[] = [
  undefined,
  '',
  ' ',
  'foo',
  '__proto__',
  'constructor',
  'code',
  'token',
  'plain',
  'printer',
  'phone',
  'admin',
  'email admin',
  otherCallback,
  'https://evil.example/"><script>\r\nX-Injected: 1',
  '\0',
  '%',
  '%00%0d%0a',
  'v'.repeat(43),
  'x'.repeat(5000),
  // JSON alone can say these.
  null,
  true,
  7,
  -0,
  1e308,
  [],
  ['a', 'b'],
  {},
  { toString: 1, valueOf: 1 },
  { toJSON: 1, then: 1 },
  JSON.parse('{"__proto__":{"polluted":1}}'),
  { $gt: '' },
  '\ud800',
];

const name = fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...names) }, { weight: 1, arbitrary: anyText });
const value = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...values) }, { weight: 1, arbitrary: anyText });
const place = fc.nat(12);

const spoil: fc.Arbitrary<(pairs: readonly Pair[]) => readonly Pair[]> = fc.oneof(
  fc.tuple(place, value).map(
    ([place, value]) =>
      (pairs: readonly Pair[]) =>
        pairs.map((pair, index) => (index === place ? ([pair[0], value] as const) : pair)),
  ),
  fc.tuple(name, value).map((pair) => (pairs: readonly Pair[]) => [...pairs, pair]),
  place.map((place) => (pairs: readonly Pair[]) => pairs.filter((_, index) => index !== place)),
  fc.tuple(place, value).map(([place, value]) => (pairs: readonly Pair[]) => {
    const twice = pairs[place];
    return twice === undefined ? pairs : [...pairs, [twice[0], value] as const];
  }),
);

function anyRequest(forms: readonly (readonly Pair[])[]): fc.Arbitrary<AnyRequest> {
  return fc
    .record({
      form: fc.constantFrom(...forms),
      spoils: fc.array(spoil, { maxLength: 3 }),
      how: fc.constantFrom(
        'form',
        'form',
        'form',
        'form',
        'form',
        'form',
        'JSON',
        'multipart',
        'query',
        'a half each',
        'nonsense',
      ),
      authorization: fc.oneof(
        { weight: 4, arbitrary: fc.constant(undefined) },
        {
          weight: 4,
          arbitrary: fc.constantFrom(
            basic(printer, secretOf(printer), issuers.kong),
            basic(printer, secretOf(printer), issuers.rfc9700),
          ),
        },
        {
          weight: 2,
          arbitrary: fc.constantFrom(
            basic(till, secretOf(till), issuers.rfc9700),
            basic(robot, secretOf(robot), issuers.rfc9700),
            basic(phone, '', issuers.rfc9700),
            basic(phone, 'x', issuers.rfc9700),
            basic(printer, 'wrong', issuers.rfc9700),
            basic({ clientId: 'unknown' }, 'x', issuers.rfc9700),
          ),
        },
        { weight: 1, arbitrary: anyText.map((text) => `Basic ${text}`) },
        { weight: 1, arbitrary: anyText },
      ),
      contentType: fc.oneof(
        { weight: 16, arbitrary: fc.constant('as encoded') },
        { weight: 1, arbitrary: fc.constantFrom(undefined, 'text/plain', 'application/json', 'multipart/form-data') },
        { weight: 1, arbitrary: anyText },
      ),
      junk: anyText,
      method: fc.oneof(
        { weight: 12, arbitrary: fc.constant('POST') },
        fc.constantFrom('GET', 'PUT', 'get', '\r\nX: y'),
      ),
      transport: fc.oneof(
        { weight: 30, arbitrary: fc.constant('secure' as const) },
        fc.constantFrom('plain' as const, 'ambiguous' as const),
      ),
      tooLarge: fc.oneof({ weight: 40, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    })
    .map(
      ({ form, spoils, how, authorization, contentType, junk, method, transport, tooLarge }) =>
        ({ code, refreshToken }) => {
          const real: Readonly<Record<string, string>> = { '<code>': code, '<refresh token>': refreshToken };
          const good = form.map(([name, value]) => [name, real[String(value)] ?? value] as const);
          const pairs = spoils.reduce<readonly Pair[]>(
            (pairs, spoil) => spoil(pairs),
            authorization === undefined ? [...good, ...credentials] : good,
          );
          const encoded = encode(how, pairs, junk);
          return {
            method,
            transport,
            authorization,
            query: encoded.query,
            contentType: contentType === 'as encoded' ? encoded.contentType : contentType,
            body: tooLarge ? undefined : Buffer.from(encoded.body),
            realm: undefined,
            from: '192.0.2.1',
          };
        },
    );
}

export const anyTokenRequest = anyRequest(tokenRequests);
export const anyAuthorizationRequest = anyRequest(authorizationRequests);

interface Encoded {
  readonly query: string;
  readonly contentType: string | undefined;
  readonly body: string;
}

const formType = 'application/x-www-form-urlencoded';

function encode(how: string, pairs: readonly Pair[], junk: string): Encoded {
  const half = pairs.length >> 1;
  switch (how) {
    case 'JSON':
      return { query: '', contentType: 'application/json', body: JSON.stringify(Object.fromEntries(pairs)) };
    case 'multipart':
      return { query: '', contentType: 'multipart/form-data; boundary=b', body: multipart(pairs) };
    case 'query':
      return { query: formOf(pairs), contentType: undefined, body: '' };
    case 'a half each':
      return { query: formOf(pairs.slice(half)), contentType: formType, body: formOf(pairs.slice(0, half + 1)) };
    case 'nonsense':
      return { query: junk, contentType: formType, body: `${formOf(pairs)}&${junk}&%zz=%` };
    default:
      return { query: '', contentType: formType, body: formOf(pairs) };
  }
}

function formOf(pairs: readonly Pair[]): string {
  return pairs
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent(printed(value))}`)
    .join('&');
}

function multipart(pairs: readonly Pair[]): string {
  const parts = pairs.map(
    ([name, value]) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${printed(value)}\r\n`,
  );
  return `${parts.join('')}--b--\r\n`;
}

/** `String` of some of these values throws. */
const printed = (value: unknown): string =>
  (typeof value === 'string' ? value : (JSON.stringify(value) ?? '')).toWellFormed();
