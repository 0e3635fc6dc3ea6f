import { constants, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { expect } from 'chai';
import {
  checkVerificationKey,
  isKeyPairAlgorithm,
  type JsonWebToken,
  type JwsAlgorithm,
  jwsAlgorithms,
  publicKey,
  readJsonWebToken,
  verifies,
} from '../../src/oauth/jws.ts';

interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 });
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const p521 = generateKeyPairSync('ec', { namedCurve: 'P-521' });
const ed25519 = generateKeyPairSync('ed25519');
const pairs: Readonly<Record<string, Pair>> = { rsa, pss, p256, p384, p521, ed25519 };

/** The keys that each algorithm accepts. */
const accepted: Readonly<Record<string, readonly string[]>> = {
  RS256: ['rsa'],
  RS384: ['rsa'],
  RS512: ['rsa'],
  PS256: ['rsa', 'pss'],
  PS384: ['rsa', 'pss'],
  PS512: ['rsa', 'pss'],
  ES256: ['p256'],
  ES384: ['p384'],
  ES512: ['p521'],
  EdDSA: ['ed25519'],
};
const secret = Buffer.from('a secret of thirty-two octets...');
const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const pem = ({ publicKey: key }: Pair): string => key.export({ type: 'spki', format: 'pem' }).toString();

/** A token whose header names `alg`, signed as `by` with any key that works for it. */
function token(alg: string, by: JwsAlgorithm, key: KeyObject | Buffer): JsonWebToken {
  const signed = `${encoded({ alg })}.${encoded({ iss: 'a' })}`;
  const hash = `sha${by.slice(2)}`;
  const signature = Buffer.isBuffer(key)
    ? createHmac(hash, key).update(signed).digest()
    : by === 'EdDSA'
      ? sign(null, Buffer.from(signed), key)
      : by.startsWith('ES')
        ? sign(hash, Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' })
        : by.startsWith('PS')
          ? sign(hash, Buffer.from(signed), {
              key,
              padding: constants.RSA_PKCS1_PSS_PADDING,
              saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
            })
          : sign(hash, Buffer.from(signed), key);
  return readJsonWebToken(`${signed}.${signature.toString('base64url')}`) as JsonWebToken;
}

describe('JSON Web Signatures (RFC 7515, RFC 7518)', () => {
  for (const algorithm of jwsAlgorithms) {
    const names = accepted[algorithm];
    if (names === undefined) {
      it(`${algorithm} verifies with its secret, and with no other key`, () => {
        const good = token(algorithm, algorithm, secret);
        expect(verifies(good, algorithm, secret)).to.equal(true);
        expect(verifies(good, algorithm, Buffer.from('another'))).to.equal(false);
        expect(verifies(good, algorithm, new Uint8Array())).to.equal(false);
        for (const { publicKey: key } of Object.values(pairs)) expect(verifies(good, algorithm, key)).to.equal(false);
      });
      continue;
    }
    it(`${algorithm} verifies with a key of its type, and with no other key`, () => {
      for (const name of names) {
        const good = token(algorithm, algorithm, pairs[name]!.privateKey);
        expect(verifies(good, algorithm, pairs[name]!.publicKey), name).to.equal(true);
        for (const other of Object.keys(pairs)) {
          if (other !== name) expect(verifies(good, algorithm, pairs[other]!.publicKey), other).to.equal(false);
        }
        expect(verifies(good, algorithm, secret)).to.equal(false);
      }
    });
  }

  it('a key of another algorithm verifies nothing, even where its signature is right (RFC 8725 §3.1)', () => {
    // An ES256 token signed with a key of P-384, an RS256 token signed with an RSA-PSS key's twin, and the like.
    const wrong = token('ES256', 'ES256', p384.privateKey);
    expect(verifies(wrong, 'ES256', p384.publicKey)).to.equal(false);
    expect(verifies(token('ES384', 'ES384', p256.privateKey), 'ES384', p256.publicKey)).to.equal(false);
    const asSecret = Buffer.from(pem(rsa));
    expect(verifies(token('HS256', 'HS256', asSecret), 'HS256', rsa.publicKey)).to.equal(false);
    expect(verifies(token('HS256', 'HS256', asSecret), 'RS256', rsa.publicKey)).to.equal(false);
  });

  it('the algorithm is that of the key, whatever the token says', () => {
    const good = token('RS256', 'RS256', rsa.privateKey);
    for (const other of jwsAlgorithms) {
      if (other !== 'RS256') expect(verifies(good, other, rsa.publicKey), other).to.equal(false);
    }
    expect(verifies({ ...good, signature: Buffer.alloc(0) }, 'RS256', rsa.publicKey)).to.equal(false);
  });

  it('only HMAC takes a secret', () => {
    for (const algorithm of jwsAlgorithms) {
      expect(isKeyPairAlgorithm(algorithm), algorithm).to.equal(!algorithm.startsWith('HS'));
    }
    for (const name of ['none', 'HS1', 'toString', '']) expect(isKeyPairAlgorithm(name), name).to.equal(false);
  });

  it('a public key is checked against its algorithm', () => {
    for (const [algorithm, names] of Object.entries(accepted)) {
      for (const [name, pair] of Object.entries(pairs)) {
        const problem = names.includes(name) ? undefined : `not a key for ${algorithm}`;
        expect(checkVerificationKey(algorithm, pem(pair)), `${algorithm} ${name}`).to.equal(problem);
      }
      expect(checkVerificationKey(algorithm, 'no key')).to.equal('invalid key');
    }
    const privatePem = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(publicKey(privatePem)).to.equal(undefined);
    expect(publicKey('-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----')).to.equal(undefined);
    expect(publicKey(pem(rsa))?.type).to.equal('public');
  });

  it('is three parts of base64url, of which two are JSON objects', () => {
    const [header, claims] = [encoded({ alg: 'HS256' }), encoded({ iss: 'a' })];
    for (const text of [
      '',
      `${header}.${claims}`,
      `${header}.${claims}.a.b`,
      `${header}.${claims}.a=`,
      `${header}.${claims}.a\n`,
      ` ${header}.${claims}.a`,
      `${encoded([])}.${claims}.a`,
      `${header}.${encoded('text')}.a`,
      `${header}.${encoded(null)}.a`,
      `${header}.${Buffer.from('{"a":"\xff"}', 'latin1').toString('base64url')}.a`,
    ]) {
      expect(readJsonWebToken(text), text).to.deep.equal({ malformed: 'invalid JSON' });
    }
    expect(readJsonWebToken(`${encoded({ alg: 'none' })}.${claims}.`)).to.deep.equal({ malformed: 'invalid alg' });
    expect(readJsonWebToken(`${encoded({})}.${claims}.a`)).to.deep.equal({ malformed: 'invalid alg' });
    // "If any of the listed extension Header Parameters are not understood and supported by the recipient, then the JWS
    // is invalid." (RFC 7515 §4.1.11)
    const critical = encoded({ alg: 'HS256', crit: ['exp'] });
    expect(readJsonWebToken(`${critical}.${claims}.a`)).to.deep.equal({ malformed: 'invalid header' });
    expect(readJsonWebToken(`${header}.${claims}.YQ`)).to.deep.include({
      signed: `${header}.${claims}`,
      signature: Buffer.from('a'),
    });
  });
});
