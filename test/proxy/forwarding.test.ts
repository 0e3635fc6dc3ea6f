import { type AddressInfo, createServer } from 'node:net';
import { expect } from 'chai';
import { budgetsOf } from '../../src/records/budget.ts';
import {
  ask,
  client,
  closeLater,
  closesEverything,
  eventually,
  get,
  httpUpstream,
  matched,
  ok,
  openGate,
  plainService,
  scriptedUpstream,
  tcpUpstream,
} from './world.ts';

describe('Forwarding a request', () => {
  closesEverything();

  describe('sends a head', () => {
    it('without hop-by-hop fields of the client connection (bearer/upstream-headers:1)', async () => {
      const upstream = await scriptedUpstream(ok);
      const gate = await openGate(upstream.port, { trustedIps: ['127.0.0.1'] });
      const fields = [
        'Connection: X-Hop, keep-alive, Upgrade, HTTP2-Settings',
        'X-Hop: 1',
        'Keep-Alive: timeout=5',
        'Proxy-Connection: keep-alive',
        'Upgrade: h2c',
        'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA',
        'TE: trailers, deflate',
        'Proxy-Authorization: x',
        'X_Under_Score: u',
        'User-Agent:',
        'Via: 1.1 me',
      ];
      await ask(gate.port, get('/a?b', ...fields));
      const [seen] = upstream.seen;
      expect(seen!.lines[0]).to.equal('GET /a?b HTTP/1.1');
      const received = Object.fromEntries([...seen!.fields].filter(([name]) => !name.startsWith('x-')));
      expect(received).to.deep.equal({
        host: [`127.0.0.1:${upstream.port}`],
        connection: ['keep-alive'],
        te: ['trailers'],
        'proxy-authorization': ['x'],
        x_under_score: ['u'],
        'user-agent': [''],
        via: ['1.1 me, 1.1 kong/3.9.1'],
      });
      expect(seen!.fields.has('x-hop')).to.equal(false);
    });

    it('with the service as its Host, with a port that is not the default; or with the client’s Host', async () => {
      const upstream = await scriptedUpstream(ok);
      const lookup = (_name: string, _options: unknown, found: (...args: never[]) => void) => {
        setImmediate(found as never, null, [{ address: '127.0.0.1', family: 4 }]);
      };
      const named = await openGate(upstream.port, {
        service: { host: 'orders.internal' },
        upstream: { lookup: lookup as never },
      });
      await ask(named.port, get());
      const preserving = await openGate(upstream.port, { route: { preserveHost: true } });
      await ask(preserving.port, 'GET / HTTP/1.1\r\nHost: Shop.Example:99\r\n\r\n');
      expect(upstream.seen.map(({ fields }) => fields.get('host'))).to.deep.equal([
        [`orders.internal:${upstream.port}`],
        ['Shop.Example:99'],
      ]);
    });

    it('to an IPv6 address, in brackets or not', async () => {
      const server = createServer((socket) => {
        socket.on('error', () => {});
        socket.on('data', (bytes) => {
          const host = /Host: (.*)\r/.exec(bytes.toString())![1]!;
          socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${host.length}\r\n\r\n${host}`);
        });
      });
      await new Promise<void>((resolve) => server.listen(0, '::1', resolve));
      closeLater(() => server.close());
      const { port } = server.address() as AddressInfo;
      for (const host of ['::1', '[::1]']) {
        const gate = await openGate(port, { service: { host } });
        expect((await ask(gate.port, get())).body).to.equal(`[::1]:${port}`);
      }
    });

    it('with the values that plugins set in place of the client’s', async () => {
      const upstream = await scriptedUpstream(ok);
      const gate = await openGate(upstream.port, {
        hooks: [
          {
            access({ request }) {
              request.setHeader('X-Set', 'Grüße\r\nX-Evil: 1');
              request.removeHeader('x-gone');
              request.replaceTarget('/other?q=1');
              return undefined;
            },
          },
        ],
      });
      await ask(gate.port, get('/', 'X-Set: client', 'x_set: client', 'X-Gone: 1', 'X_GONE: 2', 'X-Stays: 1'));
      const { lines, fields } = upstream.seen[0]!;
      expect(lines[0]).to.equal('GET /other?q=1 HTTP/1.1');
      expect(fields.get('x-set')).to.deep.equal([Buffer.from('Grüße%0D%0AX-Evil: 1').toString('latin1')]);
      expect([...fields.keys()])
        .to.include('x-stays')
        .and.not.include.members(['x_set']);
      for (const name of ['x-gone', 'x_gone', 'x-evil']) expect(fields.has(name), name).to.equal(false);
    });

    it('with a target that cannot inject into the request line', async () => {
      const gate = await openGate(1, {
        hooks: [
          {
            access({ request }) {
              request.replaceTarget('/a HTTP/1.1\r\nX-Evil: 1\r\n\r\n');
              return undefined;
            },
          },
        ],
      });
      expect((await ask(gate.port, get())).status).to.equal(500);
      expect(String(gate.failures[0])).to.include('request-target');
    });
  });

  describe('sends a body', () => {
    it('framed as the client framed it', async () => {
      const upstream = await scriptedUpstream(ok);
      const gate = await openGate(upstream.port);
      const asking = await client(gate.port);
      const requests = [
        'POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello',
        'POST /chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n',
        'POST /empty HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n',
        'DELETE /none HTTP/1.1\r\nHost: a\r\n\r\n',
        'GET /with HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi',
        'POST /nothing-chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      ];
      for (const request of requests) {
        asking.send(request);
        expect((await asking.response()).status).to.equal(200);
      }
      const received = upstream.seen.map(({ lines, fields, body }) => [
        lines[0]!.split(' ')[1],
        fields.get('content-length')?.[0] ?? fields.get('transfer-encoding')?.[0],
        body,
      ]);
      expect(received).to.deep.equal([
        ['/length', '5', 'hello'],
        ['/chunked', 'chunked', 'abcd'],
        ['/empty', '0', ''],
        ['/none', undefined, ''],
        ['/with', '2', 'hi'],
        ['/nothing-chunked', 'chunked', ''],
      ]);
    });

    it('KD-19: without its trailers, which no check has seen (RS-10), and without Trailer, which announces them', async () => {
      const upstream = await scriptedUpstream(ok);
      const gate = await openGate(upstream.port);
      const request = 'POST / HTTP/1.1\r\nHost: a\r\nTrailer: X-Consumer-ID\r\nTransfer-Encoding: chunked\r\n\r\n';
      await ask(gate.port, `${request}1\r\na\r\n0\r\nX-Consumer-ID: evil\r\n\r\n`);
      expect(upstream.seen[0]!.body).to.equal('a');
      expect(upstream.seen[0]!.fields.has('trailer')).to.equal(false);
    });

    it('that plugins have read, once or more', async () => {
      const upstream = await scriptedUpstream((socket) => socket.destroy(), ok);
      const read: string[] = [];
      const gate = await openGate(upstream.port, {
        hooks: [
          {
            async access({ request }) {
              read.push(Buffer.from((await request.readBody(100))!).toString());
              return undefined;
            },
          },
          {
            access({ request }) {
              const again = request.readBody(100) as Uint8Array;
              read.push(Buffer.from(again).toString());
              return undefined;
            },
          },
        ],
      });
      const head = 'PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
      expect((await ask(gate.port, `${head}2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n`)).status).to.equal(200);
      expect(read).to.deep.equal(['hello', 'hello']);
      // Its length is known now, and a retry could send it again.
      expect(upstream.seen.map(({ fields, body }) => [fields.get('content-length'), body])).to.deep.equal([
        [['5'], 'hello'],
        [['5'], 'hello'],
      ]);
    });

    it('from its first byte, when a plugin found it too long to read', async () => {
      const upstream = await scriptedUpstream(ok);
      const read: unknown[] = [];
      const gate = await openGate(upstream.port, {
        hooks: [
          {
            async access({ request }) {
              read.push(await request.readBody(10), await request.readBody(5), await request.readBody(20));
              return undefined;
            },
          },
        ],
      });
      const body = 'x'.repeat(50);
      expect((await ask(gate.port, `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n${body}`)).status).to.equal(
        200,
      );
      const chunked = `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`;
      const asking = await client(gate.port);
      asking.send(`${chunked}6\r\n${'a'.repeat(6)}\r\n6\r\n${'b'.repeat(6)}\r\n`);
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
      asking.send(`20\r\n${'c'.repeat(32)}\r\n0\r\n\r\n`);
      expect((await asking.response()).status).to.equal(200);
      expect(read).to.deep.equal([undefined, undefined, undefined, undefined, undefined, undefined]);
      expect(upstream.seen.map((seen) => seen.body)).to.deep.equal([
        body,
        'a'.repeat(6) + 'b'.repeat(6) + 'c'.repeat(32),
      ]);
    });

    it('that a plugin replaced', async () => {
      const upstream = await scriptedUpstream(ok);
      const gate = await openGate(upstream.port, {
        hooks: [
          {
            async access({ request }) {
              await request.readBody(100);
              request.replaceBody(Buffer.from('another one'));
              return undefined;
            },
          },
        ],
      });
      await ask(gate.port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi');
      expect(upstream.seen.map(({ fields, body }) => [fields.get('content-length'), body])).to.deep.equal([
        [['11'], 'another one'],
      ]);
    });

    it('after 100 (Continue), which it sends only when the plugins admit the request (RFC 9110 §10.1.1)', async () => {
      const upstream = await scriptedUpstream(ok);
      let letIn = (): void => {};
      const gate = await openGate(upstream.port, {
        hooks: [
          {
            access: () =>
              new Promise<undefined>((resolve) => {
                letIn = () => resolve(undefined);
              }),
          },
        ],
      });
      const asking = await client(gate.port);
      asking.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n');
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      expect(asking.text).to.equal('');
      letIn();
      expect((await asking.response()).status).to.equal(100);
      asking.send('hi');
      expect((await asking.response()).status).to.equal(200);
      expect(upstream.seen[0]!.fields.has('expect')).to.equal(false);
      expect(upstream.seen[0]!.body).to.equal('hi');
    });

    it('and sends no 100 (Continue) when the request is refused', async () => {
      const gate = await openGate(1, { hooks: [{ access: () => ({ status: 403, headers: [], body: 'no' }) }] });
      const asking = await client(gate.port);
      asking.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n');
      const response = await asking.response();
      expect([response.status, response.fields.get('connection')]).to.deep.equal([403, ['close']]);
    });
  });

  describe('uses connections to the upstream', () => {
    it('again, the latest first, and one for each concurrent request', async () => {
      const held: (() => void)[] = [];
      const upstream = await scriptedUpstream((socket, { lines }) => {
        if (lines[0]!.includes('/hold')) held.push(() => socket.write(ok));
        else socket.write(ok);
      });
      const gate = await openGate(upstream.port);
      for (let i = 0; i < 3; i++) await ask(gate.port, get());
      expect(upstream.sockets).to.have.length(1);
      const first = ask(gate.port, get('/hold'));
      await eventually(() => held.length === 1);
      const second = ask(gate.port, get('/hold'));
      await eventually(() => held.length === 2);
      expect(upstream.sockets).to.have.length(2);
      for (const go of held) go();
      await Promise.all([first, second]);
      await ask(gate.port, get());
      expect(upstream.sockets).to.have.length(2);
    });

    const once: Record<string, string> = {
      'says that it closes': 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok',
      'speaks HTTP/1.0': 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok',
      'will close it at once': 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok',
      'says more than its response': `${ok}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`,
      'says more than a chunked response':
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison',
    };
    for (const [why, response] of Object.entries(once)) {
      it(`once, when it ${why}`, async () => {
        const upstream = await scriptedUpstream(response);
        const gate = await openGate(upstream.port);
        expect((await ask(gate.port, get())).body).to.equal('ok');
        expect((await ask(gate.port, get())).body).to.equal('ok');
        expect(upstream.sockets).to.have.length(2);
      });
    }

    it('once, when bytes arrive that belong to no request', async () => {
      const upstream = await scriptedUpstream(ok);
      const gate = await openGate(upstream.port);
      await ask(gate.port, get());
      let closed = false;
      upstream.sockets[0]!.on('close', () => {
        closed = true;
      });
      upstream.sockets[0]!.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison');
      await eventually(() => closed);
      expect((await ask(gate.port, get())).body).to.equal('ok');
    });

    it('within their limits', async () => {
      const upstream = await scriptedUpstream(ok);
      const used = await openGate(upstream.port, { upstream: { requestLimit: 2 } });
      for (let i = 0; i < 4; i++) await ask(used.port, get());
      expect(upstream.sockets).to.have.length(2);
      const brief = await openGate(upstream.port, { upstream: { idleTimeout: 20 } });
      let ended = false;
      await ask(brief.port, get());
      upstream.sockets[2]!.on('end', () => {
        ended = true;
      });
      await eventually(() => ended);
    });

    it('for all services with the same origin', async () => {
      const upstream = await scriptedUpstream(ok);
      const here = { ...plainService, port: upstream.port };
      const services = new Map([
        ['/a', { ...here, id: 'a' }],
        ['/b', { ...here, id: 'b', readTimeout: 1000 }],
      ]);
      const gate = await openGate(0, { match: (request) => matched(request, services.get(request.target)) });
      expect((await ask(gate.port, get('/a'))).status).to.equal(200);
      expect((await ask(gate.port, get('/b'))).status).to.equal(200);
      expect(upstream.sockets).to.have.length(1);
    });
  });

  describe('retries', () => {
    it('when the idle connection was stale, which does not count as an attempt', async () => {
      const upstream = await scriptedUpstream(ok, (socket) => socket.destroy(), ok);
      const gate = await openGate(upstream.port, { service: { retries: 0 } });
      await ask(gate.port, get());
      expect((await ask(gate.port, get())).status).to.equal(200);
      expect(upstream.seen).to.have.length(3);
      expect(gate.entries[1]!.upstreamAttempts).to.equal(1);
    });

    it('when the upstream closes before its response, up to `retries` times', async () => {
      const upstream = await scriptedUpstream((socket) => socket.destroy());
      const gate = await openGate(upstream.port, { service: { retries: 2 } });
      expect((await ask(gate.port, get())).status).to.equal(502);
      expect(upstream.seen).to.have.length(3);
      expect(gate.entries[0]).to.include({ upstreamAttempts: 3, refusal: 'upstream_closed' });
    });

    it('not a request that the upstream may have processed (RFC 9110 §9.2.2)', async () => {
      const upstream = await scriptedUpstream((socket) => socket.destroy());
      const gate = await openGate(upstream.port);
      for (const method of ['POST', 'PATCH', 'LOCK']) {
        expect((await ask(gate.port, `${method} / HTTP/1.1\r\nHost: a\r\n\r\n`)).status).to.equal(502);
      }
      expect(upstream.seen).to.have.length(3);
    });

    it('not when a part of the response has arrived', async () => {
      const upstream = await scriptedUpstream((socket) => socket.end('HTTP/1.1 2'));
      const gate = await openGate(upstream.port);
      expect((await ask(gate.port, get())).status).to.equal(502);
      expect(upstream.seen).to.have.length(1);
    });

    const framings = {
      'a length': ['Content-Length: 4\r\n\r\n', 'abcd'],
      chunks: ['Transfer-Encoding: chunked\r\n\r\n', '2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n'],
    } as const;
    for (const [framing, [fields, body]] of Object.entries(framings)) {
      it(`with its body again, where the method is idempotent: ${framing}`, async () => {
        const upstream = await scriptedUpstream(
          ok,
          (socket) => socket.destroy(),
          (socket) => socket.destroy(),
          ok,
        );
        const gate = await openGate(upstream.port);
        await ask(gate.port, get());
        expect((await ask(gate.port, `PUT / HTTP/1.1\r\nHost: a\r\n${fields}${body}`)).status).to.equal(200);
        expect(upstream.seen.map((seen) => seen.body)).to.deep.equal(['', 'abcd', 'abcd', 'abcd']);
        expect(gate.entries[1]!.upstreamAttempts, 'the idle connection does not count').to.equal(2);
      });

      it(`with the rest of its body, when the upstream closes in the middle of it: ${framing}`, async () => {
        let connections = 0;
        const bodies: string[] = [];
        const upstream = await tcpUpstream((socket) => {
          const nth = connections++;
          let text = '';
          socket.on('data', (bytes) => {
            text += bytes.toString('latin1');
            if (nth === 0 && text.includes('ab')) socket.destroy();
            else if (/cd(?:\r\n0\r\n\r\n)?$/.test(text)) {
              bodies.push(text.slice(text.indexOf('\r\n\r\n') + 4));
              socket.write(ok);
            }
          });
        });
        const gate = await openGate(upstream.port);
        const asking = await client(gate.port);
        const half = body.indexOf('ab') + (framing === 'chunks' ? 4 : 2);
        asking.send(`PUT / HTTP/1.1\r\nHost: a\r\n${fields}${body.slice(0, half)}`);
        await eventually(() => connections === 2);
        asking.send(body.slice(half));
        expect((await asking.response()).status).to.equal(200);
        expect(bodies).to.deep.equal([body]);
      });
    }

    it('not when there is no memory left to keep its body, and what is kept is released', async () => {
      const upstream = await scriptedUpstream((socket) => socket.destroy());
      // A quarter of it: room for one body.
      const gate = await openGate(upstream.port, {
        service: { retries: 1 },
        budgets: budgetsOf({ bodyBytes: 4 * 1024 }),
      });
      const put = (length: number) =>
        `PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n${'x'.repeat(length)}`;
      for (let i = 0; i < 3; i++) expect((await ask(gate.port, put(1024))).status).to.equal(502);
      expect(upstream.seen).to.have.length(6);
      expect((await ask(gate.port, put(1025))).status).to.equal(502);
      expect(upstream.seen).to.have.length(7);
    });

    it('KD-21: not when the body is too long to be kept', async () => {
      const upstream = await scriptedUpstream((socket) => socket.destroy());
      const gate = await openGate(upstream.port);
      const body = 'x'.repeat(65_537);
      const request = `PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      expect((await ask(gate.port, request)).status).to.equal(502);
      expect(upstream.seen).to.have.length(1);
    });

    it('not a POST on an idle connection, once a byte of it was written', async () => {
      const upstream = await scriptedUpstream(ok, (socket) => socket.destroy(), ok);
      const gate = await openGate(upstream.port);
      await ask(gate.port, get());
      const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi';
      expect((await ask(gate.port, post)).status).to.equal(502);
      expect(upstream.seen).to.have.length(2);
    });

    for (const method of ['POST', 'PATCH', 'LOCK']) {
      it(`no ${method} to a connection that the upstream has closed, whose end is not delivered yet`, async () => {
        let closeIdle = (): void => {};
        const upstream = await scriptedUpstream((socket, { lines }) => {
          socket.write(ok);
          if (lines[0]!.startsWith('GET')) closeIdle = () => socket.destroy();
        });
        const gate = await openGate(upstream.port, {
          // Called in the same turn in which the connection is chosen.
          hooks: [{ access: ({ request }) => void (request.method === method && closeIdle()) }],
        });
        await ask(gate.port, get());
        const response = await ask(gate.port, `${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi`);
        expect(response.status).to.equal(200);
        expect(gate.entries[1]!.upstreamAttempts).to.equal(1);
        expect(upstream.seen.map(({ body }) => body)).to.deep.equal(['', 'hi']);
      });
    }

    it('counts for the health of a target, but an idle connection that was closed does not', async () => {
      const upstream = await scriptedUpstream(ok, (socket) => socket.destroy(), ok);
      const gate = await openGate(upstream.port, { service: { retries: 0 } });
      await ask(gate.port, get());
      const put = 'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi';
      expect((await ask(gate.port, put)).status).to.equal(200);
      expect(gate.entries[1]!.upstreamAttempts).to.equal(1);
      expect(gate.problems).to.deep.equal([]);
    });

    it('any request when the connection was refused', async () => {
      const gate = await openGate(1, { service: { retries: 3 } });
      expect((await ask(gate.port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi')).status).to.equal(502);
      expect(gate.entries[0]!.upstreamAttempts).to.equal(4);
      expect(gate.problems).to.have.length(1);
      expect(gate.problems[0]).to.include({
        kind: 'unreachable',
        cause: 'ECONNREFUSED',
        serviceId: 'service-1',
        port: 1,
      });
    });
  });

  describe('to a failing upstream gets the same response as from Kong (routing/upstream-failures):', () => {
    const text = 'text/plain; charset=utf-8';

    it('502, when the connection is refused', async () => {
      const gate = await openGate(1);
      const { status, fields, body } = await ask(gate.port, get());
      expect([status, fields.get('content-type')]).to.deep.equal([502, [text]]);
      expect(body).to.match(/^An invalid response was received from the upstream server\nrequest_id: [0-9a-f]{32}\n$/);
      expect(fields.get('x-kong-request-id')![0]).to.equal(/[0-9a-f]{32}/.exec(body)![0]);
    });

    it('in the media type that Accept asks for', async () => {
      const gate = await openGate(1);
      const { fields, body } = await ask(gate.port, get('/', 'Accept: text/html'));
      expect(fields.get('content-type')).to.deep.equal(['text/html; charset=utf-8']);
      expect(body).to.include('<p>An invalid response was received from the upstream server.</p>');
    });

    it('503, when its name does not resolve', async () => {
      const lookup = (_name: string, _options: unknown, found: (error: Error) => void) => {
        setImmediate(() => found(Object.assign(new Error('queryA ENOTFOUND'), { code: 'ENOTFOUND' })));
      };
      const gate = await openGate(80, {
        service: { host: 'no-such-host.invalid' },
        upstream: { lookup: lookup as never },
      });
      const { status, fields, body } = await ask(gate.port, get());
      expect([status, fields.get('content-type')]).to.deep.equal([503, ['application/json; charset=utf-8']]);
      expect(JSON.parse(body)).to.include({ message: 'name resolution failed' });
      expect(gate.entries[0]).to.include({ upstreamAttempts: 1, refusal: 'upstream_unresolved' });
    });

    it('504, when it does not respond in time, after each attempt had that time', async () => {
      const upstream = await scriptedUpstream(() => {});
      const gate = await openGate(upstream.port, { service: { readTimeout: 30, retries: 1 } });
      const { status, fields, body } = await ask(gate.port, get());
      expect([status, fields.get('content-type')]).to.deep.equal([504, [text]]);
      expect(body).to.match(/^The upstream server is timing out\nrequest_id: /);
      expect(upstream.seen).to.have.length(2);
    });

    it('504, when the connection takes too long', async () => {
      // A TLS handshake without a response.
      const upstream = await tcpUpstream(() => {});
      const gate = await openGate(upstream.port, { service: { protocol: 'https', connectTimeout: 30, retries: 1 } });
      expect((await ask(gate.port, 'POST / HTTP/1.1\r\nHost: a\r\n\r\n')).status).to.equal(504);
      expect(upstream.sockets).to.have.length(2);
    });

    it('504, when it does not read the body in time', async () => {
      const upstream = await tcpUpstream((socket) => socket.pause());
      const gate = await openGate(upstream.port, { service: { writeTimeout: 30 } });
      const asking = await client(gate.port);
      asking.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
      const piece = Buffer.from(`10000\r\n${'x'.repeat(65_536)}\r\n`);
      const writing = setInterval(() => asking.socket.writableLength < 1e6 && asking.send(piece), 0);
      const { status } = await asking.response();
      clearInterval(writing);
      expect(status).to.equal(504);
    });

    it('502, when the response is malformed or its head does not end', async () => {
      const responses = [
        'nonsense\r\n\r\n',
        'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx',
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n',
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nok\r\n0\r\n\r\n',
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nx',
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nno colon\r\n\r\n',
        'HTTP/1.1 101 Switching Protocols\r\n\r\n',
        'HTTP/1.1 100 Continue\r\n\r\n'.repeat(100),
        `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}`,
      ];
      for (const response of responses) {
        const upstream = await scriptedUpstream(response);
        const gate = await openGate(upstream.port);
        expect((await ask(gate.port, get())).status, response.slice(0, 40)).to.equal(502);
        expect(gate.entries[0]).to.include({ upstreamAttempts: 1, refusal: 'upstream_malformed' });
      }
    });

    it('503, when the route has no service, or one with a protocol that is not proxied', async () => {
      const without = await openGate(1, {
        match: (request) => matched(request, undefined),
      });
      const { status, body } = await ask(without.port, get());
      expect([status, JSON.parse(body).message]).to.deep.equal([503, 'no Service found with those values']);
      const tcp = await openGate(1, { service: { protocol: 'tcp' } });
      expect((await ask(tcp.port, get())).status).to.equal(503);
    });
  });

  describe('ends when its client disconnects', () => {
    it('while the upstream prepares its response', async () => {
      let closed = false;
      const upstream = await scriptedUpstream((socket) => {
        socket.on('close', () => {
          closed = true;
        });
      });
      const gate = await openGate(upstream.port);
      const asking = await client(gate.port);
      asking.send(get());
      await eventually(() => upstream.seen.length === 1);
      asking.socket.destroy();
      await eventually(() => closed);
      expect(await gate.logged()).to.include({ status: 499, refusal: 'client_gone' });
    });

    it('while a plugin is waiting: then nothing goes upstream', async () => {
      const upstream = await scriptedUpstream(ok);
      let go = (): void => {};
      const gate = await openGate(upstream.port, {
        hooks: [
          {
            access: () =>
              new Promise<undefined>((resolve) => {
                go = () => resolve(undefined);
              }),
          },
        ],
      });
      const asking = await client(gate.port);
      asking.send(get());
      await new Promise((resolve) => setTimeout(resolve, 5));
      asking.socket.destroy();
      await gate.logged();
      go();
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      expect(upstream.sockets).to.have.length(0);
    });

    it('in the middle of its body: the upstream does not mistake it for a complete body', async () => {
      let ended: boolean | undefined;
      const upstream = await tcpUpstream((socket) => {
        let text = '';
        socket.on('data', (bytes) => {
          text += bytes.toString('latin1');
        });
        socket.on('close', () => {
          ended = text.endsWith('0\r\n\r\n');
        });
      });
      const gate = await openGate(upstream.port);
      const asking = await client(gate.port);
      asking.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
      await eventually(() => upstream.sockets.length === 1);
      asking.socket.destroy();
      await eventually(() => ended !== undefined);
      expect(ended).to.equal(false);
    });

    it('while a plugin reads its body', async () => {
      let thrown: unknown;
      const gate = await openGate(1, {
        hooks: [
          {
            async access({ request }) {
              try {
                await request.readBody(100);
              } catch (error) {
                thrown = error;
                throw error;
              }
              return undefined;
            },
          },
        ],
      });
      const asking = await client(gate.port);
      asking.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc');
      await new Promise((resolve) => setTimeout(resolve, 5));
      asking.socket.destroy();
      await gate.logged();
      await eventually(() => thrown !== undefined);
      expect(gate.failures, 'it is no failure of the gate').to.deep.equal([]);
      expect(gate.entries[0]).to.include({ status: 499, refusal: 'client_gone' });
    });

    it('or does not read the response', async () => {
      let closed = false;
      const upstream = await httpUpstream((_request, response) => {
        response.on('close', () => {
          closed = true;
        });
        const write = () => {
          while (response.write(Buffer.alloc(65_536)));
          response.once('drain', write);
        };
        write();
      });
      const gate = await openGate(upstream, { limits: { clientSend: 40 } });
      const asking = await client(gate.port);
      asking.socket.pause();
      asking.send(get());
      await eventually(() => closed);
      expect(await gate.logged()).to.include({ status: 200, refusal: 'client_timeout' });
    });

    it('but not when it reads one response slowly and then waits for the next', async () => {
      const upstream = await httpUpstream((_request, response) => {
        setTimeout(() => response.writeHead(200, { 'Content-Length': 4 }).end('late'), 150);
      });
      const large = { status: 200, headers: [], body: 'x'.repeat(8 * 1024 * 1024) };
      const gate = await openGate(upstream, {
        limits: { clientSend: 100 },
        hooks: [{ access: ({ request }) => (request.target === '/large' ? large : undefined) }],
      });
      const asking = await client(gate.port);
      // Not read as text: that would be too slow.
      asking.socket.removeAllListeners('data');
      let received = 0;
      asking.socket.on('data', (bytes) => {
        received += bytes.length;
      });
      asking.send(get('/large'));
      await eventually(() => received > large.body.length);
      asking.socket.on('data', (bytes) => {
        asking.text += bytes.toString('latin1');
      });
      asking.send(get());
      await eventually(() => asking.text.includes('late') || asking.ended);
      expect(asking.text).to.match(/^x*HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nlate$/);
    });
  });

  it('gets a 408 when a plugin waits for a body that does not arrive', async () => {
    const gate = await openGate(1, {
      limits: { clientBody: 20 },
      hooks: [
        {
          async access({ request }) {
            await request.readBody(100);
            return undefined;
          },
        },
      ],
    });
    const response = await ask(gate.port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc');
    expect([response.status, response.fields.get('connection')]).to.deep.equal([408, ['close']]);
  });
});
