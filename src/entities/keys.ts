/**
 * Kong's keys: a JWK (RFC 7517) or a pair of PEM texts under a `kid`, which is unique in its set. Tools keep them here;
 * no plugin of this gate reads them. Private keys are encrypted at rest: the whole JWK, and the private PEM.
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import type { Json } from '../ports/entity-store.ts';
import type { CustomEntityCheck, Description, JsonObject } from '../schema/description.ts';
import { id, tags, timestamp } from '../schema/fields.ts';
import { isObject, own } from '../schema/json.ts';

const forms = ['jwk', 'pem'] as const;

export const keys: Description = {
  name: 'keys',
  endpointKey: 'name',
  fields: {
    id,
    set: { type: 'foreign', reference: 'key_sets', on_delete: 'cascade' },
    name: { type: 'string', unique: true },
    kid: { type: 'string', required: true },
    jwk: { type: 'string', encrypted: true },
    pem: {
      type: 'record',
      fields: {
        private_key: { type: 'string', encrypted: true, check: (pem) => unless(privateKey(pem), 'private') },
        public_key: { type: 'string', check: (pem) => unless(publicKey(pem), 'public') },
      },
    },
    tags,
    created_at: timestamp,
    updated_at: timestamp,
  },
  uniqueTogether: [['kid', 'set']],
  entity_checks: [
    { mutually_exclusive: forms },
    { at_least_one_of: forms },
    { custom_entity_check: { field_sources: ['jwk', 'pem', 'kid'], check: checkKey } },
  ],
};

function checkKey({ jwk, pem, kid }: JsonObject): ReturnType<CustomEntityCheck['check']> {
  const wrong =
    typeof jwk === 'string' ? wrongJwk(jwk, kid) : isObject(pem ?? null) ? wrongPem(pem as JsonObject) : undefined;
  return wrong === undefined ? undefined : { '@entity': wrong };
}

function wrongJwk(text: string, kid: Json | undefined): string | undefined {
  const jwk = jsonObject(text);
  if (jwk === undefined) return 'could not json decode jwk string';
  if (own(jwk, 'kid') !== kid) return 'kid in jwk.kid must be equal to keys.kid';
  const kty = own(jwk, 'kty');
  if (kty === undefined) return 'could not load JWK: kty is missing';
  return isKey(jwk) ? undefined : `could not load JWK: its fields are no key of the type ${JSON.stringify(kty)}`;
}

function isKey(jwk: JsonObject): boolean {
  // "Its value is the base64url encoding of the octet sequence" (RFC 7518 §6.4.1)
  const secret = own(jwk, 'k');
  if (own(jwk, 'kty') === 'oct') return typeof secret === 'string' && /^[A-Za-z0-9_-]+$/.test(secret);
  const key = { key: { ...jwk } as never, format: 'jwk' } as const;
  return loaded(() => (own(jwk, 'd') === undefined ? createPublicKey(key) : createPrivateKey(key))) !== undefined;
}

function wrongPem(pem: JsonObject): string | undefined {
  const [secret, open] = [own(pem, 'private_key'), own(pem, 'public_key')];
  if (typeof secret !== 'string' && typeof open !== 'string') {
    return 'need to supply a PEM formatted public and/or private key.';
  }
  if (typeof secret !== 'string' || typeof open !== 'string') return undefined;
  const its = createPublicKey(privateKey(secret)!);
  return its.equals(publicKey(open)!) ? undefined : 'public key does not match private key';
}

function unless(key: KeyObject | undefined, part: string): string | undefined {
  return key === undefined
    ? `could not load ${part} key: not a ${part} key in PEM form without a passphrase`
    : undefined;
}

function privateKey(pem: string): KeyObject | undefined {
  return loaded(() => createPrivateKey(pem));
}

/** Node.js would make a public key of a private one or of a certificate as well. */
function publicKey(pem: string): KeyObject | undefined {
  return /-----BEGIN (?:RSA )?PUBLIC KEY-----/.test(pem) ? loaded(() => createPublicKey(pem)) : undefined;
}

function loaded(load: () => KeyObject): KeyObject | undefined {
  try {
    return load();
  } catch {
    return undefined;
  }
}

function jsonObject(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(text) as Json;
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
