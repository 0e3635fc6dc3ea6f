/**
 * Kong's `jwt`: authenticates callers by a signed token (RFC 7519). The credential of the issuer decides by which
 * algorithm and with which key a token is verified; the token itself does not.
 */

import type { KeyObject } from 'node:crypto';
import { queryOf, valuesIn } from '../content/form.ts';
import type { ProxiedRequest } from '../gateway/proxied-request.ts';
import type { RefusalCode } from '../gateway/refusal-codes.ts';
import {
  isKeyPairAlgorithm,
  type JsonWebToken,
  type JwsAlgorithm,
  publicKey,
  readJsonWebToken,
  type VerificationKey,
  verifies,
} from '../oauth/jws.ts';
import type { Entity } from '../ports/entity-store.ts';
import { type MaybePromise, whenThere } from '../ports/maybe-promise.ts';
import type { Fields } from '../schema/description.ts';
import { own } from '../schema/json.ts';
import type { SettingsOf } from '../schema/settings.ts';
import * as auth from './authentication.ts';
import { definePlugin } from './define-plugin.ts';
import { jsonResponse } from './responses.ts';

const settings = {
  uri_param_names: {
    type: 'set',
    elements: { type: 'string' },
    default: ['jwt'],
    description: 'Query parameters that may hold a token.',
  },
  cookie_names: {
    type: 'set',
    elements: { type: 'string' },
    default: [],
    description: 'Cookies that may hold a token.',
  },
  key_claim_name: {
    type: 'string',
    default: 'iss',
    description: 'The claim, or the header parameter, that identifies the credential.',
  },
  secret_is_base64: {
    type: 'boolean',
    required: true,
    default: false,
    description: 'The secrets of credentials are encoded in base64.',
  },
  claims_to_verify: {
    type: 'set',
    elements: { type: 'string', one_of: ['exp', 'nbf'] },
    description: 'Claims that a token must have, and that must be valid. Null: expired tokens are accepted.',
  },
  anonymous: auth.anonymousField,
  run_on_preflight: auth.runOnPreflightField,
  maximum_expiration: {
    type: 'number',
    default: 0,
    between: [0, 31536000],
    description: 'The longest accepted time until `exp`, in seconds. 0: no limit.',
  },
  header_names: {
    type: 'set',
    elements: { type: 'string' },
    default: ['authorization'],
    description: 'Headers that may hold a token, after `Bearer`.',
  },
  realm: auth.realmField,
} as const satisfies Fields;
type Settings = SettingsOf<typeof settings>;

export const jwt = definePlugin({
  name: 'jwt',
  priority: 1450,
  authenticates: true,
  settings,
  entity_checks: [
    {
      conditional: {
        if_field: 'config.maximum_expiration',
        if_match: { gt: 0 },
        then_field: 'config.claims_to_verify',
        then_match: { contains: 'exp' },
      },
    },
  ],
  compile(settings, _place, tools) {
    const plain = auth.challengeOf('Bearer', settings.realm);
    const refused = (refusal: RefusalCode, body: { readonly [name: string]: string }): auth.Refused => {
      const challenge = refusal === 'credential_missing' ? plain : `${plain} error="invalid_token"`;
      return { response: jsonResponse(401, body, [['WWW-Authenticate', challenge]]), refusal };
    };

    return auth.authenticating(settings, tools, ({ request }): MaybePromise<auth.Authentication> => {
      const [text, another] = tokensOf(settings, request);
      if (text === undefined) return refused('credential_missing', { message: 'Unauthorized' });
      if (another !== undefined) return refused('credential_repeated', { message: 'Multiple tokens provided' });
      const token = readJsonWebToken(text);
      if ('malformed' in token) return refused('credential_malformed', { message: `Bad token; ${token.malformed}` });
      const name = settings.key_claim_name;
      const key = own(token.claims, name) ?? own(token.header, name);
      if (key === undefined || key === null) {
        return refused('credential_malformed', { message: `No mandatory '${name}' in claims` });
      }
      if (typeof key !== 'string' || key === '') {
        return refused('credential_malformed', { message: `Invalid '${name}' in claims` });
      }
      const unknown = () => refused('credential_invalid', { message: `No credentials found for given '${name}'` });
      return whenThere(tools.records.findBy('jwt_secrets', 'key', key), (row) => {
        if (row === undefined) return unknown();
        const wrong = wrongSignature(token, row, settings) ?? wrongClaims(token, settings, tools.wallClock() / 1000);
        return wrong === undefined ? auth.callerOf(row, key, unknown, tools) : refused('credential_invalid', wrong);
      });
    });
  },
});

/** All different tokens of the request. With more than one the caller is ambiguous. */
function tokensOf(settings: Settings, request: ProxiedRequest): string[] {
  const query = queryOf(request.target);
  const tokens = [
    ...settings.uri_param_names.flatMap((name) => valuesIn(query, name)),
    ...settings.cookie_names.flatMap((name) => cookiesOf(request, name)),
    ...settings.header_names.flatMap((name) =>
      request.headerValues(name.toLowerCase()).map((value) => /^\s*bearer\s+(\S.*)$/i.exec(value)?.[1]?.trim() ?? ''),
    ),
  ];
  return [...new Set(tokens.filter((token) => token !== ''))];
}

function cookiesOf(request: ProxiedRequest, name: string): string[] {
  return request
    .headerValues('cookie')
    .flatMap((value) => value.split(';'))
    .map((cookie) => cookie.trim())
    .filter((cookie) => cookie.startsWith(`${name}=`))
    .map((cookie) => cookie.slice(name.length + 1).replace(/^"(.*)"$/, '$1'));
}

type Wrong = { readonly [name: string]: string } | undefined;

function wrongSignature(token: JsonWebToken, row: Entity, settings: Settings): Wrong {
  const algorithm = (row['algorithm'] ?? 'HS256') as JwsAlgorithm;
  if (token.header['alg'] !== algorithm) return { message: 'Invalid algorithm' };
  const key = keyOf(row, algorithm, settings);
  if (key === undefined) return { message: 'Invalid key/secret' };
  return verifies(token, algorithm, key) ? undefined : { message: 'Invalid signature' };
}

function keyOf(row: Entity, algorithm: JwsAlgorithm, { secret_is_base64 }: Settings): VerificationKey | undefined {
  if (isKeyPairAlgorithm(algorithm)) return publicKeyOf(row);
  const secret = row['secret'];
  if (typeof secret !== 'string' || secret === '') return undefined;
  return Buffer.from(secret, secret_is_base64 ? 'base64' : 'utf8');
}

/** Parsed once for each row in memory. */
const publicKeys = new WeakMap<Entity, KeyObject>();

function publicKeyOf(row: Entity): KeyObject | undefined {
  const known = publicKeys.get(row);
  if (known !== undefined) return known;
  const pem = row['rsa_public_key'];
  const key = typeof pem === 'string' ? publicKey(pem) : undefined;
  if (key !== undefined) publicKeys.set(row, key);
  return key;
}

/** Errors by the name of the claim. `now` in seconds. */
function wrongClaims({ claims }: JsonWebToken, settings: Settings, now: number): Wrong {
  const wrong: { [claim: string]: string } = {};
  for (const name of settings.claims_to_verify ?? []) {
    const value = own(claims, name);
    if (typeof value !== 'number') wrong[name] = 'must be a number';
    // "The "exp" (expiration time) claim identifies the expiration time on or after which the JWT MUST NOT be accepted"
    // (RFC 7519 §4.1.4)
    else if (name === 'exp' && value <= now) wrong[name] = 'token expired';
    // "The "nbf" (not before) claim identifies the time before which the JWT MUST NOT be accepted" (RFC 7519 §4.1.5)
    else if (name === 'nbf' && value > now) wrong[name] = 'token not valid yet';
  }
  if (Object.keys(wrong).length > 0) return wrong;
  const most = settings.maximum_expiration;
  const end = own(claims, 'exp');
  return most > 0 && !(typeof end === 'number' && end - now <= most)
    ? { exp: 'exceeds maximum allowed expiration' }
    : undefined;
}
