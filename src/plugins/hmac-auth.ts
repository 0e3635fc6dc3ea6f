/**
 * Kong's `hmac-auth`: who calls is known by a signature over headers of the request, made with a secret that is never sent.
 *
 *     Authorization: hmac username="al", algorithm="hmac-sha256", headers="x-date @request-target", signature="…"
 */

import type { Exchange, Plugin } from '../gateway/plugin.ts';
import type { ProxiedRequest } from '../gateway/proxied-request.ts';
import { type HashName, isHmac, sha256Of } from '../oauth/hmac.ts';
import { type MaybePromise, whenThere } from '../ports/maybe-promise.ts';
import { textOf } from '../routing/path.ts';
import { httpProtocols, noConsumer } from '../schema/fields.ts';
import {
  type Authentication,
  type AuthenticationSettings,
  anonymousField,
  authenticating,
  callerOf,
  challengeOf,
  hideCredentialsField,
  realmField,
  unauthorized,
} from './authentication.ts';

interface Settings extends AuthenticationSettings {
  readonly hide_credentials: boolean;
  readonly clock_skew: number;
  readonly validate_request_body: boolean;
  readonly enforce_headers: readonly string[];
  readonly algorithms: readonly string[];
  readonly realm: string | null;
}

const algorithms = ['hmac-sha1', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512'];

/** A body whose digest is looked at is read up to this; a larger one cannot be vouched for. */
const largestBody = 8 * 1_048_576;

export const hmacAuth: Plugin = {
  name: 'hmac-auth',
  priority: 1030,
  authenticates: true,
  fields: {
    consumer: noConsumer,
    protocols: httpProtocols,
    config: {
      type: 'record',
      required: true,
      fields: {
        hide_credentials: hideCredentialsField,
        clock_skew: {
          type: 'number',
          default: 300,
          gt: 0,
          description: 'How many seconds the date of a request may differ from the clock here.',
        },
        anonymous: anonymousField,
        validate_request_body: {
          type: 'boolean',
          required: true,
          default: false,
          description: 'A request with a body has to say its digest, and it has to be right.',
        },
        enforce_headers: {
          type: 'array',
          elements: { type: 'string' },
          default: [],
          description: 'Headers that have to be signed.',
        },
        algorithms: {
          type: 'array',
          elements: { type: 'string', one_of: algorithms },
          default: algorithms,
          description: 'Algorithms that may be used.',
        },
        realm: realmField,
      },
    },
  },
  compile(config, _place, tools) {
    const settings = config as unknown as Settings;
    const challenge = challengeOf('hmac', settings.realm);

    function authenticate(exchange: Exchange): MaybePromise<Authentication> {
      const { request } = exchange;
      const invalid = unauthorizedIn(exchange, 'HMAC signature cannot be verified');
      const place = places.find((name) => request.header(name) !== undefined);
      if (place === undefined) return unauthorized(exchange, challenge, 'credential_missing');
      const signature = readSignature(request.header(place)!);
      if (settings.hide_credentials && signature !== undefined) request.removeHeader(place);
      if (!isRecent(request, settings.clock_skew, tools.wallClock())) {
        return unauthorizedIn(
          exchange,
          'HMAC signature cannot be verified, a valid date or x-date header is required for HMAC Authentication',
        );
      }
      if (signature === undefined || !isAcceptable(signature, settings)) return invalid;
      return whenThere(tools.records.findBy('hmacauth_credentials', 'username', signature.username), (row) => {
        const secret = row?.['secret'];
        const signed = signedText(signature.headers, request);
        // The same work for a user that is not there.
        const isTheirs = isHmac(signature.value, signature.hash, typeof secret === 'string' ? secret : '', signed);
        if (row === undefined || typeof secret !== 'string' || !isTheirs) return invalid;
        const { id } = row['consumer'] as { readonly id: string };
        return whenThere(hasItsDigest(settings, request), (isWhole): MaybePromise<Authentication> => {
          if (!isWhole) return unauthorizedIn(exchange, 'HMAC signature does not match');
          return whenThere(callerOf({ id: row.id, identifier: signature.username }, id, tools), (caller) =>
            caller === undefined ? invalid : { caller },
          );
        });
      });
    }

    const unauthorizedIn = (exchange: Exchange, message: string) =>
      unauthorized(exchange, challenge, 'credential_invalid', message);

    return authenticating(settings, tools, authenticate);
  },
};

const places = ['proxy-authorization', 'authorization'];

interface Signature {
  readonly username: string;
  readonly hash: HashName;
  readonly algorithm: string;
  readonly headers: readonly string[];
  readonly value: string;
}

function readSignature(header: string): Signature | undefined {
  const found =
    /^\s*hmac\s+username="([^"]+)",\s*algorithm="(hmac-(sha1|sha256|sha384|sha512))",\s*headers="([^"]+)",\s*signature="([A-Za-z0-9+/]+={0,2})"\s*$/i.exec(
      header,
    );
  if (found === null) return undefined;
  const [, username, algorithm, hash, headers, value] = found;
  return {
    username: textOf(username!) ?? username!,
    algorithm: algorithm!.toLowerCase(),
    hash: hash!.toLowerCase() as HashName,
    headers: headers!.split(' ').filter((name) => name !== ''),
    value: value!,
  };
}

function isAcceptable({ algorithm, headers }: Signature, settings: Settings): boolean {
  const signed = headers.map((name) => name.toLowerCase());
  return (
    settings.algorithms.includes(algorithm) &&
    settings.enforce_headers.every((name) => signed.includes(name.toLowerCase()))
  );
}

function isRecent(request: ProxiedRequest, skew: number, now: number): boolean {
  const date = Date.parse(request.header('x-date') ?? request.header('date') ?? '');
  return Math.abs(now - date) <= skew * 1000;
}

/** What was signed, in octets: a line for each header, in the order in which the client names them. */
function signedText(headers: readonly string[], request: ProxiedRequest): string {
  const lines = headers.map((name) => {
    const value = request.headerValues(name.toLowerCase())[0];
    if (value !== undefined) return `${name}: ${value}`;
    if (name === '@request-target') return `${name}: ${request.method.toLowerCase()} ${request.target}`;
    if (name === 'request-line') return `${request.method} ${request.target} HTTP/${versions[request.httpVersion]}`;
    return `${name}:`;
  });
  return lines.join('\n');
}

const versions = { '1.0': '1.0', '1.1': '1.1', '2': '2.0' };

/** Whether the body is the one whose digest was sent (RFC 3230), where anybody asks for that. */
function hasItsDigest({ validate_request_body: asks }: Settings, request: ProxiedRequest): MaybePromise<boolean> {
  if (!asks) return true;
  return whenThere(request.readBody(largestBody), (body) => {
    if (body === undefined) return false;
    const digest = request.header('digest');
    return digest === undefined ? body.length === 0 : digest === `SHA-256=${sha256Of(body)}`;
  });
}
