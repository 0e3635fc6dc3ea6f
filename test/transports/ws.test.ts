import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { expect } from 'chai';
import { WebSocketServer } from 'ws';
import { InvalidOption } from '../../adapters/library/options.ts';
import { memoryStore, testClient, testGate, tokenFor } from '../../adapters/testing/testing.ts';
import { bearerOf, guardUpgrade, tokenRoute } from '../../adapters/websocket/ws.ts';
import { heldStore } from './held-store.ts';
import { listening } from './listening.ts';
import { openWs, type WsWorld } from './ws.ts';

describe('the gate before a WebSocket', () => {
  const gate = testGate({ scopes: ['read'] });
  const worlds: WsWorld[] = [];
  after(() => Promise.all(worlds.map((world) => world.close())));
  async function open(
    ...options: Parameters<typeof openWs> extends [unknown, ...infer O] ? O : never
  ): Promise<WsWorld> {
    const world = await openWs(gate, ...options);
    worlds.push(world);
    return world;
  }
  const good = () => tokenFor(gate, { scopes: ['read'], subject: 'alice' });

  it('RS-20: a refused handshake gets a complete HTTP response, and the connection ends', async () => {
    const { port } = await open();
    const text = await exchange(port, handshake('/chat'));
    const [head = '', body = ''] = text.split('\r\n\r\n');
    expect(head).to.match(/^HTTP\/1\.1 401 Unauthorized\r\n/);
    expect(head)
      .to.include('\r\nWWW-Authenticate: Bearer scope="read"\r\n')
      .and.to.include('\r\nConnection: close\r\n');
    expect(head).to.include(`Content-Length: ${body.length}`);
    expect(JSON.parse(body)).to.deep.equal({ error_description: 'The access token is missing' });
  });

  it('RS-02: two Authorization headers are refused', async () => {
    const { port } = await open();
    const token = await good();
    const two = handshake('/', [`Authorization: Bearer ${token}`, `Authorization: Bearer ${token}`]);
    expect(await exchange(port, two))
      .to.match(/^HTTP\/1\.1 400 /)
      .and.to.include('error="invalid_request"');
  });

  it('RS-02: a token in the header and one in the query are refused', async () => {
    const token = await good();
    const twice = { path: `/?access_token=${token}`, headers: { authorization: `Bearer ${token}` } };
    expect(await (await open()).connect(twice)).to.include({ outcome: 'invalid' });
    expect(await (await open({ tokenFrom: ['header', 'query'] })).connect(twice)).to.include({ outcome: 'invalid' });
  });

  it('RS-21: a cookie does not count as a token', async () => {
    const headers = { cookie: `access_token=${await good()}` };
    expect(await (await open()).connect({ headers })).to.include({ outcome: 'unauthenticated' });
  });

  it('RS-21: a page of another origin is refused, even with a valid token', async () => {
    const world = await open({ origins: ['https://app.example'] });
    const from = async (origin: Record<string, string>) =>
      (await world.connect({ headers: { authorization: `Bearer ${await good()}`, ...origin } })).outcome;
    expect(await from({ origin: 'https://app.example' })).to.equal('passed');
    expect(await from({})).to.equal('passed');
    for (const origin of [
      'https://evil.example',
      'http://app.example',
      'https://app.example:444',
      'https://app.example.evil.example',
      'null',
    ]) {
      expect(await from({ origin }), origin).to.equal('forbidden');
    }
  });

  it('a token outside the header counts only if tokenFrom allows it', async () => {
    const world = await open();
    const token = await good();
    expect(await world.connect({ path: `/?access_token=${token}` })).to.include({ outcome: 'unauthenticated' });
    expect(await world.connect({ protocols: ['bearer', token] })).to.include({ outcome: 'unauthenticated' });
  });

  it('RS-04: a token in the query does not count in profile kong either', async () => {
    const kong = testGate({ profile: 'kong' });
    const world = await openWs(kong, {});
    worlds.push(world);
    const token = await tokenFor(kong, { subject: 'alice' });
    expect(await world.connect({ path: `/?access_token=${token}` })).to.include({ outcome: 'unauthenticated' });
    expect(await world.connect({ headers: { authorization: `Bearer ${token}` } })).to.include({ subject: 'alice' });
  });

  it('RS-04: a token in the query is removed before listeners receive the request', async () => {
    const world = await open({ tokenFrom: ['query'] });
    expect(await world.connect({ path: `/chat?room=1&access_token=${await good()}` })).to.include({ subject: 'alice' });
    expect(await world.connect({ path: `/chat?access_token=${await good()}` })).to.include({ subject: 'alice' });
    expect(world.admitted.map(({ url }) => url)).to.deep.equal(['/chat?room=1', '/chat']);
    expect(await world.connect({ path: '/chat?access_token=' })).to.include({ outcome: 'unauthenticated' });
    expect(await world.connect({ headers: { authorization: `Bearer ${await good()}` } })).to.include({
      outcome: 'unauthenticated',
    });
  });

  it('a token in the subprotocols is removed, and never sent back', async () => {
    const world = await open({ tokenFrom: ['header', 'subprotocol'] });
    const connected = await world.connect({ protocols: ['bearer', await good()] });
    expect(connected).to.include({ subject: 'alice', protocol: 'bearer' });
    const other = await world.connect({ protocols: ['chat.v2', 'bearer', await good()] });
    expect(other).to.include({ subject: 'alice', protocol: 'chat.v2' });
    expect(world.admitted.map(({ headers }) => headers['sec-websocket-protocol'])).to.deep.equal([
      'bearer',
      'chat.v2, bearer',
    ]);
    expect(await world.connect({ protocols: ['bearer'] })).to.include({ outcome: 'unauthenticated' });
    expect(await world.connect({ headers: { authorization: `Bearer ${await good()}` } })).to.include({
      subject: 'alice',
    });
  });

  it('another upgrade is refused, even with a valid token', async () => {
    const { port, admitted } = await open();
    const authorization = `Authorization: Bearer ${await good()}`;
    const h2c = ['GET / HTTP/1.1', 'Host: 127.0.0.1', 'Connection: Upgrade', 'Upgrade: h2c', authorization, '', ''];
    expect(await exchange(port, h2c.join('\r\n'))).to.match(/^HTTP\/1\.1 400 /);
    expect(admitted).to.have.length(0);
  });

  it('a client that disconnects while the store is read affects no other client', async () => {
    const { store, reached, release } = heldStore();
    const slow = testGate({ store });
    const world = await openWs(slow, {});
    worlds.push(world);
    const authorization = `Bearer ${await tokenFor(slow, { subject: 'bob' })}`;
    const leaving = connect(world.port, '127.0.0.1');
    leaving.write(handshake('/', [`Authorization: ${authorization}`]));
    await reached;
    leaving.resetAndDestroy();
    await once(leaving, 'close');
    release();
    expect(await world.connect({ headers: { authorization } })).to.include({ subject: 'bob' });
  });

  describe('the token route', () => {
    it('accepts only POST, and its token opens a WebSocket', async () => {
      const world = await open();
      const url = `http://127.0.0.1:${world.port}/oauth2/token`;
      const { clientId: client_id, clientSecret: client_secret } = testClient;
      const body = new URLSearchParams({ grant_type: 'client_credentials', scope: 'read', client_id, client_secret });
      const issued = await fetch(url, { method: 'POST', body });
      expect(issued.headers.get('cache-control')).to.equal('no-store');
      const { access_token } = (await issued.json()) as { readonly access_token: string };
      expect(await world.connect({ headers: { authorization: `Bearer ${access_token}` } })).to.include({
        outcome: 'passed',
      });

      const got = await fetch(url);
      expect(got.status).to.equal(405);
      expect(got.headers.get('allow')).to.equal('POST');
    });

    it('never receives a handshake, whatever its method', async () => {
      const { port, admitted } = await open();
      const token = await good();
      const posted = handshake('/oauth2/token', [`Authorization: Bearer ${token}`, 'Content-Length: 0']).replace(
        'GET',
        'POST',
      );
      expect(await exchange(port, posted))
        .to.match(/^HTTP\/1\.1 405 /)
        .and.to.include('\r\nAllow: GET\r\n');
      expect(await exchange(port, handshake('/oauth2/token'))).to.match(/^HTTP\/1\.1 401 /);
      expect(admitted).to.have.length(0);
    });

    it('refuses plain HTTP from another machine', async () => {
      const { port } = await open();
      const response = await fetch(`http://127.0.0.1:${port}/oauth2/token`, {
        method: 'POST',
        headers: { forwarded: 'for=192.0.2.1' },
        body: new URLSearchParams({ grant_type: 'client_credentials' }),
      });
      expect(response.status).to.equal(400);
      expect(await response.json()).to.have.property('error_description', 'You must use HTTPS');
    });

    it('leaves requests for other paths to the server', async () => {
      const { port } = await open();
      expect((await fetch(`http://127.0.0.1:${port}/oauth2/tokens`)).status).to.equal(404);
    });

    it('responds with 503 if it cannot handle a request, and passes the error to the server', async () => {
      const store = memoryStore();
      const grants = { ...store.grants, open: () => Promise.reject(new Error('the disk is gone')) };
      const failing = testGate({ store: { ...store, grants } });
      const errors: unknown[] = [];
      const route = tokenRoute(failing, { path: '/token', onError: (error) => errors.push(error) });
      const server = await listening(createServer((request, response) => void route(request, response)));
      const { clientId: client_id, clientSecret: client_secret } = testClient;
      const body = new URLSearchParams({ grant_type: 'client_credentials', client_id, client_secret });
      const response = await fetch(`http://127.0.0.1:${server.port}/token`, { method: 'POST', body });
      await server.close();
      expect(response.status).to.equal(503);
      expect(await response.text()).not.to.include('disk');
      expect(String(errors[0])).to.include('the disk is gone');
    });
  });

  it('a token route after code that has read the body reports an error, and responds with 503', async () => {
    const errors: unknown[] = [];
    const route = tokenRoute(gate, { onError: (error) => errors.push(error) });
    const server = await listening(
      createServer((request, response) => request.on('end', () => route(request, response)).resume()),
    );
    const { clientId: client_id, clientSecret: client_secret } = testClient;
    const body = new URLSearchParams({ grant_type: 'client_credentials', client_id, client_secret });
    const response = await fetch(`http://127.0.0.1:${server.port}/oauth2/token`, { method: 'POST', body });
    await server.close();
    expect(response.status).to.equal(503);
    expect(String(errors[0])).to.include('must be mounted before the code that reads request bodies');
  });

  it('a wrong option throws when the server is built', () => {
    const sockets = new WebSocketServer({ noServer: true });
    const built = (options: object) => () => guardUpgrade(gate, { sockets, ...options });
    expect(built({ origins: ['https://app.example/'] })).to.throw(InvalidOption, 'https://app.example/');
    expect(built({ origins: 'https://app.example' })).to.throw(InvalidOption, 'must be a list');
    expect(built({ tokenFrom: ['cookie'] })).to.throw(InvalidOption, 'header, query, subprotocol');
    expect(built({ sockets: undefined })).to.throw(InvalidOption, 'noServer: true');
    expect(built({ origin: [] })).to.throw(InvalidOption, 'did you mean origins?');
    expect(() => tokenRoute(gate, { path: 'token' })).to.throw(InvalidOption, "'/oauth2/token'");
    expect(() => bearerOf({} as never)).to.throw('did not pass guardUpgrade');
  });
});

function handshake(path: string, headers: readonly string[] = []): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** Everything that the server sends until it closes the connection. */
async function exchange(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(text);
  return (await socket.setEncoding('utf8').toArray()).join('');
}
