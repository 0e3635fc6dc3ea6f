/**
 * Kong's `hmac-auth`: authenticates callers by a signature over headers of the request. The secret itself is never sent.
 *
 *     Authorization: hmac username="al", algorithm="hmac-sha256", headers="x-date @request-target", signature="…"
 */

import type { ProxiedRequest } from '../gateway/proxied-request.ts';
import { type HashName, isHmac, sha256Of } from '../oauth/hmac.ts';
import { type MaybePromise, whenThere } from '../ports/maybe-promise.ts';
import { textOf } from '../routing/path.ts';
import type { Fields } from '../schema/description.ts';
import type { SettingsOf } from '../schema/settings.ts';
import * as auth from './authentication.ts';
import { definePlugin } from './define-plugin.ts';

const algorithms = ['hmac-sha1', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512'] as const;

/** A body whose digest is checked is read up to this size; a larger body fails the check. */
const largestBody = 8 * 1_048_576;

const settings = {
  hide_credentials: auth.hideCredentialsField,
  clock_skew: {
    type: 'number',
    default: 300,
    gt: 0,
    description: 'How many seconds the date of a request may differ from the clock of the gate.',
  },
  anonymous: auth.anonymousField,
  validate_request_body: {
    type: 'boolean',
    required: true,
    default: false,
    description: 'Requires a correct Digest header on every request with a body.',
  },
  enforce_headers: {
    type: 'array',
    elements: { type: 'string' },
    default: [],
    description: 'Headers that must be signed.',
  },
  algorithms: {
    type: 'array',
    elements: { type: 'string', one_of: algorithms },
    default: algorithms,
    description: 'Algorithms that are accepted.',
  },
  realm: auth.realmField,
} as const satisfies Fields;
type Settings = SettingsOf<typeof settings>;

export const hmacAuth = definePlugin({
  name: 'hmac-auth',
  priority: 1030,
  authenticates: true,
  settings,
  compile(settings, _place, tools) {
    const challenge = auth.challengeOf('hmac', settings.realm);

    return auth.authenticating(settings, tools, (exchange): MaybePromise<auth.Authentication> => {
      const { request } = exchange;
      const unauthorized = (message: string) => auth.unauthorized(exchange, challenge, 'credential_invalid', message);
      const invalid = () => unauthorized('HMAC signature cannot be verified');
      if (auth.credentialHeaders.every((name) => request.header(name) === undefined)) {
        return auth.unauthorized(exchange, challenge, 'credential_missing');
      }
      const found = findSignature(request);
      const signature = found?.signature;
      if (settings.hide_credentials && found !== undefined) request.removeHeader(found.header);
      if (!isRecent(request, settings.clock_skew, tools.wallClock())) {
        return unauthorized(
          'HMAC signature cannot be verified, a valid date or x-date header is required for HMAC Authentication',
        );
      }
      if (signature === undefined || !isAcceptable(signature, settings)) return invalid();
      return whenThere(tools.records.findBy('hmacauth_credentials', 'username', signature.username), (row) => {
        const secret = row?.['secret'];
        const signed = signedText(signature.headers, request);
        // The same work for an unknown user, so that the time of a response does not show which users exist.
        const isTheirs = isHmac(signature.value, signature.hash, typeof secret === 'string' ? secret : '', signed);
        if (row === undefined || typeof secret !== 'string' || !isTheirs) return invalid();
        return whenThere(hasItsDigest(settings, request), (isWhole) =>
          isWhole
            ? auth.callerOf(row, signature.username, invalid, tools)
            : unauthorized('HMAC signature does not match'),
        );
      });
    });
  },
});

interface Signature {
  readonly username: string;
  readonly hash: HashName;
  readonly algorithm: string;
  readonly headers: readonly string[];
  readonly value: string;
}

/** The first header that has a signature. Another credential in `Proxy-Authorization` is for a proxy. */
function findSignature(
  request: ProxiedRequest,
): { readonly header: string; readonly signature: Signature } | undefined {
  for (const header of auth.credentialHeaders) {
    const signature = readSignature(request.header(header) ?? '');
    if (signature !== undefined) return { header, signature };
  }
  return undefined;
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
    settings.algorithms.some((one) => one === algorithm) &&
    settings.enforce_headers.every((name) => signed.includes(name.toLowerCase()))
  );
}

/** One recent date is enough (Kong). */
function isRecent(request: ProxiedRequest, skew: number, now: number): boolean {
  return ['x-date', 'date'].some((name) => Math.abs(now - Date.parse(request.header(name) ?? '')) <= skew * 1000);
}

/** The octets that were signed: a line for each header, in the order in which the client names them. */
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

/** Whether the body has the digest that was sent (RFC 3230); always true unless the settings ask for the check. */
function hasItsDigest({ validate_request_body: asks }: Settings, request: ProxiedRequest): MaybePromise<boolean> {
  if (!asks) return true;
  return whenThere(request.readBody(largestBody), (body) => {
    if (body === undefined) return false;
    const digest = request.header('digest');
    return digest === undefined ? body.length === 0 : digest === `SHA-256=${sha256Of(body)}`;
  });
}
