import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2, type OutgoingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import Router from '@koa/router';
import { expect } from 'chai';
import Koa from 'koa';
import { bearer, bearerOf, oauthRoutes } from '../../adapters/http/koa.ts';
import { InvalidOption } from '../../adapters/library/options.ts';
import { memoryStore, type TestGate, testClient, testGate, tokenFor } from '../../adapters/testing/testing.ts';
import { Unavailable } from '../../src/ports/unavailable.ts';
import { listening } from './listening.ts';

describe('the gate in a Koa app', () => {
  const closing: (() => Promise<void>)[] = [];
  after(() => Promise.all(closing.map((close) => close())));

  async function serve(app: Koa): Promise<string> {
    const server = await listening(createServer(app.callback()));
    closing.push(server.close);
    return `http://127.0.0.1:${server.port}`;
  }

  async function open(gate: TestGate): Promise<string> {
    const app = new Koa();
    app.use(oauthRoutes(gate));
    app.use(bearer(gate, { scopes: ['read'] })).use((ctx) => {
      ctx.body = bearerOf(ctx).client.clientId;
    });
    return serve(app);
  }

  const form = (parameters: Record<string, string>): RequestInit => ({
    method: 'POST',
    body: new URLSearchParams(parameters),
  });
  const credentials = { client_id: testClient.clientId, client_secret: testClient.clientSecret };
  const scoped = { scopes: ['read', 'write'] };

  it('CA-04: two Authorization headers at the token endpoint authenticate no client', async () => {
    const gate = testGate({ scopes: ['read'] });
    const basic = `Basic ${Buffer.from(`${testClient.clientId}:${testClient.clientSecret}`).toString('base64')}`;
    const ask = async (authorization: string[]) => {
      const sent = request(`${await open(gate)}/oauth2/token`, {
        method: 'POST',
        headers: [
          'host',
          '127.0.0.1',
          'connection',
          'close',
          'content-type',
          'application/x-www-form-urlencoded',
          ...authorization.flatMap((value) => ['authorization', value]),
        ],
      }).end('grant_type=client_credentials');
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      response.resume();
      return response.statusCode;
    };
    expect(await ask([basic])).to.equal(200);
    expect(await ask([basic, basic])).to.equal(401);
    expect(await ask([basic, 'Bearer x'])).to.equal(401);
  });

  describe('the bearer middleware', () => {
    it('RS-02: two Authorization headers are refused', async () => {
      const gate = testGate(scoped);
      const token = await tokenFor(gate, { scopes: ['read'] });
      const { status, challenge } = await raw(await open(gate), {
        Authorization: [`Bearer ${token}`, `Bearer ${token}`],
      });
      expect(status).to.equal(400);
      expect(challenge).to.include('error="invalid_request"');
    });

    it('RS-02: a token in the header and one in the query are refused', async () => {
      const gate = testGate(scoped);
      const token = await tokenFor(gate, { scopes: ['read'] });
      const response = await fetch(`${await open(gate)}/?access_token=${token}`, {
        headers: { authorization: `Bearer ${token}` },
      });
      expect(response.status).to.equal(400);
    });

    it('RS-03: a token in a body does not count', async () => {
      const gate = testGate(scoped);
      const response = await fetch(
        await open(gate),
        form({ access_token: await tokenFor(gate, { scopes: ['read'] }) }),
      );
      expect(response.status).to.equal(401);
    });

    it('RS-04: a token in the query does not count', async () => {
      const gate = testGate(scoped);
      const response = await fetch(`${await open(gate)}/?access_token=${await tokenFor(gate, { scopes: ['read'] })}`);
      expect(response.status).to.equal(401);
    });

    it('RS-04: profile kong accepts a token in the query, and makes the response private', async () => {
      const gate = testGate({ ...scoped, profile: 'kong' });
      const response = await fetch(`${await open(gate)}/?access_token=${await tokenFor(gate, { scopes: ['read'] })}`);
      expect(response.status).to.equal(200);
      expect(response.headers.get('cache-control')).to.equal('private');
    });

    it('RS-21: a cookie does not count as a token', async () => {
      const gate = testGate(scoped);
      const token = await tokenFor(gate, { scopes: ['read'] });
      const response = await fetch(await open(gate), {
        headers: { cookie: `access_token=${token}; Authorization=Bearer ${token}` },
      });
      expect(response.status).to.equal(401);
    });

    it('leaves errors of later middleware to the app', async () => {
      const gate = testGate(scoped);
      const app = new Koa();
      app.silent = true;
      app.use(bearer(gate)).use(() => {
        throw new Error('of the app');
      });
      const response = await fetch(await serve(app), { headers: { authorization: `Bearer ${await tokenFor(gate)}` } });
      expect(response.status).to.equal(500);
    });

    it('bearerOf throws without a bearer middleware before it', async () => {
      const app = new Koa();
      app.use((ctx) => {
        expect(() => bearerOf(ctx)).to.throw('did not pass the bearer middleware');
        ctx.body = 'thrown';
      });
      expect(await (await fetch(await serve(app))).text()).to.equal('thrown');
    });

    it('a wrong option throws when the app is built', () => {
      const gate = testGate();
      expect(() => bearer(gate, { scopes: 'read write' as never })).to.throw(InvalidOption, "['read', 'write']");
      expect(() => bearer(gate, { scope: ['read'] } as never)).to.throw(InvalidOption, 'did you mean scopes?');
      expect(() => bearer(gate, { scopes: ['re ad'] })).to.throw(InvalidOption, '"re ad"');
      expect(() => bearer(gate, { audience: '' })).to.throw(InvalidOption, 'audience');
    });
  });

  describe('over HTTP/2', () => {
    async function dial(gate: TestGate) {
      const app = new Koa();
      app.use(oauthRoutes(gate));
      app.use(bearer(gate, { scopes: ['read'] })).use((ctx) => {
        ctx.body = bearerOf(ctx).client.clientId;
      });
      const server = createHttp2(app.callback()).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const client = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      closing.push(async () => {
        client.destroy();
        server.close();
        await once(server, 'close');
      });
      return async (head: OutgoingHttpHeaders, body = ''): Promise<{ status: unknown; text: string }> => {
        const stream = client.request(head, { endStream: false });
        stream.setEncoding('utf8').end(body);
        const [responded] = await once(stream, 'response');
        return { status: responded[':status'], text: (await stream.toArray()).join('') };
      };
    }

    it('issues a token and admits it, and denies a request without one', async () => {
      const ask = await dial(testGate(scoped));
      const basic = Buffer.from(`${testClient.clientId}:${testClient.clientSecret}`).toString('base64');
      const route = {
        ':method': 'POST',
        ':path': '/oauth2/token',
        'content-type': 'application/x-www-form-urlencoded',
      };
      for (const [head, more] of [
        [route, `&${new URLSearchParams(credentials)}`],
        [{ ...route, authorization: `Basic ${basic}` }, ''],
      ] as const) {
        const issued = await ask(head, `grant_type=client_credentials&scope=read${more}`);
        expect(issued.status).to.equal(200);
        const authorization = `Bearer ${JSON.parse(issued.text).access_token}`;
        expect(await ask({ ':path': '/', authorization })).to.deep.equal({ status: 200, text: testClient.clientId });
      }
      expect((await ask({ ':path': '/' })).status).to.equal(401);
    });

    it('refuses a method that Node does not know like any other', async () => {
      const ask = await dial(testGate(scoped));
      expect((await ask({ ':method': 'BREW', ':path': '/oauth2/token' })).status).to.equal(405);
    });

    it('refuses plain text requests that name another host (RFC 6749 §3.2)', async () => {
      const ask = await dial(testGate(scoped));
      const refused = await ask(
        {
          ':method': 'POST',
          ':path': '/oauth2/token',
          ':authority': 'orders.example',
          'content-type': 'application/x-www-form-urlencoded',
        },
        `grant_type=client_credentials&${new URLSearchParams(credentials)}`,
      );
      expect(refused.status).to.equal(400);
    });
  });

  describe('the OAuth routes', () => {
    it('issue a token that the middleware admits', async () => {
      const url = await open(testGate(scoped));
      const issued = await fetch(
        `${url}/oauth2/token`,
        form({ grant_type: 'client_credentials', scope: 'read', ...credentials }),
      );
      expect(issued.status).to.equal(200);
      expect(issued.headers.get('cache-control')).to.equal('no-store');
      const { access_token, expires_in } = (await issued.json()) as { access_token: string; expires_in: number };
      expect(expires_in).to.equal(600);
      const passed = await fetch(url, { headers: { authorization: `Bearer ${access_token}` } });
      expect(await passed.text()).to.equal('test-client');
    });

    it('redeem a code of gate.authorize once', async () => {
      const gate = testGate(scoped);
      const url = await open(gate);
      const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
      const authorized = await gate.authorize(
        {
          response_type: 'code',
          client_id: testClient.clientId,
          redirect_uri: testClient.redirectUris[0],
          scope: 'read',
          state: 'xyz',
          code_challenge: createHash('sha256').update(verifier).digest('base64url'),
          code_challenge_method: 'S256',
        },
        { subject: 'alice' },
      );
      if (authorized.state !== 'authorized') throw new Error(authorized.description);
      const { origin, pathname, searchParams } = new URL(authorized.redirectTo);
      expect(origin + pathname).to.equal(testClient.redirectUris[0]);
      expect(searchParams.get('state')).to.equal('xyz');
      const redeem = () =>
        fetch(
          `${url}/oauth2/token`,
          form({
            grant_type: 'authorization_code',
            code: searchParams.get('code') ?? '',
            redirect_uri: testClient.redirectUris[0],
            code_verifier: verifier,
            ...credentials,
          }),
        );
      const issued = (await (await redeem()).json()) as { access_token: string; refresh_token: string };
      const outcome = await gate.check(issued.access_token, { scopes: ['read'] });
      expect(outcome).to.have.nested.property('bearer.grant.subject', 'alice');
      expect(issued.refresh_token).to.be.a('string');
      expect((await redeem()).status).to.equal(400);
      expect(await gate.check(issued.access_token)).to.include({ state: 'denied' });
    });

    it('accept only POST', async () => {
      const response = await fetch(`${await open(testGate(scoped))}/oauth2/token`);
      expect(response.status).to.equal(405);
      expect(response.headers.get('allow')).to.equal('POST');
    });

    it('refuse plain HTTP, unless the client is on this machine', async () => {
      const url = await open(testGate(scoped));
      const plain = await fetch(`${url}/oauth2/token`, {
        ...form({ grant_type: 'client_credentials', ...credentials }),
        headers: { 'x-forwarded-for': '192.0.2.1' },
      });
      expect(plain.status).to.equal(400);
      expect(await plain.json()).to.have.property('error_description', 'You must use HTTPS');
    });

    it('accept plain HTTP if the app says that a proxy terminates TLS', async () => {
      const app = new Koa();
      app.use(oauthRoutes(testGate(scoped), { secure: true, prefix: '/auth' }));
      const response = await fetch(`${await serve(app)}/auth/token`, {
        ...form({ grant_type: 'client_credentials', ...credentials }),
        headers: { 'x-forwarded-for': '192.0.2.1' },
      });
      expect(response.status).to.equal(200);
    });

    it('refuse a body that is too large with an error body', async () => {
      const response = await fetch(
        `${await open(testGate(scoped))}/oauth2/token`,
        form({ grant_type: 'x'.repeat(1_100_000) }),
      );
      expect(response.status).to.equal(413);
      expect(await response.json()).to.have.property('error', 'invalid_request');
    });

    it('accept an authorization request with the provision key', async () => {
      const gate = testGate({ ...scoped, provisionKey: 'known to the login page' });
      const ask = async (provision_key: string) =>
        fetch(
          `${await open(gate)}/oauth2/authorize`,
          form({
            provision_key,
            authenticated_userid: 'alice',
            response_type: 'code',
            client_id: testClient.clientId,
            redirect_uri: testClient.redirectUris[0],
            code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
            code_challenge_method: 'S256',
          }),
        );
      expect(await (await ask('known to the login page')).json())
        .to.have.property('redirect_uri')
        .match(/\?code=/);
      expect((await ask('guessed')).status).to.equal(400);
    });

    describe('in an app with its own router', () => {
      const token = (url: string, init: RequestInit = form({ grant_type: 'client_credentials', ...credentials })) =>
        fetch(url, init);

      it('work before it and after it', async () => {
        for (const order of ['before', 'after'] as const) {
          const router = new Router().get('/orders', (ctx) => {
            ctx.body = 'orders';
          });
          const app = new Koa();
          if (order === 'before') app.use(oauthRoutes(testGate(scoped)));
          app.use(router.routes()).use(router.allowedMethods());
          if (order === 'after') app.use(oauthRoutes(testGate(scoped)));
          const url = await serve(app);
          expect((await token(`${url}/oauth2/token`)).status, order).to.equal(200);
          expect(await (await fetch(`${url}/orders`)).text(), order).to.equal('orders');
          expect((await fetch(`${url}/orders`, { method: 'DELETE' })).status, order).to.equal(405);
          const wrong = await fetch(`${url}/oauth2/token`, { method: 'DELETE' });
          expect([wrong.status, wrong.headers.get('allow')], order).to.deep.equal([405, 'POST']);
        }
      });

      it('work as one of its routes, under a prefix', async () => {
        const router = new Router({ prefix: '/shop' });
        router.all('/auth/*rest', oauthRoutes(testGate(scoped), { prefix: '/shop/auth' }));
        const app = new Koa();
        app.use(router.routes()).use(router.allowedMethods());
        const url = await serve(app);
        expect((await token(`${url}/shop/auth/token`)).status).to.equal(200);
        expect((await token(`${url}/shop/auth/token`, {})).status).to.equal(405);
        expect((await token(`${url}/shop/auth/other`)).status).to.equal(404);
      });
    });

    it('match their paths literally', async () => {
      const app = new Koa();
      app.use(oauthRoutes(testGate(scoped), { prefix: '/a:b/(d)*+!' }));
      const url = await serve(app);
      const status = async (path: string) =>
        (await fetch(url + path, form({ grant_type: 'client_credentials', ...credentials }))).status;
      expect(await status('/a:b/(d)*+!/token')).to.equal(200);
      for (const path of ['/axb/(d)*+!/token', '/a:b/(d)*+!/token/', '/a:b/(d)*+!/Token', '/a:b/d/token']) {
        expect(await status(path), path).to.equal(404);
      }
    });

    it('RS-22: respond with 503 when the store cannot be reached, and the app emits the error', async () => {
      const store = memoryStore();
      const grants = { ...store.grants, open: () => Promise.reject(new Unavailable('the disk is gone')) };
      const app = new Koa();
      const errors: unknown[] = [];
      app.on('error', (error) => errors.push(error));
      app.use(oauthRoutes(testGate({ store: { ...store, grants } })));
      const response = await fetch(
        `${await serve(app)}/oauth2/token`,
        form({ grant_type: 'client_credentials', ...credentials }),
      );
      expect(response.status).to.equal(503);
      expect(response.headers.get('retry-after')).to.equal('1');
      expect(errors[0]).to.be.instanceOf(Unavailable);
    });

    it('report an error if other middleware has read the body before', async () => {
      const app = new Koa();
      const errors: Error[] = [];
      app.on('error', (error) => errors.push(error));
      app.use(async (ctx, next) => {
        await ctx.req.toArray();
        await next();
      });
      app.use(oauthRoutes(testGate(scoped)));
      const response = await fetch(`${await serve(app)}/oauth2/token`, form({ grant_type: 'client_credentials' }));
      expect(response.status).to.equal(503);
      expect(errors[0]?.message).to.include('must be mounted before the code that reads request bodies');
    });
  });
});

/** A request that can send a header several times. */
function raw(
  url: string,
  headers: Record<string, string | string[]>,
): Promise<{ readonly status: number | undefined; readonly challenge: string | undefined }> {
  return new Promise((resolve, reject) => {
    request(url, { headers }, (response: IncomingMessage) => {
      response.resume();
      resolve({ status: response.statusCode, challenge: response.headers['www-authenticate'] });
    })
      .on('error', reject)
      .end();
  });
}
