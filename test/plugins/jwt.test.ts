import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { checkVerificationKey, jwsAlgorithms, publicKey, readJsonWebToken, verifies } from '../../src/oauth/jws.ts';
import { beginning, call, compiled, pluginWorld, refusedSettings } from './world.ts';

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const secret = 'a secret of the issuer';
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pemOf = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }) as string;

function hmacToken(claims: unknown, { alg = 'HS256', key = secret as string | Buffer, header = {} } = {}): string {
  const signed = `${encoded({ alg, typ: 'JWT', ...header })}.${encoded(claims)}`;
  return `${signed}.${createHmac(`sha${alg.slice(2)}`, key)
    .update(signed)
    .digest('base64url')}`;
}

function world(config = {}, tools: Parameters<typeof pluginWorld>[0] = {}) {
  const made = pluginWorld(tools);
  const alice = made.insert('consumers', { username: 'alice' });
  const credential = (row: object) =>
    made.insert('jwt_secrets', { consumer: { id: alice.id }, algorithm: 'HS256', ...row });
  credential({ key: 'issuer', secret, rsa_public_key: null });
  credential({ key: 'rs', secret: 'unused', algorithm: 'RS256', rsa_public_key: pemOf(rsa.publicKey) });
  return { made, alice, credential, hooks: [compiled('jwt', config, made)] };
}

const bearer = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });

async function messageFor(hooks: ReturnType<typeof world>['hooks'], token: string): Promise<unknown> {
  const { response } = await call(hooks, 'GET /a', bearer(token));
  expect(response?.status).to.equal(401);
  expect(response?.headers['www-authenticate']).to.equal('Bearer error="invalid_token"');
  return JSON.parse(response!.body);
}

describe('jwt', () => {
  it('sends the consumer and the issuer upstream', async () => {
    const { hooks, alice } = world();
    const { upstream, response } = await call(hooks, 'GET /a', bearer(hmacToken({ iss: 'issuer' })));
    expect(response).to.equal(undefined);
    expect(upstream.headers).to.include({ 'x-consumer-id': alice.id, 'x-credential-identifier': 'issuer' });
  });

  it('responds 401 with a challenge without `error` if there is no token', async () => {
    const { hooks } = world({ realm: 'api' });
    const { response } = await call(hooks, 'GET /a');
    expect(response).to.deep.include({ status: 401, body: '{"message":"Unauthorized"}' });
    expect(response?.headers['www-authenticate']).to.equal('Bearer realm="api"');
  });

  it('reads tokens in the configured query parameters, cookies and headers', async () => {
    const { hooks } = world({
      uri_param_names: ['t'],
      cookie_names: ['c'],
      header_names: ['x-token', 'authorization'],
    });
    const token = hmacToken({ iss: 'issuer' });
    const calls = [
      await call(hooks, `GET /a?x=1&t=${token}`),
      await call(hooks, 'GET /a', { headers: { Cookie: `a=b; c=${token}` } }),
      await call(hooks, 'GET /a', { headers: { 'X-Token': `bearer  ${token}` } }),
      // The same token twice is not ambiguous.
      await call(hooks, `GET /a?t=${token}`, bearer(token)),
    ];
    for (const { response } of calls) expect(response).to.equal(undefined);
    expect((await call(hooks, `GET /a?jwt=${token}`)).response?.status).to.equal(401);
  });

  it('refuses two different tokens', async () => {
    const { hooks } = world();
    const [one, other] = [hmacToken({ iss: 'issuer' }), hmacToken({ iss: 'issuer', n: 1 })];
    const { response } = await call(hooks, `GET /a?jwt=${one}`, bearer(other));
    expect(response?.body).to.equal('{"message":"Multiple tokens provided"}');
  });

  it('finds the credential by another claim, or by a header parameter', async () => {
    const { hooks } = world({ key_claim_name: 'kid' });
    expect((await call(hooks, 'GET /a', bearer(hmacToken({ kid: 'issuer' })))).response).to.equal(undefined);
    const inHeader = hmacToken({}, { header: { kid: 'issuer' } });
    expect((await call(hooks, 'GET /a', bearer(inHeader))).response).to.equal(undefined);
  });

  it('refuses a token that does not name a credential', async () => {
    const { hooks } = world();
    expect(await messageFor(hooks, hmacToken({}))).to.deep.equal({ message: "No mandatory 'iss' in claims" });
    expect(await messageFor(hooks, hmacToken({ iss: '' }))).to.deep.equal({ message: "Invalid 'iss' in claims" });
    expect(await messageFor(hooks, hmacToken({ iss: ['issuer'] }))).to.deep.equal({
      message: "Invalid 'iss' in claims",
    });
    const unknown = await messageFor(hooks, hmacToken({ iss: 'unknown' }));
    expect(unknown).to.deep.equal({ message: "No credentials found for given 'iss'" });
    for (const name of Object.getOwnPropertyNames(Object.prototype)) {
      const { hooks } = world({ key_claim_name: name });
      expect(await messageFor(hooks, hmacToken({ iss: 'issuer' }))).to.deep.equal({
        message: `No mandatory '${name}' in claims`,
      });
    }
  });

  describe('IN-13: the token does not decide how it is verified', () => {
    it('refuses alg=none in every spelling', async () => {
      const { hooks } = world();
      for (const alg of ['none', 'None', 'NONE', '', 'hs256', null, ['HS256'], 1]) {
        const token = `${encoded({ alg })}.${encoded({ iss: 'issuer' })}.`;
        expect(await messageFor(hooks, token)).to.deep.equal({ message: 'Bad token; invalid alg' });
      }
      expect(await messageFor(hooks, `${encoded({})}.${encoded({ iss: 'issuer' })}.`)).to.deep.equal({
        message: 'Bad token; invalid alg',
      });
    });

    it('refuses a token without a signature', async () => {
      const { hooks } = world();
      const token = `${encoded({ alg: 'HS256' })}.${encoded({ iss: 'issuer' })}.`;
      expect(await messageFor(hooks, token)).to.deep.equal({ message: 'Invalid signature' });
    });

    it('does not use a public key as the secret of an HMAC', async () => {
      const { hooks } = world();
      const forged = hmacToken({ iss: 'rs' }, { key: pemOf(rsa.publicKey) });
      expect(await messageFor(hooks, forged)).to.deep.equal({ message: 'Invalid algorithm' });
    });

    it('ignores keys in the token', async () => {
      const { hooks } = world();
      const own = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const header = { alg: 'RS256', jwk: own.publicKey.export({ format: 'jwk' }), jku: 'https://evil.example/jwks' };
      const signed = `${encoded(header)}.${encoded({ iss: 'rs' })}`;
      const token = `${signed}.${sign('sha256', Buffer.from(signed), own.privateKey).toString('base64url')}`;
      expect(await messageFor(hooks, token)).to.deep.equal({ message: 'Invalid signature' });
    });

    it('refuses extensions that must be understood (RFC 7515 §4.1.11)', async () => {
      const { hooks } = world();
      const token = hmacToken({ iss: 'issuer' }, { header: { crit: ['b64'], b64: false } });
      expect(await messageFor(hooks, token)).to.deep.equal({ message: 'Bad token; invalid header' });
    });

    it('refuses tokens that are not three parts of base64url with JSON objects in them', async () => {
      const { hooks } = world();
      const good = hmacToken({ iss: 'issuer' });
      const [header, claims, signature] = good.split('.');
      const bad = [
        'x',
        `${header}.${claims}`,
        `${good}.x`,
        `${header}.${claims}.${signature}=`,
        `${encoded([])}.${claims}.${signature}`,
        `${header}.${encoded(null)}.${signature}`,
        `${header}.${Buffer.from('{"iss":"\xff"}', 'latin1').toString('base64url')}.${signature}`,
      ];
      for (const token of bad)
        expect(await messageFor(hooks, token)).to.deep.equal({ message: 'Bad token; invalid JSON' });
    });

    it('refuses a token after any change of a character of the signature or of the signed text', () => {
      const token = hmacToken({ iss: 'issuer', n: 'x'.repeat(20) });
      const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
      fc.assert(
        fc.property(fc.nat(token.length - 2), fc.constantFrom(...alphabet), (at, character) => {
          fc.pre(token[at] !== character && token[at] !== '.');
          const changed = token.slice(0, at) + character + token.slice(at + 1);
          const read = readJsonWebToken(changed);
          expect('malformed' in read || !verifies(read, 'HS256', Buffer.from(secret))).to.equal(true);
        }),
      );
    });
  });

  describe('algorithms', () => {
    const pairs = {
      RS: () => rsa,
      PS: () => rsa,
      ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
      ES384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
      ES512: () => generateKeyPairSync('ec', { namedCurve: 'P-521' }),
      EdDSA: () => generateKeyPairSync('ed25519'),
    };

    for (const alg of jwsAlgorithms) {
      it(`${alg} verifies a token, and no other algorithm verifies it`, async () => {
        const { hooks, credential } = world();
        let token: string;
        if (alg.startsWith('HS')) {
          credential({ key: 'me', secret, algorithm: alg });
          token = hmacToken({ iss: 'me' }, { alg });
        } else {
          const pair = pairs[(alg in pairs ? alg : alg.slice(0, 2)) as keyof typeof pairs]();
          credential({ key: 'me', algorithm: alg, rsa_public_key: pemOf(pair.publicKey) });
          const signed = `${encoded({ alg })}.${encoded({ iss: 'me' })}`;
          const how = alg.startsWith('PS') ? { padding: 6, saltLength: -1 } : {};
          const key = { key: pair.privateKey, dsaEncoding: 'ieee-p1363', ...how } as const;
          const signature = sign(alg === 'EdDSA' ? null : `sha${alg.slice(2)}`, Buffer.from(signed), key);
          token = `${signed}.${signature.toString('base64url')}`;
        }
        expect((await call(hooks, 'GET /a', bearer(token))).response).to.equal(undefined);
        const read = readJsonWebToken(token);
        if ('malformed' in read) throw new Error(read.malformed);
        for (const other of jwsAlgorithms) {
          if (other !== alg) expect(verifies(read, other, Buffer.from(secret))).to.equal(false);
        }
      });
    }

    it('a key that does not fit its algorithm is refused as a setting', () => {
      const pem = pemOf(rsa.publicKey);
      expect(checkVerificationKey('RS256', pem)).to.equal(undefined);
      expect(checkVerificationKey('ES256', pem)).to.equal('not a key for ES256');
      expect(checkVerificationKey('RS256', 'nonsense')).to.equal('invalid key');
      const privatePem = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
      expect(publicKey(privatePem)).to.equal(undefined);
    });
  });

  it('decodes secrets with secret_is_base64', async () => {
    const { made, credential } = world();
    const raw = Buffer.from([0, 255, 16, 200, 3, 4, 5, 6, 7]);
    credential({ key: 'b64', secret: raw.toString('base64') });
    const hooks = [compiled('jwt', { secret_is_base64: true }, made)];
    const token = hmacToken({ iss: 'b64' }, { key: raw });
    expect((await call(hooks, 'GET /a', bearer(token))).response).to.equal(undefined);
  });

  describe('claims_to_verify', () => {
    const now = beginning / 1000;
    for (const [claims, wrong] of [
      [{ exp: now + 1, nbf: now }, undefined],
      [{ exp: now, nbf: now }, { exp: 'token expired' }],
      [{ exp: now + 1, nbf: now + 1 }, { nbf: 'token not valid yet' }],
      [
        { exp: now - 1, nbf: now + 1 },
        { exp: 'token expired', nbf: 'token not valid yet' },
      ],
      [{ exp: '9999999999' }, { exp: 'must be a number', nbf: 'must be a number' }],
    ] as const) {
      it(`${JSON.stringify(wrong ?? 'lets pass')} for exp ${Number(claims.exp) - now} s from now`, async () => {
        const { hooks } = world({ claims_to_verify: ['exp', 'nbf'] });
        const token = hmacToken({ iss: 'issuer', ...claims });
        if (wrong === undefined) expect((await call(hooks, 'GET /a', bearer(token))).response).to.equal(undefined);
        else expect(await messageFor(hooks, token)).to.deep.equal(wrong);
      });
    }

    it('SE-14: are compared with the clock of the machine, not with the one that never goes back', async () => {
      const { hooks } = world({ claims_to_verify: ['exp'] }, { now: () => beginning + 3_600_000 });
      const token = hmacToken({ iss: 'issuer', exp: now + 1 });
      expect((await call(hooks, 'GET /a', bearer(token))).response).to.equal(undefined);
    });

    it('are checked after the signature', async () => {
      const { hooks } = world({ claims_to_verify: ['exp'] });
      const token = hmacToken({ iss: 'issuer', exp: 1 }, { key: 'wrong' });
      expect(await messageFor(hooks, token)).to.deep.equal({ message: 'Invalid signature' });
    });

    it('maximum_expiration limits the time until exp', async () => {
      const { hooks } = world({ claims_to_verify: ['exp'], maximum_expiration: 60 });
      expect((await call(hooks, 'GET /a', bearer(hmacToken({ iss: 'issuer', exp: now + 60 })))).response).to.equal(
        undefined,
      );
      const far = await messageFor(hooks, hmacToken({ iss: 'issuer', exp: now + 61 }));
      expect(far).to.deep.equal({ exp: 'exceeds maximum allowed expiration' });
    });

    it('maximum_expiration is refused as a setting if exp is not verified', () => {
      expect(refusedSettings('jwt', { maximum_expiration: 60, claims_to_verify: ['nbf'] })).to.have.property('@entity');
      expect(refusedSettings('jwt', { maximum_expiration: 60, claims_to_verify: ['exp'] })).to.equal(undefined);
    });
  });
});
