/** Request targets and methods, the same over HTTP/1.1 and HTTP/2. */
import { METHODS } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { expect } from 'chai';
import { acceptedMethods, checkMethod } from '../../src/routing/methods.ts';
import { openTestGate, type TestGate } from '../support/open-test-gate.ts';
import { client, closeLater, closesEverything, eventually, ok, openGate, scriptedUpstream } from './world.ts';

const octets = (text: string) => Buffer.from(text, 'utf8').toString('latin1');

/** The status and the request line that the upstream received, for each version of HTTP. */
async function sent(method: string, target: string) {
  const found: (readonly [number, string | undefined])[] = [];
  for (const version of [1, 2]) {
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port);
    const status =
      version === 1
        ? (await (await client(gate.port)).send(`${method} ${target} HTTP/1.1\r\nHost: h\r\n\r\n`).response()).status
        : await overHttp2(gate.port, method, target);
    found.push([status, upstream.seen[0]?.lines[0]]);
  }
  expect(found[0], `${method} ${target}: HTTP/1.1 and HTTP/2`).to.deep.equal(found[1]);
  return found[0]!;
}

async function overHttp2(port: number, method: string, path: string): Promise<number> {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  closeLater(() => session.destroy());
  const stream = session.request({ ':method': method, ':path': path, ':authority': 'h' }, { endStream: true });
  stream.resume();
  return new Promise((resolve, reject) => {
    stream.on('response', (head) => resolve(head[':status']!));
    stream.on('error', reject);
  });
}

describe('A request target', () => {
  closesEverything();

  it('with a fragment is refused, and nothing goes upstream', async () => {
    for (const target of ['/secret#.css', '/#', '/x?q=1#f', '/x#?q']) {
      expect(await sent('GET', target), target).to.deep.equal([400, undefined]);
    }
  });

  it('with octets above 0x7F is forwarded with these encoded', async () => {
    for (const [target, upstream] of [
      [octets('/é'), '/%C3%A9'],
      [octets('/x?q=é&r=%C3%A9'), '/x?q=%C3%A9&r=%C3%A9'],
      ['/\x80/\xff', '/%80/%FF'],
      [octets('/中/文?ü'), '/%E4%B8%AD/%E6%96%87?%C3%BC'],
    ] as const) {
      expect(await sent('GET', target), target).to.deep.equal([200, `GET ${upstream} HTTP/1.1`]);
    }
  });

  it('with such octets is read in each request of a connection, with its body, and in pieces', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port);
    const one = await client(gate.port);
    for (const pieces of [
      [octets('POST /é HTTP/1.1\r\nHost: h\r\nX-Name: é\r\nContent-Length: 2\r\n\r\né')],
      ['GET /plain HTTP/1.1\r\nHost: h\r\n\r\n'],
      [octets('GET /x?ü'), octets('=é HTT'), 'P/1.1\r\nHost: h\r\n', '\r\n'],
      [octets('PUT /ä HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\né\r\n0\r\n\r\n')],
      ['GET /plain HTTP/1.1\r\nHost: h\r\n\r\n'],
    ]) {
      for (const piece of pieces) {
        one.send(piece);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect((await one.response()).status, pieces[0]).to.equal(200);
    }
    expect(upstream.seen.map(({ lines, body }) => [lines[0], body])).to.deep.equal([
      ['POST /%C3%A9 HTTP/1.1', octets('é')],
      ['GET /plain HTTP/1.1', ''],
      ['GET /x?%C3%BC=%C3%A9 HTTP/1.1', ''],
      ['PUT /%C3%A4 HTTP/1.1', octets('é')],
      ['GET /plain HTTP/1.1', ''],
    ]);
    expect(upstream.seen[0]!.fields.get('x-name')).to.deep.equal([octets('é')]);
    await eventually(() => gate.entries.length === 5);
    expect(gate.entries[0]).to.include({ method: 'POST', path: '/%C3%A9', status: 200 });
    expect(gate.failures).to.deep.equal([]);
  });

  it('with such octets that never ends closes the connection at the limit of the head', async () => {
    const gate = await openGate(1, { limits: { headSize: 4096 } });
    const one = await client(gate.port);
    one.send(octets('GET /é'));
    for (let i = 0; i < 8; i++) one.send('x'.repeat(1024));
    expect(await one.closed()).to.not.contain('200');
  });

  it('with such octets leaves no connection behind that a stopping gate would wait for', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port);
    const one = await client(gate.port);
    expect((await one.send(octets('GET /é HTTP/1.1\r\nHost: h\r\n\r\n')).response()).status).to.equal(200);
    await gate.proxy.close({ graceful: 60_000 });
    expect(await one.closed()).to.equal('');
  });

  it('that is refused is in the log with method and path, without its query', async () => {
    const gate = await openGate(1);
    for (const [line, method, path, status] of [
      ['FOO /x?token=secret HTTP/1.1', 'FOO', '/x', 400],
      ['get /x HTTP/1.1', 'get', '/x', 400],
      ['GET /secret#.css HTTP/1.1', 'GET', '/secret#.css', 400],
      ['GET /a b HTTP/1.1', 'GET', '/a', 400],
      ['CONNECT h:443 HTTP/1.1', 'CONNECT', 'h:443', 405],
    ] as const) {
      const before = gate.entries.length;
      expect((await (await client(gate.port)).send(`${line}\r\nHost: h\r\n\r\n`).response()).status, line).to.equal(
        status,
      );
      await eventually(() => gate.entries.length > before);
      expect(gate.entries[before], line).to.include({ method, path, status });
    }
    expect(JSON.stringify(gate.entries)).to.not.contain('token=secret');
  });
});

describe('A method', () => {
  closesEverything();

  it('KD-23: is accepted over HTTP/1.1 and HTTP/2, or over neither', async () => {
    for (const method of ['FOO', 'get', 'GETX', 'M_SEARCH', 'PRI']) {
      expect(await sent(method, '/x'), method).to.deep.equal([400, undefined]);
    }
    for (const method of ['PROPFIND', 'QUERY', 'M-SEARCH', 'PURGE']) {
      expect(await sent(method, '/x'), method).to.deep.equal([200, `${method} /x HTTP/1.1`]);
    }
  });

  it('is one of those that node:http parses', () => {
    expect([...acceptedMethods].sort()).to.deep.equal([...METHODS].sort());
    expect(checkMethod('PATCH')).to.equal(undefined);
    expect(checkMethod('FOO')).to.contain("'FOO'").and.contain('PATCH');
  });
});

describe('Targets and methods at the Admin API', () => {
  let gate: TestGate;
  before(async () => {
    gate = await openTestGate();
  });
  after(() => gate.close());

  it('octets above 0x7F in a target are those of the encoded target', async () => {
    await gate.setUp('POST', '/consumers', { username: 'josé' });
    const { port, hostname } = new URL(gate.admin);
    const text = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), hostname);
      let text = '';
      socket.on('data', (bytes) => {
        text += bytes.toString('utf8');
      });
      socket.on('close', () => resolve(text));
      socket.end('GET /consumers/josé HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n');
    });
    expect(text)
      .to.match(/^HTTP\/1\.1 200 /)
      .and.contain('"username":"josé"');
  });

  it('a route with a method that no request can have is refused by name', async () => {
    const response = await fetch(`${gate.admin}/routes`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ paths: ['/x'], methods: ['GET', 'FOO'] }),
    });
    expect(response.status).to.equal(400);
    expect(JSON.stringify(await response.json())).to.contain("'FOO'");
  });
});
