/**
 * Kong's `jwt`: who calls is known by a signed token (RFC 7519) whose issuer has a credential here. The credential says by
 * which algorithm and with which key a token is verified; the token has no say in it.
 */

import type { KeyObject } from 'node:crypto';
import { queryOf, valuesIn } from '../content/form.ts';
import type { Exchange, Plugin } from '../gateway/plugin.ts';
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
import { httpProtocols, noConsumer } from '../schema/fields.ts';
import {
  type Authentication,
  type AuthenticationSettings,
  anonymousField,
  authenticating,
  callerOf,
  challengeOf,
  realmField,
  runOnPreflightField,
} from './authentication.ts';

interface Settings extends AuthenticationSettings {
  readonly uri_param_names: readonly string[];
  readonly cookie_names: readonly string[];
  readonly header_names: readonly string[];
  readonly key_claim_name: string;
  readonly secret_is_base64: boolean;
  readonly claims_to_verify: readonly ('exp' | 'nbf')[] | null;
  readonly maximum_expiration: number | null;
  readonly realm: string | null;
}

export const jwt: Plugin = {
  name: 'jwt',
  priority: 1450,
  authenticates: true,
  fields: {
    consumer: noConsumer,
    protocols: httpProtocols,
    config: {
      type: 'record',
      required: true,
      fields: {
        uri_param_names: {
          type: 'set',
          elements: { type: 'string' },
          default: ['jwt'],
          description: 'Parameters of the query in which a token is looked for.',
        },
        cookie_names: {
          type: 'set',
          elements: { type: 'string' },
          default: [],
          description: 'Cookies in which a token is looked for.',
        },
        key_claim_name: {
          type: 'string',
          default: 'iss',
          description: 'The claim, or the parameter of the header, that names the credential.',
        },
        secret_is_base64: {
          type: 'boolean',
          required: true,
          default: false,
          description: 'The secrets of credentials are kept in base64.',
        },
        claims_to_verify: {
          type: 'set',
          elements: { type: 'string', one_of: ['exp', 'nbf'] },
          description: 'Claims that must be there and hold. Null: a token that has expired is as good as any other.',
        },
        anonymous: anonymousField,
        run_on_preflight: runOnPreflightField,
        maximum_expiration: {
          type: 'number',
          default: 0,
          between: [0, 31536000],
          description: 'How many seconds ahead `exp` may lie at the most. 0: as far as it likes.',
        },
        header_names: {
          type: 'set',
          elements: { type: 'string' },
          default: ['authorization'],
          description: 'Headers in which a token is looked for, after `Bearer`.',
        },
        realm: realmField,
      },
    },
  },
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
  compile(config, _place, tools) {
    const settings = config as unknown as Settings;
    const plain = challengeOf('Bearer', settings.realm);
    const refuse = (refusal: RefusalCode, body: { readonly [name: string]: string }): Authentication => ({
      refused: {
        status: 401,
        headers: [
          ['Content-Type', 'application/json; charset=utf-8'],
          ['WWW-Authenticate', refusal === 'credential_missing' ? plain : `${plain} error="invalid_token"`],
        ],
        body: JSON.stringify(body),
      },
      refusal,
    });

    function authenticate({ request }: Exchange): MaybePromise<Authentication> {
      const [text, another] = tokensOf(settings, request);
      if (text === undefined) return refuse('credential_missing', { message: 'Unauthorized' });
      if (another !== undefined) return refuse('credential_repeated', { message: 'Multiple tokens provided' });
      const token = readJsonWebToken(text);
      if ('malformed' in token) return refuse('credential_malformed', { message: `Bad token; ${token.malformed}` });
      const name = settings.key_claim_name;
      const key = own(token.claims, name) ?? own(token.header, name);
      if (key === undefined || key === null) {
        return refuse('credential_malformed', { message: `No mandatory '${name}' in claims` });
      }
      if (typeof key !== 'string' || key === '') {
        return refuse('credential_malformed', { message: `Invalid '${name}' in claims` });
      }
      return whenThere(tools.records.findBy('jwt_secrets', 'key', key), (row): MaybePromise<Authentication> => {
        if (row === undefined) {
          return refuse('credential_invalid', { message: `No credentials found for given '${name}'` });
        }
        const wrong = wrongSignature(token, row, settings) ?? wrongClaims(token, settings, tools.wallClock() / 1000);
        if (wrong !== undefined) return refuse('credential_invalid', wrong);
        const { id } = row['consumer'] as { readonly id: string };
        return whenThere(callerOf({ id: row.id, identifier: key }, id, tools), (caller) =>
          caller === undefined
            ? refuse('credential_invalid', { message: `No credentials found for given '${name}'` })
            : { caller },
        );
      });
    }

    return authenticating(settings, tools, authenticate);
  },
};

/** Every token there is, each once; two different ones leave open who calls. */
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

/** Read once for as long as the row is remembered. */
const publicKeys = new WeakMap<Entity, KeyObject>();

function publicKeyOf(row: Entity): KeyObject | undefined {
  const known = publicKeys.get(row);
  if (known !== undefined) return known;
  const pem = row['rsa_public_key'];
  const key = typeof pem === 'string' ? publicKey(pem) : undefined;
  if (key !== undefined) publicKeys.set(row, key);
  return key;
}

/** What is wrong, by the name of the claim. `now` in seconds. */
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
  const most = settings.maximum_expiration ?? 0;
  const end = own(claims, 'exp');
  return most > 0 && !(typeof end === 'number' && end - now <= most)
    ? { exp: 'exceeds maximum allowed expiration' }
    : undefined;
}

function own(part: { readonly [name: string]: unknown }, name: string): unknown {
  return Object.hasOwn(part, name) ? part[name] : undefined;
}
