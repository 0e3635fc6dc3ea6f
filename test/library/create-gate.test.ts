import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import fc from 'fast-check';
import { secretHashes } from '../../adapters/crypto/secret-hash.ts';
import {
  createGate,
  type GateOptions,
  InvalidOption,
  memoryStore,
  Unavailable,
} from '../../adapters/library/portcullis.ts';
import { handClock, testClient, testGate, tokenFor } from '../../adapters/testing/testing.ts';
import { isPending } from '../../src/ports/maybe-promise.ts';

const credentials = { client_id: testClient.clientId, client_secret: testClient.clientSecret };
const asClient = { grant_type: 'client_credentials', ...credentials };
const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const fromBrowser = {
  response_type: 'code',
  client_id: testClient.clientId,
  redirect_uri: testClient.redirectUris[0],
  code_challenge: createHash('sha256').update(verifier).digest('base64url'),
  code_challenge_method: 'S256',
};

/** The authorization code in the URL that the gate returns for the browser. */
async function codeOf(gate: ReturnType<typeof createGate>, parameters: Record<string, string> = {}): Promise<string> {
  const outcome = await gate.authorize({ ...fromBrowser, ...parameters }, { subject: 'alice' });
  if (outcome.state !== 'authorized') throw new Error(outcome.description);
  return new URL(outcome.redirectTo).searchParams.get('code') ?? '';
}

const redeeming = (code: string) => ({
  grant_type: 'authorization_code',
  code,
  code_verifier: verifier,
  redirect_uri: testClient.redirectUris[0],
  ...credentials,
});

describe('createGate', () => {
  describe('check', () => {
    it('returns the outcome for a remembered token without a promise', async () => {
      const gate = testGate();
      const token = await tokenFor(gate);
      await gate.check(token);
      expect(isPending(gate.check(token))).to.equal(false);
    });

    it('RS-06: denies a request without a token', async () => {
      expect(await testGate().check(undefined)).to.include({
        state: 'denied',
        reason: 'token_missing',
        status: 401,
        error: undefined,
        challenge: 'Bearer',
      });
    });

    it('RS-08: names the missing scope, and says what to do', async () => {
      const gate = testGate({ realm: 'orders', scopes: ['read', 'write'] });
      const outcome = await gate.check(await tokenFor(gate, { scopes: ['read'] }), { scopes: ['read', 'write'] });
      expect(outcome).to.include({
        state: 'denied',
        reason: 'scope_insufficient',
        status: 403,
        error: 'insufficient_scope',
      });
      expect(outcome)
        .to.have.property('challenge')
        .match(/^Bearer realm="orders", .*scope="read write"/);
      expect(outcome).to.have.property('remedy', 'Get a token with the scope named in the challenge.');
    });

    it('RS-14: admits a token only for the service that it was issued for', async () => {
      const gate = testGate({ audience: 'orders' });
      const token = await tokenFor(gate, { audience: 'billing' });
      expect(await gate.check(token)).to.include({ state: 'denied' });
      expect(await gate.check(token, { audience: 'billing' })).to.include({ state: 'admitted' });
    });

    it('RS-09: does not look up a text that cannot be a token by its form', async () => {
      const store = memoryStore();
      const asked: unknown[] = [];
      const grants = {
        ...store.grants,
        byAccessToken: (token: string) => {
          asked.push(token);
          return undefined;
        },
      };
      const gate = testGate({ store: { ...store, grants } });
      const hostile = [
        { $ne: null },
        ['a'],
        7,
        null,
        '',
        '\0',
        'a b',
        'a\nb',
        'ä',
        '{"$gt":""}',
        '.*',
        "' or 1=1--",
        '%00',
      ];
      for (const value of hostile) {
        expect(await gate.check(value as never), String(value)).to.include({
          state: 'denied',
          status: 401,
          error: 'invalid_token',
        });
      }
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(
            fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('latin1')),
            fc.string(),
          ),
          async (text) => {
            expect(await gate.check(text)).to.include({ state: 'denied', error: 'invalid_token' });
          },
        ),
      );
      expect(asked.filter((token) => !/^[A-Za-z0-9\-._~+/]+=*$/.test(String(token)))).to.deep.equal([]);
    });

    it('RS-09: denies a token of a mebibyte quickly', async () => {
      expect(await testGate().check('a'.repeat(1_048_576))).to.include({ state: 'denied' });
    });

    it('rejects if the store cannot be reached', async () => {
      const store = memoryStore();
      const grants = { ...store.grants, byAccessToken: () => Promise.reject(new Unavailable('gone')) };
      const gate = testGate({ store: { ...store, grants } });
      const failure = await Promise.resolve(gate.check('aToken')).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(failure).to.be.instanceOf(Unavailable);
    });
  });

  it('exchange refuses a request of Node that is not parsed yet', async () => {
    const request = Object.assign(new PassThrough(), { method: 'POST', headers: {} });
    const thrown = await testGate()
      .exchange(request as never)
      .catch((error: unknown) => error);
    expect(thrown)
      .to.be.instanceOf(InvalidOption)
      .with.property('message')
      .that.includes('must be the parsed parameters of the request');
  });

  describe('checkRequest', () => {
    it('reads the token from a request of a Node server', async () => {
      const gate = testGate({ scopes: ['read'] });
      const authorization = `Bearer ${await tokenFor(gate, { scopes: ['read'] })}`;
      const asked = async (headers: Record<string, string | string[]>, path = '/orders') => {
        const states: unknown[] = [];
        const server = createServer(async (request, response) => {
          const outcome = await gate.checkRequest(request, { scopes: ['read'] });
          states.push(outcome.state === 'denied' ? outcome.status : outcome.state);
          response.end();
        }).listen(0, '127.0.0.1');
        await once(server, 'listening');
        const { port } = server.address() as AddressInfo;
        const [response] = await once(get({ port, host: '127.0.0.1', path, headers, agent: false }), 'response');
        response.resume();
        await once(server.close(), 'close');
        return states[0];
      };
      expect(await asked({ authorization })).to.equal('admitted');
      expect(await asked({})).to.equal(401);
      expect(await asked({ Authorization: [authorization, authorization] }), 'RS-02').to.equal(400);
      expect(await asked({ authorization }, '/?access_token=a'), 'RS-02').to.equal(400);
    });

    it('throws for a request that it cannot read, and does not treat it as one without a token', () => {
      const gate = testGate();
      const headers = { authorization: 'Bearer x' };
      expect(() => gate.checkRequest({ headers } as never)).to.throw(InvalidOption, 'headers is not an option');
      expect(() => gate.checkRequest({ query: { access_token: 'x' } } as never)).to.throw(
        InvalidOption,
        'query must be',
      );
      expect(() => gate.checkRequest(undefined as never)).to.throw(InvalidOption, 'must be an object');
    });

    it('reads a Request of the Fetch API', async () => {
      const gate = testGate();
      const authorization = `Bearer ${await tokenFor(gate)}`;
      expect(await gate.checkRequest(new Request('https://a.example/', { headers: { authorization } }))).to.include({
        state: 'admitted',
        foundIn: 'header',
      });
      const both = new Request('https://a.example/?access_token=x', { headers: { authorization } });
      expect(await gate.checkRequest(both), 'RS-02').to.include({ state: 'denied', status: 400 });
      expect(await gate.checkRequest(new Request('https://a.example/'))).to.include({ reason: 'token_missing' });
    });

    it('RS-02: receives all values of the header, and denies more than one', async () => {
      const gate = testGate();
      const authorization = `Bearer ${await tokenFor(gate)}`;
      expect(await gate.checkRequest({ authorization: [authorization] })).to.include({ state: 'admitted' });
      expect(await gate.checkRequest({ authorization: [authorization, authorization] })).to.include({ status: 400 });
      expect(await gate.checkRequest({ authorization: [] })).to.include({ reason: 'token_missing' });
    });
  });

  describe('exchange', () => {
    it('issues a token for parameters, as an outcome', async () => {
      const gate = testGate({ scopes: ['read', 'write'] });
      const outcome = await gate.exchange({ ...asClient, scope: 'read' });
      expect(outcome).to.deep.include({ state: 'issued', expiresIn: 600, refreshToken: undefined, scope: ['read'] });
      expect(outcome.response.body).to.have.property('token_type', 'bearer');
    });

    it('accepts URLSearchParams and lists of values, and refuses a repeated parameter', async () => {
      const gate = testGate();
      expect(await gate.exchange(new URLSearchParams(asClient))).to.include({ state: 'issued' });
      expect(await gate.exchange({ ...asClient, grant_type: ['client_credentials'], scope: undefined })).to.include({
        state: 'issued',
      });
      expect(await gate.exchange({ ...asClient, grant_type: ['client_credentials', 'password'] })).to.include({
        state: 'refused',
        reason: 'parameter_repeated',
        status: 400,
      });
    });

    it('accepts HTTP Basic in the context', async () => {
      const authorization = `Basic ${Buffer.from('test-client:test-secret').toString('base64')}`;
      expect(await testGate().exchange({ grant_type: 'client_credentials' }, { authorization })).to.include({
        state: 'issued',
      });
    });

    it('accepts a Request of the Fetch API, over TLS', async () => {
      const gate = testGate();
      const request = (url: string) => new Request(url, { method: 'POST', body: new URLSearchParams(asClient) });
      expect(await gate.exchange(request('https://a.example/token'))).to.include({ state: 'issued' });
      expect(await gate.exchange(request('http://a.example/token'))).to.include({ reason: 'https_required' });
      expect(await gate.exchange(request('http://127.0.0.1/token'), { secure: true })).to.include({ state: 'issued' });
      expect(await gate.exchange(new Request('https://a.example/token'))).to.include({ status: 405 });
    });

    it('refuses a body that is too large', async () => {
      const body = new URLSearchParams({ grant_type: 'x'.repeat(1_100_000) });
      const whole = new Request('https://a.example/token', { method: 'POST', body });
      expect(await testGate().exchange(whole)).to.include({ reason: 'body_too_large', status: 413 });
      const streamed = new Request('https://a.example/token', {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new Blob([String(body)]).stream(),
        duplex: 'half',
      });
      expect(await testGate().exchange(streamed)).to.include({ reason: 'body_too_large' });
    });

    it('issues tokens for the service in the context', async () => {
      const gate = testGate({ audience: 'orders' });
      const outcome = await gate.exchange(asClient, { audience: 'billing' });
      if (outcome.state !== 'issued') throw new Error(outcome.description);
      expect(await gate.check(outcome.accessToken)).to.include({ state: 'denied' });
      expect(await gate.check(outcome.accessToken, { audience: 'billing' })).to.include({ state: 'admitted' });
    });

    it('rate limits failed authentications from one address, and no other address', async () => {
      const gate = testGate();
      const wrong = { ...asClient, client_secret: 'wrong' };
      for (let n = 0; n < 10; n++) await gate.exchange(wrong, { from: '192.0.2.1' });
      expect(await gate.exchange(asClient, { from: '192.0.2.1' })).to.include({
        status: 429,
        error: 'temporarily_unavailable',
      });
      expect(await gate.exchange(asClient, { from: '198.51.100.1' })).to.include({ state: 'issued' });
    });

    it('accepts a client whose secret is listed as a hash', async () => {
      const clientSecret = await secretHashes().hash('a very secret secret');
      const gate = createGate({ clients: [{ clientId: 'printer', clientSecret }] });
      const ask = (client_secret: string) =>
        gate.exchange({ grant_type: 'client_credentials', client_id: 'printer', client_secret });
      expect(await ask('a very secret secret')).to.include({ state: 'issued' });
      expect(await ask(clientSecret)).to.include({ state: 'refused' });
    });

    it('redeems a code once; a replay revokes the grant', async () => {
      const gate = testGate();
      const code = await codeOf(gate);
      const issued = await gate.exchange(redeeming(code));
      if (issued.state !== 'issued') throw new Error(issued.description);
      expect(await gate.check(issued.accessToken)).to.have.nested.property('bearer.grant.subject', 'alice');
      expect(await gate.exchange(redeeming(code))).to.include({ state: 'refused', error: 'invalid_grant' });
      expect(await gate.check(issued.accessToken)).to.include({ state: 'denied' });
    });

    it('rotates a refresh token, and refuses it after its expiry', async () => {
      const gate = testGate({ refreshTokenLifetime: 3600 });
      const first = await gate.exchange(redeeming(await codeOf(gate)));
      if (first.state !== 'issued') throw new Error(first.description);
      const refresh = (refresh_token = '') =>
        gate.exchange({ grant_type: 'refresh_token', refresh_token, ...credentials });
      const second = await refresh(first.refreshToken);
      if (second.state !== 'issued') throw new Error(second.description);
      expect(await gate.check(first.accessToken)).to.include({ state: 'denied' });
      expect(await gate.check(second.accessToken)).to.include({ state: 'admitted' });
      gate.clock.pass(3600);
      expect(await refresh(second.refreshToken)).to.include({ state: 'refused', error: 'invalid_grant' });
    });
  });

  describe('authorize', () => {
    it('takes the resource owner from the program, never from the browser', async () => {
      const gate = testGate();
      const smuggled = {
        authenticated_userid: 'mallory',
        'authenticated_userid[]': 'mallory',
        provision_key: 'guessed',
        'provision_key[0]': 'guessed',
      };
      const issued = await gate.exchange(redeeming(await codeOf(gate, smuggled)));
      if (issued.state !== 'issued') throw new Error(issued.description);
      expect(await gate.check(issued.accessToken)).to.have.nested.property('bearer.grant.subject', 'alice');
    });

    it('sends an error to the client through the browser, only to a registered redirect URI', async () => {
      const gate = testGate({ issuerIdentifier: 'https://auth.example' });
      const asked = { ...fromBrowser, state: 'xyz' };
      const scope = await gate.authorize({ ...asked, scope: 'unknown' }, { subject: 'alice' });
      expect(scope).to.include({ state: 'refused', error: 'invalid_scope' });
      expect(scope.state === 'refused' && scope.redirectTo).to.match(
        /^https:\/\/client\.example\/callback\?error=invalid_scope&.*state=xyz.*iss=/,
      );
      const elsewhere = await gate.authorize({ ...asked, redirect_uri: 'https://evil.example' }, { subject: 'alice' });
      expect(elsewhere).to.include({ state: 'refused', redirectTo: undefined });
    });

    it('throws without a resource owner', async () => {
      const failure = await testGate()
        .authorize(fromBrowser, { subject: ' ' })
        .catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(InvalidOption);
    });
  });

  describe('revoke', () => {
    it('revokes the whole grant, by either token or by its id', async () => {
      const gate = testGate();
      const by = [
        (issued: { accessToken: string }) => issued.accessToken,
        (issued: { refreshToken: string | undefined }) => issued.refreshToken ?? '',
        async (issued: { accessToken: string }) => {
          const outcome = await gate.check(issued.accessToken);
          return { grantId: outcome.state === 'admitted' ? outcome.bearer.grant.grantId : '' };
        },
      ];
      for (const what of by) {
        const issued = await gate.exchange(redeeming(await codeOf(gate)));
        if (issued.state !== 'issued') throw new Error(issued.description);
        expect(await gate.check(issued.accessToken)).to.include({ state: 'admitted' });
        expect(await gate.revoke(await what(issued))).to.include({ state: 'revoked' });
        expect(await gate.check(issued.accessToken)).to.include({ state: 'denied' });
        const refresh = { grant_type: 'refresh_token', refresh_token: issued.refreshToken, ...credentials };
        expect(await gate.exchange(refresh)).to.include({ state: 'refused' });
      }
    });

    it('returns unknown for a token that was never issued', async () => {
      expect(await testGate().revoke('unknown')).to.deep.equal({ state: 'unknown' });
      expect(await testGate().revoke({ grantId: 'unknown' })).to.deep.equal({ state: 'unknown' });
    });
  });

  describe('with a store', () => {
    it('a new gate with the same store and the same clients accepts the tokens of the gate before', async () => {
      const store = memoryStore();
      const clients = [testClient];
      const before = createGate({ store, clients });
      const issued = await before.exchange(redeeming(await codeOf(before)));
      if (issued.state !== 'issued') throw new Error(issued.description);
      const after = createGate({ store, clients });
      expect(await after.check(issued.accessToken)).to.have.nested.property('bearer.client.clientId', 'test-client');
    });

    it('RS-16: with announcements, a token revoked at one gate is denied at the other at once', async () => {
      const store = memoryStore();
      const [one, other] = [testGate({ store }), testGate({ store })];
      const token = await tokenFor(one);
      expect(await other.check(token)).to.include({ state: 'admitted' });
      await one.revoke(token);
      expect(await other.check(token)).to.include({ state: 'denied' });
    });

    it('RS-16: without announcements, no token is remembered', async () => {
      const { grants, codes } = memoryStore(handClock());
      const gate = testGate({ store: { grants, codes } });
      const token = await tokenFor(gate);
      expect(await gate.check(token)).to.include({ state: 'admitted' });
      await grants.removeOf([{ serviceId: 'default' }]);
      expect(await gate.check(token)).to.include({ state: 'denied' });
    });

    it('finds clients in rows that the Admin API writes', async () => {
      const store = memoryStore();
      const consumer = '6f3c2a52-54f1-4f4c-8f43-5d1d5a0f2c02';
      const kind = { uniqueTogether: [], foreign: [], encrypted: () => [] };
      store.entities.insert({ ...kind, name: 'consumers', unique: ['username'] }, { id: consumer, username: 'ada' });
      store.entities.insert(
        { ...kind, name: 'oauth2_credentials', unique: ['client_id'] },
        {
          id: '1f0c7a52-54f1-4f4c-8f43-5d1d5a0f2c02',
          name: 'printer',
          client_id: 'printer',
          client_secret: 's3cret',
          consumer: { id: consumer },
        },
      );
      const gate = createGate({ store });
      const issued = await gate.exchange({
        grant_type: 'client_credentials',
        client_id: 'printer',
        client_secret: 's3cret',
      });
      if (issued.state !== 'issued') throw new Error(issued.description);
      expect(await gate.check(issued.accessToken)).to.have.nested.property('bearer.consumer.username', 'ada');
    });

    it('within the grace period every process with the key returns the same tokens for a repeated refresh', async () => {
      const store = memoryStore();
      const key = Buffer.alloc(32, 7);
      const options = { store, clients: [testClient], refreshTokenGrace: 10, key };
      const [one, other] = [createGate(options), createGate(options)];
      const issued = await one.exchange(redeeming(await codeOf(one)));
      if (issued.state !== 'issued') throw new Error(issued.description);
      const refresh = { grant_type: 'refresh_token', refresh_token: issued.refreshToken, ...credentials };
      const [first, second] = [await one.exchange(refresh), await other.exchange(refresh)];
      expect(first).to.include({ state: 'issued' });
      expect(second.state === 'issued' && second.accessToken).to.equal(first.state === 'issued' && first.accessToken);
    });
  });

  describe('in profile kong', () => {
    it('uses the error texts of Kong', async () => {
      const gate = testGate({
        profile: 'kong',
        grantTypes: ['password', 'client_credentials'],
        provisionKey: 'a provision key!',
      });
      expect(await gate.check('unknown'))
        .to.have.property('challenge')
        .not.match(/, /);
      const password = {
        grant_type: 'password',
        provision_key: 'a provision key!',
        authenticated_userid: 'alice',
        ...credentials,
      };
      expect(await gate.exchange(password)).to.include({ state: 'issued' });
    });

    it('issues tokens that never expire', async () => {
      const gate = testGate({ profile: 'kong', accessTokenLifetime: Number.POSITIVE_INFINITY });
      const issued = await gate.exchange(asClient);
      expect(issued).to.include({ state: 'issued', expiresIn: undefined });
      gate.clock.pass(1e9);
      expect(await gate.check(issued.state === 'issued' ? issued.accessToken : '')).to.include({ state: 'admitted' });
    });
  });

  describe('refuses wrong options by name', () => {
    const wrong: readonly (readonly [option: string, options: unknown, says: string])[] = [
      ['createGate', null, 'must be an object'],
      ['profil', { profil: 'kong' }, 'did you mean profile?'],
      ['profile', { profile: 'oauth' }, "'rfc9700' or 'kong'"],
      ['audience', { audience: 'two words' }, 'name of a service'],
      ['scopes', { scopes: 'read write' }, "['read', 'write']"],
      ['scopes', { scopes: ['a"b'] }, 'RFC 6749'],
      ['defaultScopes', { scopes: ['read'], defaultScopes: ['write'] }, 'subset of scopes'],
      ['mandatoryScope', { mandatoryScope: 'yes' }, 'true or false'],
      ['grantTypes', { grantTypes: ['password'] }, 'RFC 9700'],
      ['grantTypes', { grantTypes: ['refresh_token'] }, 'comes with'],
      ['grantTypes', { grantTypes: ['authorisation_code'] }, 'authorization_code'],
      ['accessTokenLifetime', { accessTokenLifetime: 0 }, 'whole number of seconds from 1'],
      ['accessTokenLifetime', { accessTokenLifetime: 1.5 }, 'whole number'],
      ['accessTokenLifetime', { accessTokenLifetime: '600' }, 'whole number'],
      ['refreshTokenLifetime', { refreshTokenLifetime: Number.NaN }, 'whole number'],
      ['refreshTokenGrace', { refreshTokenGrace: 61 }, 'from 0 to 60'],
      ['pkce', { pkce: 'lax' }, 'always requires PKCE'],
      ['pkce', { profile: 'kong', pkce: 'plain' }, "'none', 'lax' or 'strict'"],
      ['provisionKey', { provisionKey: 'short' }, '16 characters'],
      ['issuerIdentifier', { issuerIdentifier: 'http://auth.example' }, 'https'],
      ['realm', { realm: 'a"b' }, 'without quote'],
      ['clock', { clock: {} }, 'now()'],
      ['key', { key: Buffer.alloc(16) }, '32 bytes'],
      ['store', { store: 'memory' }, 'must be an object'],
      ['store.codes', { store: { grants: memoryStore().grants } }, 'save()'],
      ['store.entities', { store: { ...memoryStore(), entities: {} } }, 'get()'],
      ['clients', { store: { ...memoryStore(), entities: undefined } }, 'must be listed'],
      ['clients', { clients: {} }, 'must be a list'],
      ['clients[0].clientSecret', { clients: [{ clientId: 'a' }] }, "type: 'public'"],
      [
        'clients[0].clientSecret',
        { clients: [{ clientId: 'a', clientSecret: 'TopSecret', type: 'public' }] },
        'cannot keep it secret',
      ],
      ['clients[0].clientSecret', { clients: [{ clientId: 'a', clientSecret: 'TopSecret\n' }] }, 'printable'],
      ['clients[0].type', { clients: [{ clientId: 'a', type: 'native' }] }, "'public'"],
      ['clients[0].clientId', { clients: [{ clientId: '', type: 'public' }] }, 'printable'],
      ['clients[1].clientId', { clients: [testClient, testClient] }, 'twice'],
      ['clients[0].redirectUris', { clients: [{ ...testClient, redirectUris: ['/callback'] }] }, '/callback'],
      ['clients[0].redirectUris', { clients: [{ ...testClient, redirectUris: ['https://a.example/#x'] }] }, 'fragment'],
      ['clients[0].name', { clients: [{ ...testClient, name: '' }] }, 'not empty'],
      ['client_id', { clients: [{ client_id: 'a' }] }, 'did you mean clientId?'],
    ];
    for (const [option, options, says] of wrong) {
      it(`${option}: ${says}`, () => {
        expect(() => createGate(options as GateOptions))
          .to.throw(InvalidOption)
          .that.satisfies((error: InvalidOption) => error.option === option && error.message.includes(says))
          .and.satisfies((error: InvalidOption) => !error.message.includes('TopSecret'));
      });
    }
  });
});
