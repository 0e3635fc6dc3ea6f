import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
  type Http2Session,
  performServerHandshake,
} from 'node:http2';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls, createSecureContext, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { makeCertificate } from '../../adapters/tls/own-certificate.ts';
import {
  ask,
  Client,
  client,
  closeLater,
  closesEverything,
  eventually,
  type Gate,
  type GateSettings,
  get,
  httpUpstream,
  ok,
  openGate,
  scriptedUpstream,
} from './world.ts';

interface Http2Response {
  readonly fields: Record<string, unknown>;
  readonly body: string;
  readonly trailers: Record<string, unknown> | undefined;
  readonly code: number;
}

function session(port: number, secure = false): ClientHttp2Session {
  // Sends fields that a well-behaved client would not send.
  const options = { rejectUnauthorized: false, strictSingleValueFields: false };
  const opened = connectHttp2(`${secure ? 'https' : 'http'}://127.0.0.1:${port}`, options);
  opened.on('error', () => {});
  closeLater(() => opened.destroy());
  return opened;
}

async function responseOf(stream: ClientHttp2Stream): Promise<Http2Response> {
  let fields: Record<string, unknown> = {};
  let trailers: Record<string, unknown> | undefined;
  let body = '';
  stream.setEncoding('latin1');
  stream.on('response', (head) => {
    fields = { ...head };
  });
  stream.on('trailers', (tail) => {
    trailers = { ...tail };
  });
  stream.on('data', (piece) => {
    body += piece;
  });
  stream.on('error', () => {});
  await new Promise((resolve) => stream.once('close', resolve));
  return { fields, body, trailers, code: stream.rstCode };
}

const certificateOf = async (hostName: string) => {
  const made = await makeCertificate({ hostName, from: new Date(0), to: new Date(4e12) });
  return { key: made.key, cert: made.certificate };
};

function tlsGate(port: number, settings: GateSettings = {}): Promise<Gate> {
  return openGate(port, { listen: [{ host: '127.0.0.1', port: 0, ssl: true, http2: true }], ...settings });
}

async function handshake(port: number, options: object = {}): Promise<{ socket: TLSSocket; names: string }> {
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  closeLater(() => socket.destroy());
  await once(socket, 'secureConnect');
  return { socket, names: socket.getPeerCertificate().subjectaltname ?? '' };
}

describe('HTTP/2', () => {
  closesEverything();

  it('works without TLS for a client that starts with its preface (RFC 9113 §3.3)', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port);
    const stream = session(gate.port).request({ ':path': '/a?b', 'x-a': '1', te: 'trailers' });
    const { fields, body } = await responseOf(stream);
    expect([fields[':status'], body, fields['via']]).to.deep.equal([200, 'ok', '1.1 kong/3.9.1']);
    const { lines, fields: seen } = upstream.seen[0]!;
    expect(lines[0]).to.equal('GET /a?b HTTP/1.1');
    expect(seen.get('x-a')).to.deep.equal(['1']);
    expect(seen.get('te')).to.deep.equal(['trailers']);
    expect(seen.get('x-forwarded-host')).to.deep.equal(['127.0.0.1']);
    expect([...seen.keys()].filter((name) => name.startsWith(':'))).to.deep.equal([]);
    expect(await gate.logged()).to.include({ httpVersion: '2', scheme: 'http', status: 200, bytesSent: 2 });
  });

  it('is detected by its first bytes, in pieces of any size', async () => {
    const gate = await openGate(1, { hooks: [{ access: () => ({ status: 200, headers: [], body: 'ok' }) }] });
    const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
    const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    const speaking = await client(gate.port);
    for (const byte of preface) {
      speaking.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    speaking.send(settings);
    // A server's first frame is SETTINGS.
    await speaking.until(/^[\s\S]{9}/);
    expect(speaking.text.charCodeAt(3)).to.equal(4);
    const plain = await client(gate.port);
    for (const byte of 'P') plain.send(byte);
    await new Promise((resolve) => setImmediate(resolve));
    plain.send('OST / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect((await plain.response()).status).to.equal(200);
    const almost = await client(gate.port);
    almost.send('PRI * HTTP/1.1\r\nHost: a\r\n\r\n');
    expect((await almost.response()).status).to.equal(400);
  });

  it('carries bodies in both directions, with a length or without', async () => {
    const upstream = await scriptedUpstream((socket, { body }) => {
      const length = Buffer.byteLength(body).toString(16);
      socket.write(
        `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${length}\r\n${body}\r\n0\r\nGrpc-Status: 0\r\n\r\n`,
      );
    });
    const gate = await openGate(upstream.port);
    const client2 = session(gate.port);
    const framed = client2.request({ ':path': '/', ':method': 'POST', 'content-length': '5' });
    framed.end('hello');
    const { body, trailers } = await responseOf(framed);
    expect([body, trailers!['grpc-status']]).to.deep.equal(['hello', '0']);
    const open = client2.request({ ':path': '/', ':method': 'POST' });
    open.write('he');
    open.end('llo');
    expect((await responseOf(open)).body).to.equal('hello');
    expect(
      upstream.seen.map(({ fields }) => fields.get('content-length') ?? fields.get('transfer-encoding')),
    ).to.deep.equal([['5'], ['chunked']]);
  });

  it('carries long bodies no faster than the receiver reads', async () => {
    const upstream = await httpUpstream((request, response) => {
      request.pipe(response);
    });
    const gate = await openGate(upstream);
    const stream = session(gate.port).request({ ':path': '/', ':method': 'POST' });
    const piece = Buffer.alloc(65_536, 'x');
    const sending = (async () => {
      for (let sent = 0; sent < 64; sent++) if (!stream.write(piece)) await once(stream, 'drain');
      stream.end();
    })();
    let received = 0;
    for await (const part of stream) {
      received += (part as Buffer).length;
      if (received % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await sending;
    expect(received).to.equal(64 * piece.length);
    expect(await gate.logged()).to.include({ status: 200, bytesReceived: received, bytesSent: received });
  });

  it('gets responses that HTTP/1.1 allows and HTTP/2 does not, as far as HTTP/2 can carry them', async () => {
    const upstream = await scriptedUpstream(
      'HTTP/1.1 799 Odd\r\nContent-Length: 2\r\nETag: "a"\r\nETag: "b"\r\nTE: x\r\nUPPER: \xe9\r\nTrailer: x\r\n\r\nok',
      'HTTP/1.1 200 OK\r\nDate: a\r\nDate: b\r\nContent-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 2\r\n\r\nok',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nDate: a\r\nETag: 1\r\nETag: 2\r\nHTTP2-Settings: x\r\n\r\n',
    );
    const gate = await openGate(upstream.port);
    const shared = session(gate.port);
    const odd = await responseOf(shared.request({ ':path': '/' }));
    expect([odd.fields[':status'], odd.fields['etag'], odd.fields['upper'], odd.body]).to.deep.equal([
      502,
      '"a"',
      '\xe9',
      'ok',
    ]);
    expect(await responseOf(shared.request({ ':path': '/' }))).to.include({ body: 'ok' });
    const { trailers, code } = await responseOf(shared.request({ ':path': '/' }));
    expect([trailers!['etag'], trailers!['http2-settings'], code]).to.deep.equal(['1, 2', undefined, 0]);
    expect(gate.failures).to.deep.equal([]);
  });

  it('joins split cookies into one field for the upstream (RFC 9113 §8.2.3)', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port);
    await responseOf(session(gate.port).request({ ':path': '/', cookie: ['a=1', 'b=2'] as never }));
    expect(upstream.seen[0]!.fields.get('cookie')).to.deep.equal(['a=1; b=2']);
  });

  it('RS-10: has no spelling of an identity header that passes', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port, { route: { authenticates: true } });
    const fields = {
      ':path': '/',
      'x-consumer-id': 'evil',
      x_consumer_username: 'evil',
      'x-authenticated_scope': 'evil',
    };
    expect((await responseOf(session(gate.port).request(fields))).fields[':status']).to.equal(200);
    expect(JSON.stringify([...upstream.seen[0]!.fields])).to.not.include('evil');
  });

  it('refuses requests that HTTP/1.1 could read differently', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port);
    const shapes: Record<string, object> = {
      'another Host than :authority': { ':authority': 'a.example', host: 'b.example' },
      'two credentials': { authorization: ['Bearer a', 'Bearer b'] },
      'a path without a slash': { ':path': '*' },
      'a host that is none': { ':authority': 'a/b' },
      TRACE: { ':method': 'TRACE' },
      'a method in small letters': { ':method': 'get' },
      'a method with a sign': { ':method': 'G~T' },
      'a huge head': { 'x-big': 'x'.repeat(40_000) },
    };
    for (const [what, shape] of Object.entries(shapes)) {
      const { fields } = await responseOf(session(gate.port).request({ ':path': '/', ...shape } as never));
      expect(fields[':status'], what).to.be.oneOf([400, 405, 431, undefined]);
    }
    expect(upstream.seen).to.deep.equal([]);
  });

  it('a body shorter than its length aborts the request upstream too', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port);
    const stream = session(gate.port).request({ ':path': '/', ':method': 'POST', 'content-length': '5' });
    stream.on('error', () => {});
    stream.end('he');
    const { fields } = await responseOf(stream);
    expect(fields[':status']).to.not.equal(200);
    expect(upstream.seen).to.deep.equal([]);
  });

  it('a client that resets a stream aborts that request upstream, and no other', async () => {
    let closed = 0;
    const upstream = await scriptedUpstream((socket, { lines }) => {
      if (lines[0]!.includes('/hang')) socket.on('close', () => closed++);
      else socket.write(ok);
    });
    const gate = await openGate(upstream.port);
    const shared = session(gate.port);
    const hanging = shared.request({ ':path': '/hang' });
    hanging.on('error', () => {});
    await eventually(() => upstream.seen.length === 1);
    hanging.close(constants.NGHTTP2_CANCEL);
    await eventually(() => closed === 1);
    expect((await responseOf(shared.request({ ':path': '/' }))).body).to.equal('ok');
    expect(await gate.logged()).to.include({ status: 499, refusal: 'client_gone' });
  });

  it('a truncated response resets its stream, and no other', async () => {
    const upstream = await scriptedUpstream(
      (socket) => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'),
      ok,
    );
    const gate = await openGate(upstream.port);
    const shared = session(gate.port);
    const { code } = await responseOf(shared.request({ ':path': '/' }));
    expect(code).to.equal(constants.NGHTTP2_INTERNAL_ERROR);
    expect((await responseOf(shared.request({ ':path': '/' }))).body).to.equal('ok');
  });

  it('that was closed is not kept: only the open ones are ended when the gate stops', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port);
    for (const stays of [false, false, true]) {
      const shared = session(gate.port);
      expect((await responseOf(shared.request({ ':path': '/' }))).body).to.equal('ok');
      if (!stays) shared.close();
    }
    await eventually(() => gate.proxy.connections().active === 1);

    const another = performServerHandshake(new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() }));
    const sessions = Object.getPrototypeOf(Object.getPrototypeOf(another)) as Http2Session;
    another.destroy();
    const { destroy } = sessions;
    const ended = new Set<Http2Session>();
    sessions.destroy = function (...reason) {
      ended.add(this);
      destroy.apply(this, reason);
    };
    try {
      await gate.proxy.close();
    } finally {
      sessions.destroy = destroy;
    }
    expect(ended.size).to.equal(1);
  });

  it('serves streams concurrently', async () => {
    const held: (() => void)[] = [];
    const upstream = await scriptedUpstream((socket) => held.push(() => socket.write(ok)));
    const gate = await openGate(upstream.port);
    const shared = session(gate.port);
    const responses = [1, 2, 3].map((n) => responseOf(shared.request({ ':path': `/${n}` })));
    await eventually(() => held.length === 3);
    for (const go of held.reverse()) go();
    expect((await Promise.all(responses)).map(({ body }) => body)).to.deep.equal(['ok', 'ok', 'ok']);
  });

  it('sends 100 (Continue) only when the plugins admit the request', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port);
    const stream = session(gate.port).request({ ':path': '/', ':method': 'POST', expect: '100-continue' });
    stream.once('continue', () => stream.end('hi'));
    expect((await responseOf(stream)).fields[':status']).to.equal(200);
    expect(upstream.seen[0]!.body).to.equal('hi');
  });

  it('is refused by plugins like any other request, without the rest of its body', async () => {
    const gate = await openGate(1, { hooks: [{ access: () => ({ status: 401, headers: [], body: 'no' }) }] });
    const shared = session(gate.port);
    const stream = shared.request({ ':path': '/', ':method': 'POST' });
    stream.write(Buffer.alloc(2_000_000));
    const { fields, body, code } = await responseOf(stream);
    expect([fields[':status'], body, code]).to.deep.equal([401, 'no', constants.NGHTTP2_NO_ERROR]);
    expect((await responseOf(shared.request({ ':path': '/' }))).fields[':status']).to.equal(401);
  });

  it('a response before the end of a small body does not reset the stream', async () => {
    const upstream = await scriptedUpstream(ok);
    const refuse = { access: () => ({ status: 401, headers: [], body: 'no' }) };
    for (const [gate, expected] of [
      [await openGate(upstream.port), 'ok'],
      [await openGate(1, { hooks: [refuse] }), 'no'],
    ] as const) {
      const shared = session(gate.port);
      for (const fields of [{ 'content-length': 2 }, { 'content-length': 0 }, {}]) {
        if (expected === 'ok' && !('content-length' in fields)) continue;
        const stream = shared.request({ ':path': '/', ':method': 'POST', ...fields }, { endStream: false });
        if (fields['content-length'] === 2) stream.write('hi');
        const response = responseOf(stream);
        await once(stream, 'end');
        // A reset would have arrived before this.
        expect((await responseOf(shared.request({ ':path': '/' }))).body).to.equal(expected);
        expect(stream.closed).to.equal(false);
        stream.end();
        expect((await response).body).to.equal(expected);
      }
    }
  });

  it('a client that sends a body of 1 MiB before it reads anything gets the refusal', async () => {
    const gate = await openGate(1, { hooks: [{ access: () => ({ status: 401, headers: [], body: 'no' }) }] });
    const length = 1_048_576;
    const stream = session(gate.port).request({ ':path': '/', ':method': 'POST', 'content-length': length });
    stream.end(Buffer.alloc(length));
    expect((await responseOf(stream)).body).to.equal('no');
    expect(await gate.logged()).to.include({ status: 401, bytesReceived: length });
  });

  it('waits for a body that does not end after the response no longer than for any other', async () => {
    const refuse = { access: () => ({ status: 401, headers: [], body: 'no' }) };
    const gate = await openGate(1, { hooks: [refuse], limits: { clientBody: 20 } });
    const stream = session(gate.port).request({ ':path': '/', ':method': 'POST', 'content-length': 2 });
    const { body, code } = await responseOf(stream);
    expect([body, code]).to.deep.equal(['no', constants.NGHTTP2_NO_ERROR]);
  });

  it('hands a request over to an OAuth endpoint', async () => {
    const gate = await openGate(1, {
      hooks: [
        { access: () => ({ handover: 'token', largestBody: 100, to: undefined }) },
        { respond: (_exchange, head) => head.setHeader('X-Seen', String(head.status)) },
      ],
      serveEndpoint: async (_handover, exchange, _request, response) => {
        const text = Buffer.from(exchange.request.wholeBody!).toString();
        response.statusCode = 201;
        response.end(text);
      },
    });
    const stream = session(gate.port).request({ ':path': '/oauth2/token', ':method': 'POST' });
    stream.end('grant_type=x');
    const { fields, body } = await responseOf(stream);
    expect([fields[':status'], fields['x-seen'], body]).to.deep.equal([201, '201', 'grant_type=x']);
  });

  it('ends an idle connection', async () => {
    const gate = await openGate(1, { limits: { idle: 20 } });
    const idle = session(gate.port);
    await once(idle, 'close');
  });
});

describe('TLS', () => {
  closesEverything();

  let gateCertificate: { key: string; cert: string };
  before(async () => {
    gateCertificate = await certificateOf('gate.example');
  });

  it('offers HTTP/2 and HTTP/1.1 (RFC 7301)', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await tlsGate(upstream.port, { certificate: gateCertificate });
    const { socket } = await handshake(gate.port, { ALPNProtocols: ['http/1.1'], servername: 'gate.example' });
    const received = await new Client(socket).send(get('/1')).response();
    expect([received.status, socket.alpnProtocol]).to.deep.equal([200, 'http/1.1']);
    const { socket: silent } = await handshake(gate.port);
    expect((await new Client(silent).send(get('/2')).response()).status).to.equal(200);
    expect((await responseOf(session(gate.port, true).request({ ':path': '/3' }))).fields[':status']).to.equal(200);
    expect(upstream.seen.map(({ fields }) => fields.get('x-forwarded-proto')!.join())).to.deep.equal([
      'https',
      'https',
      'https',
    ]);
    expect(gate.entries.map(({ scheme, httpVersion }) => `${scheme} ${httpVersion}`)).to.deep.equal([
      'https 1.1',
      'https 1.1',
      'https 2',
    ]);
  });

  it('works for a client that offers only HTTP/1.0', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await tlsGate(upstream.port, { certificate: gateCertificate });
    const { socket } = await handshake(gate.port, { ALPNProtocols: ['http/1.0'] });
    const received = await new Client(socket).send('GET / HTTP/1.0\r\nHost: a\r\n\r\n').response();
    expect([received.status, socket.alpnProtocol]).to.deep.equal([200, 'http/1.0']);
    expect(await gate.logged()).to.include({ scheme: 'https', httpVersion: '1.0' });
  });

  it('offers no HTTP/2 where it is not configured', async () => {
    const gate = await openGate(1, {
      listen: [{ host: '127.0.0.1', port: 0, ssl: true, http2: false }],
      certificate: gateCertificate,
    });
    const { socket } = await handshake(gate.port, { ALPNProtocols: ['h2', 'http/1.1'] });
    expect(socket.alpnProtocol).to.equal('http/1.1');
  });

  it('passes the server name to the plugins', async () => {
    const names: unknown[] = [];
    const gate = await tlsGate(1, {
      certificate: gateCertificate,
      hooks: [
        {
          access({ request }) {
            names.push(request.sni);
            return { status: 200, headers: [], body: '' };
          },
        },
      ],
    });
    for (const servername of ['shop.example', '']) {
      const { socket } = await handshake(gate.port, { servername });
      await new Client(socket).send(get()).response();
    }
    expect(names).to.deep.equal(['shop.example', undefined]);
  });

  it('serves the certificate of the server name, looked up at each handshake; a new one without a restart', async () => {
    const shop = await certificateOf('shop.example');
    const contexts = new Map<string, ReturnType<typeof createSecureContext>>();
    const gate = await tlsGate(1, { certificate: gateCertificate, contextFor: (name) => contexts.get(name) });
    const namesFor = async (servername: string) => (await handshake(gate.port, { servername })).names;
    expect(await namesFor('shop.example')).to.include('gate.example');
    contexts.set('shop.example', createSecureContext(shop));
    expect(await namesFor('shop.example')).to.include('shop.example');
    expect(await namesFor('other.example')).to.include('gate.example');
    gate.proxy.setCertificate(await certificateOf('new.example'));
    expect(await namesFor('other.example')).to.include('new.example');
    expect(await namesFor('')).to.include('new.example');
    expect(await namesFor('shop.example')).to.include('shop.example');
  });

  it('needs a certificate', async () => {
    let message = '';
    await tlsGate(1).catch((error: Error) => {
      message = error.message;
    });
    expect(message).to.include('needs a certificate');
  });

  it('refuses old versions, and survives bytes that are no handshake', async () => {
    const gate = await tlsGate(1, {
      certificate: gateCertificate,
      hooks: [{ access: () => ({ status: 200, headers: [], body: '' }) }],
    });
    const old = connectTls({
      port: gate.port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
    });
    await once(old, 'error');
    const plain = await client(gate.port);
    plain.send(get());
    await plain.closed();
    const { socket } = await handshake(gate.port);
    expect((await new Client(socket).send(get()).response()).status).to.equal(200);
    expect(gate.failures).to.deep.equal([]);
  });

  it('refuses ambiguous requests, and heads that are too large, as without TLS', async () => {
    const gate = await tlsGate(1, { certificate: gateCertificate });
    for (const [request, status] of [
      ['GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
      ['nonsense\r\n\r\n', 400],
      [get('/', `X: ${'x'.repeat(100_000)}`), 431],
    ] as const) {
      const { socket } = await handshake(gate.port);
      expect((await new Client(socket).send(request).response()).status).to.equal(status);
    }
  });

  describe('to an upstream', () => {
    async function secureUpstream(
      name: string,
    ): Promise<{ port: number; cert: string; asked: unknown[]; sessions: () => number }> {
      const certificate = await certificateOf(name);
      const asked: unknown[] = [];
      let handshakes = 0;
      const server = createHttps({ ...certificate }, (request, response) => {
        asked.push([(request.socket as TLSSocket & { servername: unknown }).servername, request.headers.host]);
        response.end('ok');
      });
      server.on('secureConnection', () => handshakes++);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      closeLater(() => {
        server.closeAllConnections();
        server.close();
      });
      return {
        port: (server.address() as AddressInfo).port,
        cert: certificate.cert,
        asked,
        sessions: () => handshakes,
      };
    }

    const toLoopback = ((_name: string, _options: unknown, found: unknown) => {
      setImmediate(found as never, null, [{ address: '127.0.0.1', family: 4 }]);
    }) as never;

    it('sends the service’s name, and reuses the connection', async () => {
      const upstream = await secureUpstream('orders.internal');
      const gate = await openGate(upstream.port, {
        service: { protocol: 'https', host: 'orders.internal', tlsVerify: true },
        upstream: { ca: upstream.cert, lookup: toLoopback },
      });
      for (let i = 0; i < 3; i++) expect((await ask(gate.port, get())).body).to.equal('ok');
      expect(upstream.asked[0]).to.deep.equal(['orders.internal', `orders.internal:${upstream.port}`]);
      expect(upstream.sessions()).to.equal(1);
    });

    it('sends the client’s Host where that is preserved, on separate connections', async () => {
      const upstream = await secureUpstream('orders.internal');
      const gate = await openGate(upstream.port, {
        service: { protocol: 'https', host: 'orders.internal' },
        route: { preserveHost: true },
        upstream: { lookup: toLoopback },
      });
      for (const host of ['a.example', 'b.example:99', 'a.example']) {
        await ask(gate.port, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      }
      expect(upstream.asked).to.deep.equal([
        ['a.example', 'a.example'],
        ['b.example', 'b.example:99'],
        ['a.example', 'a.example'],
      ]);
      expect(upstream.sessions()).to.equal(2);
    });

    it('verifies its certificate where that is configured, with a 502 if the name differs', async () => {
      const upstream = await secureUpstream('other.internal');
      const service = { protocol: 'https', host: 'orders.internal', retries: 0 } as const;
      const cases: readonly (readonly [GateSettings, number])[] = [
        [{ service: { ...service, tlsVerify: true }, upstream: { ca: upstream.cert, lookup: toLoopback } }, 502],
        [{ service: { ...service, host: 'other.internal', tlsVerify: true }, upstream: { lookup: toLoopback } }, 502],
        [{ service, upstream: { tlsVerify: true, lookup: toLoopback } }, 502],
        [{ service, upstream: { lookup: toLoopback } }, 200],
        [{ service: { ...service, tlsVerify: false }, upstream: { tlsVerify: true, lookup: toLoopback } }, 200],
        [
          {
            service: { ...service, host: 'other.internal' },
            upstream: { tlsVerify: true, ca: upstream.cert, lookup: toLoopback },
          },
          200,
        ],
      ];
      for (const [settings, status] of cases) {
        const gate = await openGate(upstream.port, settings);
        expect((await ask(gate.port, get())).status, JSON.stringify(settings.service)).to.equal(status);
        if (status === 502) expect(gate.problems[0]!.cause).to.match(/CERT|ALTNAME/);
      }
      expect(upstream.asked).to.have.length(3);
    });
  });
});
