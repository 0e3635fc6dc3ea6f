import { expect } from 'chai';
import fc from 'fast-check';
import {
  type Client,
  client,
  closesEverything,
  eventually,
  get,
  ok,
  openGate,
  scriptedUpstream,
  tcpUpstream,
} from './world.ts';

/** Bytes that resemble a message: its pieces in any order, with noise between them. */
const fragments = fc.oneof(
  fc.constantFrom(
    'GET / HTTP/1.1\r\n',
    'POST /a?b HTTP/1.1\r\n',
    'HTTP/1.1 200 OK\r\n',
    'HTTP/1.1 103 Early Hints\r\nLink: <a>; rel="x y"\r\n\r\n',
    'HTTP/1.0 304 \r\n',
    'Host: a\r\n',
    'Content-Length: 3\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Connection: close\r\n',
    'Connection: upgrade, te\r\n',
    'Upgrade: websocket\r\n',
    'Expect: 100-continue\r\n',
    'Trailer: x\r\n',
    'TE: trailers\r\n',
    'Link: </a>; rel=preload\r\n',
    '3\r\nabc\r\n',
    '0\r\n\r\n',
    'abc',
    '\r\n',
    '\r\n\r\n',
    '\n',
    ' ',
    '\0',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    '\0\0\0\x04\0\0\0\0\0',
    '\0\0\x05\x01\x05\0\0\0\x01\x82\x86\x84\x41\x8a',
  ),
  fc.string({ unit: 'binary', maxLength: 20 }).map((text) => Buffer.from(text).toString('latin1')),
);
const nearlyMessages = fc.array(fragments, { minLength: 1, maxLength: 12 });

describe('The proxy survives', () => {
  closesEverything();

  it('any bytes of a client, in any pieces', async function () {
    this.timeout(20_000);
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port);
    await fc.assert(
      fc.asyncProperty(nearlyMessages, async (pieces) => {
        const sending = await client(gate.port);
        for (const piece of pieces) {
          sending.send(piece);
          await new Promise((resolve) => setImmediate(resolve));
        }
        sending.socket.destroy();
        expect(gate.failures).to.deep.equal([]);
      }),
      { numRuns: 300 },
    );
    const last = await client(gate.port);
    expect((await last.send(get()).response()).status).to.equal(200);
    await eventually(() => gate.proxy.connections().active === 1);
  });

  it('any bytes of an upstream, in any pieces; and a client never mistakes a part for the whole', async function () {
    this.timeout(20_000);
    let pieces: readonly string[] = [];
    const upstream = await tcpUpstream((socket) => {
      socket.once('data', async () => {
        for (const piece of pieces) {
          socket.write(piece, 'latin1');
          await new Promise((resolve) => setImmediate(resolve));
        }
        socket.end();
      });
    });
    const gate = await openGate(upstream.port, { service: { retries: 0 } });
    await fc.assert(
      fc.asyncProperty(nearlyMessages, fc.boolean(), async (response, begins) => {
        pieces = begins ? ['HTTP/1.1 200 OK\r\n', ...response] : response;
        const asking: Client = await client(gate.port);
        asking.send(get());
        let received = await asking.response();
        while (received.status === 103) received = await asking.response();
        expect(received.status === 0 || received.status >= 200).to.equal(true);
        asking.socket.destroy();
        expect(gate.failures).to.deep.equal([]);
      }),
      { numRuns: 300 },
    );
    await eventually(() => gate.proxy.connections().active === 0);
  });
});
