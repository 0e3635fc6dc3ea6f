import { expect } from 'chai';
import type { AccessLogEntry } from '../../adapters/proxy/access-log.ts';
import type { Exchange, PluginHooks } from '../../src/gateway/plugin.ts';
import { Unavailable } from '../../src/ports/unavailable.ts';
import {
  ask,
  client,
  closesEverything,
  eventually,
  get,
  matched,
  ok,
  openGate,
  plainService,
  scriptedUpstream,
} from './world.ts';

describe('An exchange', () => {
  closesEverything();

  describe('runs the plugins of its route', () => {
    it('in order, synchronous or not, until one of them decides', async () => {
      const upstream = await scriptedUpstream(ok);
      const ran: string[] = [];
      const pass = (name: string): PluginHooks => ({
        access() {
          ran.push(name);
          return undefined;
        },
      });
      const later = (name: string): PluginHooks => ({
        async access() {
          await new Promise((resolve) => setImmediate(resolve));
          ran.push(name);
          return undefined;
        },
      });
      const refuse: PluginHooks = { access: () => ({ status: 403, headers: [], body: 'no' }) };
      const gate = await openGate(upstream.port, {
        hooks: [pass('a'), { respond: () => {} }, later('b'), pass('c'), later('d'), refuse, pass('never')],
      });
      expect((await ask(gate.port, get())).status).to.equal(403);
      expect(ran).to.deep.equal(['a', 'b', 'c', 'd']);
      expect(upstream.seen).to.deep.equal([]);
    });

    it('synchronously when all of them are synchronous: no turn of the event loop is lost', async () => {
      const order: string[] = [];
      const gate = await openGate(1, {
        hooks: [
          {
            access() {
              queueMicrotask(() => order.push('later'));
              return undefined;
            },
          },
          {
            access() {
              order.push('second');
              return { status: 200, headers: [], body: '' };
            },
          },
        ],
      });
      await ask(gate.port, get());
      expect(order).to.deep.equal(['second', 'later']);
    });

    it('with the value of a promise of any kind', async () => {
      const thenable = {
        then: (settle: (decision: unknown) => void) => settle({ status: 418, headers: [], body: '' }),
      };
      const gate = await openGate(1, { hooks: [{ access: () => thenable as never }] });
      expect((await ask(gate.port, get())).status).to.equal(418);
    });

    it('with the client, the target and the route of the request', async () => {
      const upstream = await scriptedUpstream(ok);
      let seen: Exchange | undefined;
      const gate = await openGate(upstream.port, {
        route: { path: '/normal', upstreamTarget: '/up?q' },
        hooks: [
          {
            access(exchange) {
              seen = exchange;
              expect(exchange.request.upstreamTarget).to.equal('/up?q');
              return undefined;
            },
          },
        ],
      });
      const { fields } = await ask(gate.port, get('/x/../normal?q', 'X-A: 1', 'x-a: 2'));
      const { request } = seen!;
      expect(seen).to.include({
        routeId: 'route-1',
        serviceId: 'service-1',
        path: '/normal',
        clientAddress: '127.0.0.1',
      });
      expect(seen!.requestId)
        .to.equal(fields.get('x-kong-request-id')![0])
        .and.match(/^[0-9a-f]{32}$/);
      expect(request).to.include({
        requestId: seen!.requestId,
        method: 'GET',
        target: '/x/../normal?q',
        scheme: 'http',
        httpVersion: '1.1',
        localPort: gate.port,
        peer: '127.0.0.1',
        peerTrusted: false,
        sni: undefined,
      });
      expect([request.header('x-a'), request.headerValues('x-a'), request.header('x-b')]).to.deep.equal([
        '1, 2',
        ['1', '2'],
        undefined,
      ]);
      expect(request.headerValues('x-b')).to.deep.equal([]);
      expect(upstream.seen[0]!.lines[0]).to.equal('GET /up?q HTTP/1.1');
    });

    it('of the snapshot that was current when it began', async () => {
      const upstream = await scriptedUpstream(ok);
      let name = 'old';
      const begun: (() => void)[] = [];
      const gate = await openGate(upstream.port, {
        match: (request) => {
          const at = name;
          return matched(request, { ...plainService, port: upstream.port }, {}, [
            { access: () => new Promise((resolve) => begun.push(() => resolve(undefined))) },
            { respond: (_exchange, head) => head.setHeader('X-Snapshot', at) },
          ]);
        },
      });
      const first = ask(gate.port, get());
      await eventually(() => begun.length === 1);
      name = 'new';
      begun[0]!();
      expect((await first).fields.get('x-snapshot')).to.deep.equal(['old']);
      const second = ask(gate.port, get());
      await eventually(() => begun.length === 2);
      begun[1]!();
      expect((await second).fields.get('x-snapshot')).to.deep.equal(['new']);
    });
  });

  describe('shows the response head to the plugins, from any source:', () => {
    const respond: PluginHooks['respond'] = (_exchange, head) => {
      head.setHeader('X-Seen', `${head.status} ${head.header('X-UP') ?? '-'}`);
      head.addHeader('Vary', 'Origin');
      head.removeHeader('server');
      head.setHeader('X-Text', 'Grüße\n');
    };
    const text = Buffer.from('Grüße%0A').toString('latin1');

    it('the upstream', async () => {
      const upstream = await scriptedUpstream(
        'HTTP/1.1 200 OK\r\nServer: nginx\r\nVary: Accept\r\nx-up: 1\r\nX-Up: 2\r\nContent-Length: 2\r\n\r\nok',
      );
      const gate = await openGate(upstream.port, { hooks: [{ respond }] });
      const { fields, body } = await ask(gate.port, get());
      expect(body).to.equal('ok');
      expect([...fields].filter(([name]) => /^(x-seen|vary|server|x-text)$/.test(name))).to.deep.equal([
        ['vary', ['Accept', 'Origin']],
        ['x-seen', ['200 1, 2']],
        ['x-text', [text]],
      ]);
    });

    it('a plugin that refuses', async () => {
      const gate = await openGate(1, {
        hooks: [
          {
            access: () => ({
              status: 401,
              headers: [
                ['X-Up', 'e'],
                ['X-Name', 'né'],
              ],
              body: 'né',
            }),
          },
          { respond },
        ],
      });
      const { fields, body } = await ask(gate.port, get());
      expect(body).to.equal(Buffer.from('né').toString('latin1'));
      expect(fields.get('x-seen')).to.deep.equal(['401 e']);
      expect(fields.get('x-name')).to.deep.equal([Buffer.from('né').toString('latin1')]);
    });

    it('the gate itself, when the upstream fails', async () => {
      const gate = await openGate(1, { service: { retries: 0 }, hooks: [{ respond }] });
      const { status, fields } = await ask(gate.port, get());
      expect([status, fields.get('x-seen'), fields.has('server')]).to.deep.equal([502, ['502 -'], false]);
    });

    it('an OAuth endpoint, with each way to write a head', async () => {
      const writings: Record<string, (response: import('node:http').ServerResponse) => void> = {
        implicitly: (response) => {
          response.setHeader('X-Up', 'e');
          response.end('ok');
        },
        'with writeHead': (response) => {
          response.writeHead(200, { 'X-Up': 'e' });
          response.end('ok');
        },
        'with a reason': (response) => {
          response.setHeader('X-Up', 'gone').writeHead(200, 'Fine', ['X-Up', 'e']);
          response.end('ok');
        },
        'in pieces': (response) => {
          response.setHeader('X-Up', 'e');
          response.write('o');
          response.end('k');
        },
      };
      for (const [how, write] of Object.entries(writings)) {
        const gate = await openGate(1, {
          hooks: [{ respond }, { access: () => ({ handover: 'token', largestBody: 100, to: how }) }],
          serveEndpoint: (handover, exchange, request, response) => {
            expect([handover.to, exchange.routeId, request.url]).to.deep.equal([how, 'route-1', '/oauth2/token']);
            write(response);
          },
        });
        const { status, fields, body } = await ask(gate.port, get('/oauth2/token'));
        expect([status, body, fields.get('vary')], how).to.deep.equal([200, 'ok', ['Origin']]);
        expect(fields.get('x-seen')![0], how).to.match(/^200 (gone, )?e$/);
        expect(fields.get('x-kong-request-id')![0]).to.match(/^[0-9a-f]{32}$/);
        expect(await gate.logged()).to.include({ status: 200 });
      }
    });
  });

  it('RS-22: is refused with 503, never 401, while the store cannot be reached, and nothing goes upstream', async () => {
    const upstream = await scriptedUpstream(ok);
    const unavailable = new Unavailable('the disk is gone');
    const ways: readonly PluginHooks[] = [
      { access: () => Promise.reject(unavailable) },
      {
        access() {
          throw unavailable;
        },
      },
    ];
    for (const hooks of ways) {
      const gate = await openGate(upstream.port, { hooks: [hooks] });
      const { status, fields, body } = await ask(gate.port, get());
      expect([status, fields.get('retry-after'), fields.has('www-authenticate')]).to.deep.equal([503, ['1'], false]);
      expect(body).to.include('The gate cannot reach its store; try again').and.not.include('disk');
      expect(await gate.logged()).to.include({ status: 503, refusal: 'store_unavailable' });
      expect(gate.failures).to.deep.equal([unavailable]);
    }
    expect(upstream.seen).to.deep.equal([]);
  });

  it('shows the response hooks each value of a repeated header of an OAuth endpoint', async () => {
    const seen: unknown[] = [];
    for (const http2 of [false, true]) {
      const gate = await openGate(1, {
        listen: [{ host: '127.0.0.1', port: 0, ssl: false, http2 }],
        hooks: [
          { respond: (_exchange, head) => void seen.push(head.header('x-up'), head.header('content-length')) },
          { access: () => ({ handover: 'token', largestBody: 100, to: undefined }) },
        ],
        serveEndpoint: (_handover, _exchange, _request, response) =>
          void response.setHeader('X-Up', ['a', 'b']).setHeader('Content-Length', 2).end('ok'),
      });
      expect((await ask(gate.port, get('/oauth2/token'))).fields.get('x-up')).to.deep.equal(['a', 'b']);
    }
    expect(seen).to.deep.equal(['a, b', '2', 'a, b', '2']);
  });

  it('logs the octets of the body that an OAuth endpoint sent: none for HEAD', async () => {
    const gate = await openGate(1, {
      hooks: [{ access: () => ({ handover: 'token', largestBody: 100, to: undefined }) }],
      serveEndpoint: (_handover, _exchange, _request, response) =>
        void response.setHeader('Content-Length', 12).end('not for HEAD'),
    });
    for (const [method, bytesSent] of [
      ['GET', 12],
      ['HEAD', 0],
    ] as const) {
      await ask(gate.port, `${method} /oauth2/token HTTP/1.1\r\nHost: a\r\n\r\n`);
      await eventually(() => gate.entries.some((entry) => entry.method === method));
      expect(gate.entries.at(-1)).to.include({ method, status: 200, bytesSent });
    }
  });

  it('hands a request over to an OAuth endpoint with all its headers', async () => {
    const gate = await openGate(1, {
      hooks: [{ access: () => ({ handover: 'token', largestBody: 100, to: undefined }) }],
      serveEndpoint: (_handover, _exchange, { headers }, response) => void response.end(JSON.stringify(headers)),
    });
    const { body } = await ask(
      gate.port,
      'GET /oauth2/token HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\nX-A: b\r\n\r\n',
    );
    expect(JSON.parse(body)).to.deep.equal({ host: 'a', accept: 'text/html', 'x-a': 'b' });
  });

  it('hands a request over to an OAuth endpoint with its body, after 100 (Continue)', async () => {
    const gate = await openGate(1, {
      hooks: [{ access: () => ({ handover: 'token', largestBody: 100, to: undefined }) }],
      serveEndpoint: async (_handover, exchange, _request, response) => {
        const text = Buffer.from(exchange.request.wholeBody!).toString();
        exchange.refusal = 'client_authentication_failed';
        exchange.clientId = 'app';
        response.statusCode = 400;
        response.end(text);
      },
    });
    const asking = await client(gate.port);
    asking.send('POST /oauth2/token HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n');
    expect((await asking.response()).status).to.equal(100);
    asking.send('hello');
    expect(await asking.response()).to.include({ status: 400, body: 'hello' });
    expect(await gate.logged()).to.include({
      status: 400,
      refusal: 'client_authentication_failed',
      clientId: 'app',
      bytesReceived: 5,
    });
    asking.send(`POST /oauth2/token HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi`);
    expect(await asking.response()).to.include({ status: 400, body: 'hi' });
  });

  describe('gets a 500 that does not show the error, when gate code throws:', () => {
    const secret = 'the secret of the database';
    const boom = () => {
      throw new Error(secret);
    };
    const broken: Record<string, readonly PluginHooks[]> = {
      'a plugin': [{ access: boom }],
      'a plugin, later': [{ access: () => Promise.reject(new Error(secret)) }],
      'a plugin after an asynchronous one': [{ access: async () => undefined }, { access: boom }],
      'a plugin that sees the response of the upstream': [{ respond: boom }],
      'a plugin that sees the response of another': [
        { respond: boom },
        { access: () => ({ status: 401, headers: [], body: '' }) },
      ],
    };
    for (const [who, hooks] of Object.entries(broken)) {
      it(who, async () => {
        const upstream = await scriptedUpstream('HTTP/1.1 200 OK\r\nX-Internal: 1\r\nContent-Length: 2\r\n\r\nok');
        const gate = await openGate(upstream.port, { hooks });
        const asking = await client(gate.port);
        const { status, fields, body } = await asking.send(get()).response();
        expect([status, JSON.parse(body).message]).to.deep.equal([500, 'An unexpected error occurred']);
        expect(fields.has('x-internal')).to.equal(false);
        expect(body).to.not.include(secret);
        expect(gate.failures.map(String)).to.deep.equal([`Error: ${secret}`]);
        expect(await gate.logged()).to.include({ status: 500, refusal: 'internal_error' });
        expect((await asking.send(get()).response()).status, 'and the next one is served').to.equal(500);
      });
    }

    it('the match', async () => {
      const gate = await openGate(1, { match: boom });
      expect((await ask(gate.port, get())).status).to.equal(500);
    });

    it('an endpoint, synchronously or later', async () => {
      for (const serveEndpoint of [boom, async () => boom()]) {
        const gate = await openGate(1, {
          hooks: [{ access: () => ({ handover: 'token', largestBody: 100, to: undefined }) }],
          serveEndpoint,
        });
        const { status, body } = await ask(gate.port, get());
        expect([status, JSON.parse(body).message]).to.deep.equal([500, 'An unexpected error occurred']);
        expect(gate.failures).to.have.length(1);
      }
    });

    it('a plugin that sees the response of an endpoint: the client does not get that response', async () => {
      const gate = await openGate(1, {
        hooks: [{ access: () => ({ handover: 'token', largestBody: 100, to: undefined }) }, { respond: boom }],
        serveEndpoint: (_handover, _exchange, _request, response) => {
          response.end('a token');
        },
      });
      const received = await ask(gate.port, get());
      expect(received.body).to.not.include('token');
      expect(gate.failures).to.have.length(1);
    });
  });

  it('that matches no route gets the response of the snapshot', async () => {
    const gate = await openGate(1, {
      match: (request) => ({ status: 404, headers: [['X-A', '1']], body: `none for ${request.requestId}` }),
    });
    const { status, fields, body } = await ask(gate.port, get());
    expect([status, fields.get('x-a'), fields.get('server')]).to.deep.equal([404, ['1'], ['kong/3.9.1']]);
    expect(body).to.equal(`none for ${fields.get('x-kong-request-id')![0]}`);
    expect(fields.get('x-kong-response-latency')![0]).to.match(/^\d+$/);
    expect(await gate.logged()).to.include({ status: 404, refusal: 'unmatched', routeId: undefined });
    const head = await ask(gate.port, 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect([head.status, head.body]).to.deep.equal([404, '']);
  });

  it('keeps its framing, whatever a plugin responds', async () => {
    const gate = await openGate(1, {
      hooks: [
        {
          access: () => ({
            status: 200,
            headers: [
              ['Content-Length', '1'],
              ['transfer-encoding', 'chunked'],
              ['Connection', 'close'],
              ['X-A', 'a\r\nX-Evil: 1'],
            ],
            body: 'whole',
          }),
        },
      ],
    });
    const asking = await client(gate.port);
    const { body, fields } = await asking.send(get()).response();
    expect([body, fields.get('connection'), fields.has('x-evil')]).to.deep.equal(['whole', ['keep-alive'], false]);
  });

  it('with a 204 response has no body and no length', async () => {
    const gate = await openGate(1, { hooks: [{ access: () => ({ status: 204, headers: [], body: '' }) }] });
    const asking = await client(gate.port);
    for (let i = 0; i < 2; i++) {
      const { status, fields } = await asking.send(get()).response();
      expect([status, fields.has('content-length'), fields.has('transfer-encoding')]).to.deep.equal([
        204,
        false,
        false,
      ]);
    }
  });

  it('is logged once, when it is complete, without secrets (SE-02)', async () => {
    const upstream = await scriptedUpstream('HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello');
    const gate = await openGate(upstream.port, {
      hooks: [
        {
          access(exchange) {
            exchange.identity = {
              consumer: { id: 'consumer-1', username: 'alice', customId: undefined },
              anonymous: false,
              credential: { id: 'credential-1', identifier: 'app' },
            };
            return undefined;
          },
        },
      ],
    });
    const secrets =
      'POST /p?access_token=canary1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer canary2\r\nCookie: canary3\r\n';
    const { fields } = await ask(gate.port, `${secrets}Content-Length: 7\r\n\r\ncanary4`);
    const entry = await gate.logged();
    const { milliseconds, upstreamMilliseconds, ...rest } = entry;
    expect(rest).to.deep.equal({
      requestId: fields.get('x-kong-request-id')![0]!,
      method: 'POST',
      path: '/p',
      scheme: 'http',
      httpVersion: '1.1',
      host: 'a',
      status: 201,
      clientAddress: '127.0.0.1',
      routeId: 'route-1',
      serviceId: 'service-1',
      consumerId: 'consumer-1',
      clientId: 'app',
      refusal: undefined,
      bytesReceived: 7,
      bytesSent: 5,
      upstreamAttempts: 1,
    } satisfies Omit<AccessLogEntry, 'milliseconds' | 'upstreamMilliseconds'>);
    expect(milliseconds).to.be.a('number');
    expect(upstreamMilliseconds).to.be.a('number');
    expect(JSON.stringify(entry)).to.not.include('canary');
    expect(gate.entries).to.have.length(1);
  });
});
