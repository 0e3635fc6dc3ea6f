import { expect } from 'chai';
import { readHeaders } from '../../adapters/configuration/values.ts';
import { gateHeaders } from '../../src/gateway/gate-headers.ts';
import {
  ask,
  client,
  closesEverything,
  eventually,
  get,
  ok,
  openGate,
  scriptedUpstream,
  tcpUpstream,
} from './world.ts';

describe('A response of an upstream', () => {
  closesEverything();

  it('gets the fields that the gate adds', async () => {
    const upstream = await scriptedUpstream(
      'HTTP/1.1 207 As it were\r\nServer: nginx\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nVia: 1.1 inner\r\nX-Kong-Upstream-Latency: 999\r\n' +
        'X-Kong-Request-Id: theirs\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 2\r\n\r\nok',
    );
    const gate = await openGate(upstream.port);
    const { status, reason, fields, body } = await ask(gate.port, get());
    expect([status, reason, body]).to.deep.equal([207, 'As it were', 'ok']);
    expect(fields.get('server')).to.deep.equal(['nginx']);
    expect(fields.get('set-cookie')).to.deep.equal(['a=1', 'b=2']);
    expect(fields.get('via')).to.deep.equal(['1.1 inner, 1.1 kong/3.9.1']);
    expect(fields.get('date')).to.deep.equal(['Thu, 01 Jan 1970 00:00:00 GMT']);
    expect(fields.get('x-kong-request-id')).to.deep.equal([upstream.seen[0]!.fields.get('x-kong-request-id')![0]]);
    for (const latency of ['x-kong-upstream-latency', 'x-kong-proxy-latency']) {
      expect(fields.get(latency)!.join()).to.match(/^\d{1,3}$/);
    }
  });

  describe('with the setting headers', () => {
    const added = [
      'via',
      'x-kong-upstream-latency',
      'x-kong-proxy-latency',
      'x-kong-request-id',
      'x-kong-upstream-status',
    ];
    const ofGate = ['server', 'x-kong-response-latency', 'x-kong-request-id'];
    const sent = (fields: ReadonlyMap<string, unknown>, names: readonly string[]) =>
      names.filter((name) => fields.has(name));

    for (const [text, forwarded, direct] of [
      ['off', [], []],
      ['server_tokens, latency_tokens, X-Kong-Request-Id', added.slice(0, 4), ofGate],
      ['server_tokens', ['via'], ['server']],
      ['latency_tokens', added.slice(1, 3), ['x-kong-response-latency']],
      ['Server', [], ['server']],
      ['via', ['via'], []],
      ['x-kong-upstream-status, X-KONG-PROXY-LATENCY', ['x-kong-proxy-latency', 'x-kong-upstream-status'], []],
      ['X-Kong-Response-Latency', [], ['x-kong-response-latency']],
    ] as const) {
      it(`${text}: only those fields are added`, async () => {
        const reading = readHeaders(text);
        const headers = 'value' in reading ? reading.value : expect.fail(reading.problem);
        const upstream = await scriptedUpstream('HTTP/1.1 207 X\r\nContent-Length: 2\r\n\r\nok');
        const gate = await openGate(upstream.port, { headers });
        const { fields } = await ask(gate.port, get());
        expect(sent(fields, added)).to.have.members([...forwarded]);
        if (fields.has('x-kong-upstream-status')) expect(fields.get('x-kong-upstream-status')).to.deep.equal(['207']);
        expect((await gate.logged()).requestId).to.match(/^[0-9a-f]{32}$/);
        const closed = await openGate(1, { headers });
        expect(sent((await ask(closed.port, get())).fields, ofGate)).to.have.members([...direct]);
        const malformed = await ask(gate.port, 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n');
        expect(malformed.status).to.equal(400);
        for (const name of sent(malformed.fields, ofGate)) expect(direct, name).to.include(name);
      });
    }

    it('off: the fields of the upstream stay', async () => {
      const upstream = await scriptedUpstream(
        'HTTP/1.1 200 OK\r\nServer: nginx\r\nVia: 1.1 inner\r\nX-Kong-Upstream-Status: 5\r\nContent-Length: 0\r\n\r\n',
      );
      const gate = await openGate(upstream.port, { headers: gateHeaders([]) });
      const { fields } = await ask(gate.port, get());
      expect([fields.get('server'), fields.get('via')]).to.deep.equal([['nginx'], ['1.1 inner']]);
    });
  });

  it('loses its hop-by-hop fields', async () => {
    const upstream = await scriptedUpstream(
      'HTTP/1.1 200 OK\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\nUpgrade: h2c\r\nProxy-Connection: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    );
    const gate = await openGate(upstream.port);
    const { fields, body } = await ask(gate.port, get());
    expect(body).to.equal('ok');
    expect(fields.get('connection')).to.deep.equal(['keep-alive']);
    for (const name of ['keep-alive', 'x-hop', 'upgrade', 'proxy-connection'])
      expect(fields.has(name), name).to.equal(false);
  });

  it('keeps the octets of its fields: none is decoded again', async () => {
    const name = Buffer.from('attachment; filename="Ċgrüße.txt"').toString('latin1');
    const upstream = await scriptedUpstream(
      `HTTP/1.1 200 Gr\xfc\xdfe\r\nContent-Length: 2\r\nContent-Disposition: ${name}\r\nX-Latin: \xe9\r\n\r\n\xff\x00`,
    );
    const gate = await openGate(upstream.port);
    const { reason, fields, body } = await ask(gate.port, get());
    expect([reason, body]).to.deep.equal(['Gr\xfc\xdfe', '\xff\x00']);
    expect(fields.get('content-disposition')).to.deep.equal([name]);
    expect(fields.get('x-latin')).to.deep.equal(['\xe9']);
  });

  it('is the same in pieces of any size', async () => {
    const responses = [
      'HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello',
      'HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nhel\r\n2\r\nlo\r\n0\r\nT: 1\r\n\r\n',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello',
    ];
    for (const response of responses) {
      let cut = 0;
      const upstream = await scriptedUpstream((socket) => {
        socket.write(response.slice(0, cut));
        setImmediate(() => socket.write(response.slice(cut)));
      });
      const gate = await openGate(upstream.port);
      const asking = await client(gate.port);
      for (cut = 1; cut < response.length; cut++) {
        const { status, fields, body, complete } = await asking.send(get()).response();
        expect([status, fields.get('x-a'), body, complete], `cut at ${cut}`).to.deep.equal([200, ['1'], 'hello', true]);
      }
      expect(upstream.sockets, 'the connection is used again each time').to.have.length(1);
    }
  });

  it('may arrive byte by byte', async () => {
    const upstream = await scriptedUpstream(async (socket) => {
      for (const byte of 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n') {
        socket.write(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    const gate = await openGate(upstream.port);
    expect(await ask(gate.port, get())).to.include({ status: 200, body: 'ok', complete: true });
  });

  it('is forwarded as it arrives: the head before the body, each piece before the next', async () => {
    const steps: (() => void)[] = [];
    const upstream = await scriptedUpstream((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n');
      steps.push(
        () => socket.write('4\r\none\n\r\n'),
        () => socket.write('4\r\ntwo\n\r\n'),
        () => socket.write('0\r\n\r\n'),
      );
    });
    const gate = await openGate(upstream.port);
    const asking = await client(gate.port);
    asking.send(get());
    await asking.until(/\r\n\r\n/);
    steps[0]!();
    await asking.until(/one/);
    expect(asking.text).to.not.include('two');
    steps[1]!();
    await asking.until(/two/);
    steps[2]!();
    expect(await asking.response()).to.include({ body: 'one\ntwo\n', complete: true });
  });

  describe('is framed for the client', () => {
    const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n';
    const untilClose = 'HTTP/1.1 200 OK\r\n\r\nok';
    const cases: readonly (readonly [what: string, response: string, version: string, framing: string])[] = [
      ['a length', ok, '1.1', 'length'],
      ['a length', ok, '1.0', 'length'],
      ['chunks', chunked, '1.1', 'chunked'],
      ['chunks', chunked, '1.0', 'close'],
      ['an end by closing', untilClose, '1.1', 'chunked'],
      ['an end by closing', untilClose, '1.0', 'close'],
    ];
    for (const [what, response, version, framing] of cases) {
      it(`in HTTP/${version}, from ${what}: ${framing}`, async () => {
        const upstream = await scriptedUpstream((socket) => {
          if (response === untilClose) socket.end(response);
          else socket.write(response);
        });
        const gate = await openGate(upstream.port);
        const { fields, body, complete } = await ask(gate.port, `GET / HTTP/${version}\r\nHost: a\r\n\r\n`);
        expect([body, complete]).to.deep.equal(['ok', true]);
        const seen = fields.has('content-length') ? 'length' : (fields.get('transfer-encoding')?.[0] ?? 'close');
        expect(seen).to.equal(framing);
        if (framing === 'close' || version === '1.0') expect(fields.get('connection')).to.deep.equal(['close']);
      });
    }

    it('without a body, for HEAD, with the length it would have', async () => {
      const upstream = await scriptedUpstream('HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n');
      const gate = await openGate(upstream.port);
      const asking = await client(gate.port);
      for (let i = 0; i < 2; i++) {
        asking.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
        const { status, fields } = await asking.response({ toHead: true });
        expect([status, fields.get('content-length')]).to.deep.equal([200, ['1234']]);
      }
      expect(asking.text).to.equal('');
      expect(upstream.sockets, 'an upstream may send the body later').to.have.length(2);
    });

    it('without a body, for HEAD, when the upstream would send chunks', async () => {
      const upstream = await scriptedUpstream('HTTP/1.1 200 OK\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\n\r\n');
      const gate = await openGate(upstream.port);
      const asking = await client(gate.port);
      for (let i = 0; i < 2; i++) {
        asking.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
        expect((await asking.response({ toHead: true })).status).to.equal(200);
      }
      expect(asking.text).to.equal('');
    });

    it('without a body, by its status', async () => {
      const upstream = await scriptedUpstream(
        'HTTP/1.1 204 No Content\r\n\r\n',
        'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 99\r\n\r\n',
        'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n',
        'HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n',
        ok,
      );
      const gate = await openGate(upstream.port);
      const asking = await client(gate.port);
      const received: unknown[] = [];
      for (let i = 0; i < 5; i++) {
        const { status, fields, body } = await asking.send(get()).response();
        received.push([status, fields.get('content-length')?.[0], body]);
      }
      expect(received).to.deep.equal([
        [204, undefined, ''],
        [304, '99', ''],
        [204, undefined, ''],
        [205, '0', ''],
        [200, '2', 'ok'],
      ]);
      expect(upstream.sockets, 'a body that the head announces may still arrive').to.have.length(3);
    });
  });

  it('keeps its trailers, for a client that gets chunks', async () => {
    const response =
      'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n';
    const upstream = await scriptedUpstream(response);
    const gate = await openGate(upstream.port);
    const { fields, trailers } = await ask(gate.port, get());
    expect([fields.get('trailer'), trailers.toLowerCase()]).to.deep.equal([['X-Sum'], 'x-sum: 1\r\n']);
    const old = await ask(gate.port, 'GET / HTTP/1.0\r\nHost: a\r\n\r\n');
    expect([old.status, old.body, old.fields.has('trailer')]).to.deep.equal([200, 'ok', false]);
  });

  it('may have early hints before it, but not in HTTP/1.0 (RFC 9110 §15.2)', async () => {
    const upstream = await scriptedUpstream(
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload; as="style"\r\n\r\n${ok}`,
    );
    const gate = await openGate(upstream.port);
    const asking = await client(gate.port);
    asking.send(get());
    const hints = await asking.response();
    expect([hints.status, hints.fields.get('link')]).to.deep.equal([103, ['</a.css>; rel=preload; as="style"']]);
    expect((await asking.response()).status).to.equal(200);
    expect((await ask(gate.port, 'GET / HTTP/1.0\r\nHost: a\r\n\r\n')).status).to.equal(200);
  });

  it('may arrive before the request is complete; the rest of the request ends the connections', async () => {
    let upstreamClosed = false;
    const upstream = await tcpUpstream((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\n\r\nbig'));
      socket.on('close', () => {
        upstreamClosed = true;
      });
    });
    const gate = await openGate(upstream.port);
    const asking = await client(gate.port);
    asking.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
    const { status, body, fields } = await asking.response();
    expect([status, body, fields.get('connection')]).to.deep.equal([413, 'big', ['close']]);
    await eventually(() => upstreamClosed);
    await asking.closed();
  });

  describe('that is truncated is truncated for the client too', () => {
    const cut: Record<string, string> = {
      'with a length': 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf',
      'with chunks': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n',
      'with a chunk that is malformed': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n|xx\r\n',
      'with trailers that are malformed':
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n|0\r\nno colon\r\n\r\n',
    };
    for (const [how, response] of Object.entries(cut)) {
      it(how, async () => {
        const [begin, rest] = response.split('|') as [string, string | undefined];
        const upstream = await scriptedUpstream((socket) => {
          socket.write(begin);
          // After the gate has received the beginning.
          if (rest === undefined) socket.end();
          else void eventually(() => asking.text.includes('half')).then(() => socket.end(rest));
        });
        const gate = await openGate(upstream.port);
        const asking = await client(gate.port);
        const received = await asking.send(get()).response();
        expect([received.status, received.complete]).to.deep.equal([200, false]);
        expect((await gate.logged()).refusal).to.match(/^upstream_(closed|malformed)$/);
        expect(upstream.seen, 'and is not asked for again').to.have.length(1);
      });
    }

    it('with a reset, where the end of the connection ends the response', async () => {
      const upstream = await scriptedUpstream((socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n');
        setImmediate(() => socket.destroy());
      });
      const gate = await openGate(upstream.port);
      const asking = await client(gate.port);
      let reset = false;
      asking.socket.on('error', (error: NodeJS.ErrnoException) => {
        reset = error.code === 'ECONNRESET';
      });
      asking.send('GET / HTTP/1.0\r\nHost: a\r\n\r\n');
      await eventually(() => reset);
    });

    it('when it stalls in the middle', async () => {
      const upstream = await scriptedUpstream((socket) =>
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'),
      );
      const gate = await openGate(upstream.port, { service: { readTimeout: 30 } });
      const received = await ask(gate.port, get());
      expect([received.status, received.body, received.complete]).to.deep.equal([200, 'half', false]);
      expect((await gate.logged()).refusal).to.equal('upstream_timeout');
    });
  });
});
