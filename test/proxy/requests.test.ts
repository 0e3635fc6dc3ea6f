import { expect } from 'chai';
import { ask, type Client, client, closesEverything, get, ok, openGate, scriptedUpstream } from './world.ts';

describe('A request to the proxy', () => {
  closesEverything();

  describe('that is ambiguous is refused with 400, and nothing of it goes upstream', () => {
    const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n';
    const shapes: Record<string, string> = {
      'a length and a coding (CL.TE)': `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
      'a coding and a length (TE.CL)': `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n1\r\nx\r\n0\r\n\r\n${smuggled}`,
      'two lengths that differ': `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\n${smuggled}`,
      'two lengths that are equal': 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx',
      'a list of lengths': 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx',
      'a signed length': 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx',
      'a length in hexadecimal': 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\nx',
      'a length with a blank in it': 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 1\r\n\r\nxxxxxxxxxxx',
      'a length beyond all numbers': 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\nx',
      'a coding twice':
        'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'chunked, chunked': 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n',
      'gzip, chunked': 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
      'chunked, identity': 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n',
      identity: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n',
      'an unknown coding': 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
      'chunked with a vertical tab before it':
        'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n',
      'a blank before the colon': 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n',
      'a folded coding': 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n',
      'a coding in HTTP/1.0': 'POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'a bare line feed in the head': 'GET / HTTP/1.1\r\nHost: a\nX-A: 1\r\n\r\n',
      'a bare carriage return in the head': 'GET / HTTP/1.1\r\nHost: a\rX-A: 1\r\n\r\n',
      'NUL in a value': 'GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\x002\r\n\r\n',
      'a folded field': 'GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n 2\r\n\r\n',
      'a blank before the first field': 'GET / HTTP/1.1\r\n Host: a\r\n\r\n',
      'a field without a colon': 'GET / HTTP/1.1\r\nHost: a\r\nX-A\r\n\r\n',
      'no Host': 'GET / HTTP/1.1\r\n\r\n',
      'an empty Host': 'GET / HTTP/1.1\r\nHost:\r\n\r\n',
      'two Hosts': 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
      'two equal Hosts': 'GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n',
      'two Hosts with an absolute target': 'GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
      'a Host with a path': 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n',
      'a Host with a user': 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n',
      'a Host with a list': 'GET / HTTP/1.1\r\nHost: a, b\r\n\r\n',
      'a Host with a port that is none': 'GET / HTTP/1.1\r\nHost: a:b\r\n\r\n',
      'an absolute target with a user': 'GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n',
      'an absolute target of another scheme': 'GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n',
      'a target without a slash': 'GET a HTTP/1.1\r\nHost: a\r\n\r\n',
      'the asterisk': 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
      'a blank in the target': 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n',
      'a tab in the target': 'GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n',
      'no target': 'GET HTTP/1.1\r\nHost: a\r\n\r\n',
      'another version': 'GET / HTTP/1.2\r\nHost: a\r\n\r\n',
      'no version': 'GET /\r\n\r\n',
      'no version, but a head': 'GET /\r\nHost: a\r\n\r\n',
      'a version of the past': 'GET / HTTP/0.9\r\nHost: a\r\n\r\n',
      'a version that begins otherwise': 'GET / HTTP/2.0\r\nHost: a\r\n\r\n',
      'a method in small letters': 'get / HTTP/1.1\r\nHost: a\r\n\r\n',
      'two Authorizations': 'GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n',
      'an unknown method': 'BREW / HTTP/1.1\r\nHost: a\r\n\r\n',
    };
    for (const [shape, bytes] of Object.entries(shapes)) {
      it(shape, async () => {
        const upstream = await scriptedUpstream(ok);
        const gate = await openGate(upstream.port);
        const asking = await client(gate.port);
        asking.send(bytes);
        const response = await asking.response();
        expect(response.status, response.body).to.equal(400);
        expect(response.fields.get('content-type')).to.deep.equal(['text/plain; charset=utf-8']);
        expect(response.body).to.match(/^Bad request\nrequest_id: [0-9a-f]{32}\n$/);
        expect(response.fields.get('connection')).to.deep.equal(['close']);
        expect(await asking.closed(), 'after the response nothing more is taken').to.equal('');
        expect(upstream.seen).to.deep.equal([]);
        expect(gate.entries.map(({ status, refusal }) => [status, refusal])).to.deep.equal([[400, 'bad_request']]);
      });
    }
  });

  describe('whose chunked body is malformed is refused, and the upstream never gets a complete request', () => {
    const bodies: Record<string, string> = {
      'a size with a prefix': '0x3\r\nabc\r\n0\r\n\r\n',
      'a size that is none': 'g\r\nabc\r\n0\r\n\r\n',
      'a bare line feed after the size': '3\nabc\r\n0\r\n\r\n',
      'data longer than its size': '3\r\nabcd\r\n0\r\n\r\n',
      'a bare line feed after the data': '3\r\nabc\n0\r\n\r\n',
    };
    for (const [what, body] of Object.entries(bodies)) {
      it(what, async () => {
        const upstream = await scriptedUpstream(ok);
        const gate = await openGate(upstream.port);
        const asking = await client(gate.port);
        asking.send(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`);
        expect((await asking.response()).status).to.equal(400);
        await asking.closed();
        expect(upstream.seen).to.deep.equal([]);
      });
    }
  });

  it('over HTTP/1.1 in absolute form is for the host of its target, not of Host (RFC 9112 §3.2.2)', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port, { route: { preserveHost: true } });
    expect((await ask(gate.port, 'GET http://b.example:81/p?q HTTP/1.1\r\nHost: a\r\n\r\n')).status).to.equal(200);
    expect((await ask(gate.port, 'GET HTTP://b.example?q HTTP/1.1\r\nHost: a\r\n\r\n')).status).to.equal(200);
    expect(upstream.seen.map(({ lines, fields }) => [lines[0], fields.get('host')])).to.deep.equal([
      ['GET /p?q HTTP/1.1', ['b.example:81']],
      ['GET /?q HTTP/1.1', ['b.example']],
    ]);
  });

  it('may have an IPv6 address as Host', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port);
    expect((await ask(gate.port, 'GET / HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n')).status).to.equal(200);
    expect(upstream.seen[0]!.fields.get('x-forwarded-host')).to.deep.equal(['[::1]']);
  });

  it('in HTTP/1.0 needs no Host', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port);
    expect((await ask(gate.port, 'GET / HTTP/1.0\r\n\r\n')).status).to.equal(200);
  });

  it('with TRACE or CONNECT is refused with 405', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port);
    for (const line of ['TRACE / HTTP/1.1', 'CONNECT a:443 HTTP/1.1']) {
      const response = await ask(gate.port, `${line}\r\nHost: a\r\n\r\n`);
      expect([response.status, response.body.split('\n')[0]]).to.deep.equal([405, 'Method not allowed']);
    }
    expect(upstream.seen).to.deep.equal([]);
  });

  it('has codings in any letter case', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port);
    const chunked = 'POST / HTTP/1.1\r\nHost: a\r\nTRANSFER-ENCODING: Chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n';
    expect((await ask(gate.port, chunked)).status).to.equal(200);
    expect(upstream.seen[0]!.body).to.equal('hi');
  });

  it('with an unknown expectation is refused with 417', async () => {
    const gate = await openGate(1);
    expect((await ask(gate.port, get('/', 'Expect: miracles'))).status).to.equal(417);
  });

  it('to upgrade to WebSocket is refused before anything goes upstream', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port);
    // "implementations SHOULD use case-insensitive comparison when matching each protocol-name" (RFC 9110 §7.8)
    for (const [connection, upgrade] of [
      ['Connection: keep-alive, Upgrade', 'Upgrade: websocket'],
      ['connection: UPGRADE', 'UPGRADE: WebSocket'],
    ] as const) {
      const response = await ask(gate.port, get('/', connection, upgrade, 'Sec-WebSocket-Version: 13'));
      expect(response.status, upgrade).to.equal(400);
      expect(JSON.parse(response.body)).to.include({ message: 'Upgrading to websocket is not possible here' });
    }
    expect(upstream.seen).to.deep.equal([]);
  });

  describe('KD-10: with a head that is too large is refused with 431', () => {
    const heads: Record<string, string> = {
      'a field of 1 MB': get('/', `X-Big: ${'x'.repeat(1_000_000)}`),
      'a target of 1 MB': get(`/${'x'.repeat(1_000_000)}`),
      'too many fields': get('/', ...Array.from({ length: 1200 }, (_, i) => `A${i}: 1`)),
    };
    for (const [what, head] of Object.entries(heads)) {
      it(what, async () => {
        const upstream = await scriptedUpstream(ok);
        const gate = await openGate(upstream.port);
        const asking = await client(gate.port);
        asking.send(head);
        const response = await asking.response();
        expect(response.status).to.equal(431);
        expect(response.body).to.match(/^Request header or cookie too large\nrequest_id: [0-9a-f]{32}\n$/);
        await asking.closed();
        expect(upstream.seen).to.deep.equal([]);
      });
    }

    it('a head within the limits is forwarded', async () => {
      const upstream = await scriptedUpstream(ok);
      const gate = await openGate(upstream.port);
      expect((await ask(gate.port, get('/', `X-Big: ${'x'.repeat(30_000)}`))).status).to.equal(200);
      expect(upstream.seen[0]!.fields.get('x-big')![0]).to.have.length(30_000);
    });
  });

  it('is the same in pieces of any size', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port);
    const asking = await client(gate.port);
    const request =
      'POST /p?q=1 HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n';
    for (let cut = 1; cut < request.length; cut += 1) {
      asking.send(request.slice(0, cut));
      await new Promise((resolve) => setImmediate(resolve));
      asking.send(request.slice(cut));
      expect((await asking.response()).status, `cut at ${cut}`).to.equal(200);
    }
    expect(upstream.seen).to.have.length(request.length - 1);
    for (const { lines, body, fields } of upstream.seen) {
      expect([lines[0], body, fields.get('x-a')]).to.deep.equal(['POST /p?q=1 HTTP/1.1', 'abcde', ['1']]);
    }
  });

  it('may arrive byte by byte', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port);
    const asking = await client(gate.port);
    for (const byte of 'POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello') {
      asking.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await asking.response()).status).to.equal(200);
    expect(upstream.seen[0]!.body).to.equal('hello');
  });

  describe('pipelined with others on one connection', () => {
    it('begins after the response to the one before', async () => {
      let concurrent = 0;
      let most = 0;
      const upstream = await scriptedUpstream((socket, { lines }) => {
        most = Math.max(most, ++concurrent);
        setImmediate(() => {
          concurrent--;
          const path = lines[0]!.split(' ')[1]!;
          socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`);
        });
      });
      const gate = await openGate(upstream.port);
      const asking = await client(gate.port);
      const paths = Array.from({ length: 40 }, (_, i) => `/${i}`);
      asking.send(paths.map((path) => get(path)).join(''));
      const bodies: string[] = [];
      for (const _ of paths) bodies.push((await asking.response()).body);
      expect(bodies).to.deep.equal(paths);
      expect(most).to.equal(1);
      expect(upstream.sockets).to.have.length(1);
    });

    it('gets its response, though the bytes after it are malformed', async () => {
      const upstream = await scriptedUpstream(ok);
      const gate = await openGate(upstream.port);
      const asking = await client(gate.port);
      asking.send(`${get('/1')}${get('/2')}nonsense\r\n\r\n`);
      const statuses = [await asking.response(), await asking.response(), await asking.response()].map(
        ({ status }) => status,
      );
      expect(statuses).to.deep.equal([200, 200, 400]);
      expect(await asking.closed()).to.equal('');
    });

    it('does not begin after one that ends the connection', async () => {
      const upstream = await scriptedUpstream(ok);
      const gate = await openGate(upstream.port);
      const asking = await client(gate.port);
      asking.send(`${get('/1', 'Connection: close')}${get('/2')}`);
      expect((await asking.response()).fields.get('connection')).to.deep.equal(['close']);
      expect(await asking.closed()).to.equal('');
      expect(upstream.seen.map(({ lines }) => lines[0])).to.deep.equal(['GET /1 HTTP/1.1']);
    });
  });

  describe('SE-09: that is incomplete', () => {
    async function waits(bytes: string, limits: { head?: number; clientBody?: number }): Promise<[Client, number]> {
      const upstream = await scriptedUpstream(ok);
      const gate = await openGate(upstream.port, { limits });
      const asking = await client(gate.port);
      asking.send(bytes);
      const { status } = await asking.response();
      await asking.closed();
      return [asking, status];
    }

    it('gets a 408 when its head takes too long', async () => {
      expect((await waits('GET / HTTP/1.1\r\nHost: a\r\n', { head: 30 }))[1]).to.equal(408);
    });

    it('gets a 408 when its body stalls', async () => {
      const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc';
      expect((await waits(head, { clientBody: 30 }))[1]).to.equal(408);
    });

    it('gets no response when it does not begin', async () => {
      const gate = await openGate(1, { limits: { head: 20 } });
      const asking = await client(gate.port);
      expect(await asking.closed()).to.equal('');
    });
  });

  it('keeps the connection open for the next one, in HTTP/1.0 on request', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port);
    const asking = await client(gate.port);
    for (let i = 0; i < 3; i++) {
      asking.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
      const response = await asking.response();
      expect([response.status, response.fields.get('connection')]).to.deep.equal([200, ['keep-alive']]);
    }
    asking.send('GET / HTTP/1.0\r\n\r\n');
    expect((await asking.response()).fields.get('connection')).to.deep.equal(['close']);
    await asking.closed();
    expect(upstream.seen).to.have.length(4);
  });

  it('is the last one on its connection when no other follows in time', async () => {
    const upstream = await scriptedUpstream((socket) => setTimeout(() => socket.write(ok), 60));
    const gate = await openGate(upstream.port, { limits: { idle: 20 } });
    const idle = await client(gate.port);
    expect((await idle.send(get('/')).response()).status, 'waiting for an response is not being idle').to.equal(200);
    await idle.closed();
  });

  it('that is refused gets the response before its body is sent, and a long body ends the connection', async () => {
    const refusing = [{ access: () => ({ status: 401, headers: [], body: 'no' }) }];
    const gate = await openGate(1, { hooks: refusing });
    const asking = await client(gate.port);
    const length = 8 * 1024 * 1024;
    asking.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`);
    for (let sent = 0; sent < length; sent += 65_536) {
      if (!asking.socket.write(Buffer.alloc(65_536))) {
        await new Promise((resolve) => asking.socket.once('drain', resolve).once('close', resolve));
      }
    }
    const response = await asking.response();
    expect([response.status, response.body, response.fields.get('connection')]).to.deep.equal([401, 'no', ['close']]);
    await asking.closed();
  });

  it('that is refused with a small body keeps the connection open', async () => {
    const refusing = [{ access: () => ({ status: 401, headers: [], body: 'no' }) }];
    const gate = await openGate(1, { hooks: refusing });
    const asking = await client(gate.port);
    for (let i = 0; i < 3; i++) {
      asking.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n');
      expect((await asking.response()).status).to.equal(401);
      asking.send('x'.repeat(1000));
    }
  });
});
