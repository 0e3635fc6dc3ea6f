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

async function told(hooks: ReturnType<typeof world>['hooks'], token: string): Promise<unknown> {
  const { answer } = await call(hooks, 'GET /a', bearer(token));
  expect(answer?.status).to.equal(401);
  expect(answer?.headers['www-authenticate']).to.equal('Bearer error="invalid_token"');
  return JSON.parse(answer!.body);
}

describe('jwt', () => {
  it('tells the upstream whose token it is, and by which issuer', async () => {
    const { hooks, alice } = world();
    const { upstream, answer } = await call(hooks, 'GET /a', bearer(hmacToken({ iss: 'issuer' })));
    expect(answer).to.equal(undefined);
    expect(upstream.headers).to.include({ 'x-consumer-id': alice.id, 'x-credential-identifier': 'issuer' });
  });

  it('says Unauthorized where there is no token, and challenges without an error', async () => {
    const { hooks } = world({ realm: 'api' });
    const { answer } = await call(hooks, 'GET /a');
    expect(answer).to.deep.include({ status: 401, body: '{"message":"Unauthorized"}' });
    expect(answer?.headers['www-authenticate']).to.equal('Bearer realm="api"');
  });

  it('looks into the query, cookies and headers that it is told of', async () => {
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
      // The same token twice leaves no doubt.
      await call(hooks, `GET /a?t=${token}`, bearer(token)),
    ];
    for (const { answer } of calls) expect(answer).to.equal(undefined);
    expect((await call(hooks, `GET /a?jwt=${token}`)).answer?.status).to.equal(401);
  });

  it('refuses two tokens, of which either might be meant', async () => {
    const { hooks } = world();
    const [one, other] = [hmacToken({ iss: 'issuer' }), hmacToken({ iss: 'issuer', n: 1 })];
    const { answer } = await call(hooks, `GET /a?jwt=${one}`, bearer(other));
    expect(answer?.body).to.equal('{"message":"Multiple tokens provided"}');
  });

  it('finds the credential by another claim, or by the header', async () => {
    const { hooks } = world({ key_claim_name: 'kid' });
    expect((await call(hooks, 'GET /a', bearer(hmacToken({ kid: 'issuer' })))).answer).to.equal(undefined);
    const inHeader = hmacToken({}, { header: { kid: 'issuer' } });
    expect((await call(hooks, 'GET /a', bearer(inHeader))).answer).to.equal(undefined);
  });

  it('refuses a token that does not say whose it is', async () => {
    const { hooks } = world();
    expect(await told(hooks, hmacToken({}))).to.deep.equal({ message: "No mandatory 'iss' in claims" });
    expect(await told(hooks, hmacToken({ iss: '' }))).to.deep.equal({ message: "Invalid 'iss' in claims" });
    expect(await told(hooks, hmacToken({ iss: ['issuer'] }))).to.deep.equal({ message: "Invalid 'iss' in claims" });
    const unknown = await told(hooks, hmacToken({ iss: 'nobody' }));
    expect(unknown).to.deep.equal({ message: "No credentials found for given 'iss'" });
    for (const name of Object.getOwnPropertyNames(Object.prototype)) {
      const { hooks } = world({ key_claim_name: name });
      expect(await told(hooks, hmacToken({ iss: 'issuer' }))).to.deep.equal({
        message: `No mandatory '${name}' in claims`,
      });
    }
  });

  describe('IN-13: the token has no say in how it is verified', () => {
    it('refuses alg=none, however it is written', async () => {
      const { hooks } = world();
      for (const alg of ['none', 'None', 'NONE', '', 'hs256', null, ['HS256'], 1]) {
        const token = `${encoded({ alg })}.${encoded({ iss: 'issuer' })}.`;
        expect(await told(hooks, token)).to.deep.equal({ message: 'Bad token; invalid alg' });
      }
      expect(await told(hooks, `${encoded({})}.${encoded({ iss: 'issuer' })}.`)).to.deep.equal({
        message: 'Bad token; invalid alg',
      });
    });

    it('refuses a token without a signature', async () => {
      const { hooks } = world();
      const token = `${encoded({ alg: 'HS256' })}.${encoded({ iss: 'issuer' })}.`;
      expect(await told(hooks, token)).to.deep.equal({ message: 'Invalid signature' });
    });

    it('does not take a public key for the secret of an HMAC', async () => {
      const { hooks } = world();
      const forged = hmacToken({ iss: 'rs' }, { key: pemOf(rsa.publicKey) });
      expect(await told(hooks, forged)).to.deep.equal({ message: 'Invalid algorithm' });
    });

    it('does not look at a key that the token brings along', async () => {
      const { hooks } = world();
      const own = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const header = { alg: 'RS256', jwk: own.publicKey.export({ format: 'jwk' }), jku: 'https://evil.example/jwks' };
      const signed = `${encoded(header)}.${encoded({ iss: 'rs' })}`;
      const token = `${signed}.${sign('sha256', Buffer.from(signed), own.privateKey).toString('base64url')}`;
      expect(await told(hooks, token)).to.deep.equal({ message: 'Invalid signature' });
    });

    it('refuses extensions that must be understood (RFC 7515 §4.1.11)', async () => {
      const { hooks } = world();
      const token = hmacToken({ iss: 'issuer' }, { header: { crit: ['b64'], b64: false } });
      expect(await told(hooks, token)).to.deep.equal({ message: 'Bad token; invalid header' });
    });

    it('refuses what is not three parts of base64url with JSON objects in them', async () => {
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
      for (const token of bad) expect(await told(hooks, token)).to.deep.equal({ message: 'Bad token; invalid JSON' });
    });

    it('no change of a character of the signature or of what is signed passes', () => {
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
      it(`${alg} verifies, and no other one does for the same token`, async () => {
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
        expect((await call(hooks, 'GET /a', bearer(token))).answer).to.equal(undefined);
        const read = readJsonWebToken(token);
        if ('malformed' in read) throw new Error(read.malformed);
        for (const other of jwsAlgorithms) {
          if (other !== alg) expect(verifies(read, other, Buffer.from(secret))).to.equal(false);
        }
      });
    }

    it('a key is refused that is not one for its algorithm', () => {
      const pem = pemOf(rsa.publicKey);
      expect(checkVerificationKey('RS256', pem)).to.equal(undefined);
      expect(checkVerificationKey('ES256', pem)).to.equal('not a key for ES256');
      expect(checkVerificationKey('RS256', 'nonsense')).to.equal('invalid key');
      const privatePem = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
      expect(publicKey(privatePem)).to.equal(undefined);
    });
  });

  it('reads secrets in base64 where they are kept so', async () => {
    const { made, credential } = world();
    const raw = Buffer.from([0, 255, 16, 200, 3, 4, 5, 6, 7]);
    credential({ key: 'b64', secret: raw.toString('base64') });
    const hooks = [compiled('jwt', { secret_is_base64: true }, made)];
    const token = hmacToken({ iss: 'b64' }, { key: raw });
    expect((await call(hooks, 'GET /a', bearer(token))).answer).to.equal(undefined);
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
        if (wrong === undefined) expect((await call(hooks, 'GET /a', bearer(token))).answer).to.equal(undefined);
        else expect(await told(hooks, token)).to.deep.equal(wrong);
      });
    }

    it('SE-14: are held against the clock of the machine, not against one that never goes back', async () => {
      const { hooks } = world({ claims_to_verify: ['exp'] }, { now: () => beginning + 3_600_000 });
      const token = hmacToken({ iss: 'issuer', exp: now + 1 });
      expect((await call(hooks, 'GET /a', bearer(token))).answer).to.equal(undefined);
    });

    it('are not looked at before the signature', async () => {
      const { hooks } = world({ claims_to_verify: ['exp'] });
      const token = hmacToken({ iss: 'issuer', exp: 1 }, { key: 'wrong' });
      expect(await told(hooks, token)).to.deep.equal({ message: 'Invalid signature' });
    });

    it('maximum_expiration bounds how far ahead exp may lie', async () => {
      const { hooks } = world({ claims_to_verify: ['exp'], maximum_expiration: 60 });
      expect((await call(hooks, 'GET /a', bearer(hmacToken({ iss: 'issuer', exp: now + 60 })))).answer).to.equal(
        undefined,
      );
      const far = await told(hooks, hmacToken({ iss: 'issuer', exp: now + 61 }));
      expect(far).to.deep.equal({ exp: 'exceeds maximum allowed expiration' });
    });

    it('maximum_expiration is refused as a setting where exp is not verified', () => {
      expect(refusedSettings('jwt', { maximum_expiration: 60, claims_to_verify: ['nbf'] })).to.have.property('@entity');
      expect(refusedSettings('jwt', { maximum_expiration: 60, claims_to_verify: ['exp'] })).to.equal(undefined);
    });
  });
});
