/**
 * Verifies JSON Web Tokens in the compact form (RFC 7515 §3.1, RFC 7519), by an algorithm that is fixed for the key. What
 * the token says about its key (`jwk`, `jku`, `x5u`, `x5c`) is ignored.
 *
 *     base64url(header) . base64url(claims) . base64url(signature)
 */
import { constants, createHmac, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { sameOctets } from './same-secret.ts';

export const jwsAlgorithms = [
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'EdDSA',
] as const;
export type JwsAlgorithm = (typeof jwsAlgorithms)[number];

export interface JsonWebToken {
  readonly header: JsonWebTokenPart;
  readonly claims: JsonWebTokenPart;
  /** What is signed, and the signature. */
  readonly signed: string;
  readonly signature: Uint8Array;
}
export type JsonWebTokenPart = { readonly [name: string]: unknown };

/** Key for HS…: the secret itself. For all others: a public key. */
export type VerificationKey = Uint8Array | KeyObject;

/** The parts of a token, not verified yet, or what is wrong with it. */
export function readJsonWebToken(text: string): JsonWebToken | { readonly malformed: string } {
  const parts = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)$/.exec(text);
  if (parts === null) return { malformed: 'invalid JSON' };
  const header = jsonObject(parts[1]!);
  const claims = jsonObject(parts[2]!);
  if (header === undefined || claims === undefined) return { malformed: 'invalid JSON' };
  if (!isAlgorithm(header['alg'])) return { malformed: 'invalid alg' };
  // "If any of the listed extension Header Parameters are not understood and supported by the recipient, then the JWS is
  // invalid." (RFC 7515 §4.1.11) We understand none.
  if (Object.hasOwn(header, 'crit')) return { malformed: 'invalid header' };
  return {
    header,
    claims,
    signed: `${parts[1]}.${parts[2]}`,
    signature: Buffer.from(parts[3]!, 'base64url'),
  };
}

/** `algorithm` is the key's, never the token's: a public key must not be taken for the secret of an HMAC (RFC 8725 §3.1). */
export function verifies(token: JsonWebToken, algorithm: JwsAlgorithm, key: VerificationKey): boolean {
  const { signed, signature, header } = token;
  if (header['alg'] !== algorithm || signature.length === 0) return false;
  const rule = rules[algorithm];
  if (rule.kind === 'hmac') {
    if (!(key instanceof Uint8Array) || key.length === 0) return false;
    return sameOctets(createHmac(rule.hash, key).update(signed).digest(), signature);
  }
  if (key instanceof Uint8Array || !fits(algorithm, key)) return false;
  const octets = Buffer.from(signed);
  switch (rule.kind) {
    case 'rsa':
      return verify(rule.hash, octets, key, signature);
    case 'rsa-pss': {
      const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
      return verify(rule.hash, octets, { key, ...padding }, signature);
    }
    case 'ec':
      return verify(rule.hash, octets, { key, dsaEncoding: 'ieee-p1363' }, signature);
    case 'eddsa':
      return verify(null, octets, key, signature);
  }
}

/** Whether an algorithm takes a public key, and not a secret. */
export function isKeyPairAlgorithm(algorithm: string): boolean {
  return isAlgorithm(algorithm) && rules[algorithm].kind !== 'hmac';
}

/** Why a PEM text cannot be the public key for an algorithm. */
export function checkVerificationKey(algorithm: string, pem: string): string | undefined {
  const key = publicKey(pem);
  if (key === undefined) return 'invalid key';
  return isAlgorithm(algorithm) && !fits(algorithm, key) ? `not a key for ${algorithm}` : undefined;
}

/** A public key from its PEM text, or from that of a certificate. `undefined` for anything else, a private key included. */
export function publicKey(pem: string): KeyObject | undefined {
  if (!/-----BEGIN (?:(?:RSA )?PUBLIC KEY|CERTIFICATE)-----/.test(pem)) return undefined;
  try {
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
}

type Rule =
  | { readonly kind: 'hmac' | 'rsa' | 'rsa-pss'; readonly hash: string }
  | { readonly kind: 'ec'; readonly hash: string; readonly curve: string }
  | { readonly kind: 'eddsa' };

// RFC 7518 §3.1, RFC 8037 §3.1
const rules: Record<JwsAlgorithm, Rule> = {
  HS256: { kind: 'hmac', hash: 'sha256' },
  HS384: { kind: 'hmac', hash: 'sha384' },
  HS512: { kind: 'hmac', hash: 'sha512' },
  RS256: { kind: 'rsa', hash: 'sha256' },
  RS384: { kind: 'rsa', hash: 'sha384' },
  RS512: { kind: 'rsa', hash: 'sha512' },
  PS256: { kind: 'rsa-pss', hash: 'sha256' },
  PS384: { kind: 'rsa-pss', hash: 'sha384' },
  PS512: { kind: 'rsa-pss', hash: 'sha512' },
  ES256: { kind: 'ec', hash: 'sha256', curve: 'prime256v1' },
  ES384: { kind: 'ec', hash: 'sha384', curve: 'secp384r1' },
  ES512: { kind: 'ec', hash: 'sha512', curve: 'secp521r1' },
  EdDSA: { kind: 'eddsa' },
};

function fits(algorithm: JwsAlgorithm, { asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  const rule = rules[algorithm];
  switch (rule.kind) {
    case 'hmac':
      return false;
    case 'rsa':
      return asymmetricKeyType === 'rsa';
    case 'rsa-pss':
      return asymmetricKeyType === 'rsa' || asymmetricKeyType === 'rsa-pss';
    case 'ec':
      return asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === rule.curve;
    case 'eddsa':
      return asymmetricKeyType === 'ed25519' || asymmetricKeyType === 'ed448';
  }
}

function isAlgorithm(name: unknown): name is JwsAlgorithm {
  return (jwsAlgorithms as readonly unknown[]).includes(name);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function jsonObject(part: string): JsonWebTokenPart | undefined {
  try {
    const value: unknown = JSON.parse(utf8.decode(Buffer.from(part, 'base64url')));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as JsonWebTokenPart)
      : undefined;
  } catch {
    return undefined;
  }
}
