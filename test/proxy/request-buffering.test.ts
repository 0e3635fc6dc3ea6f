/** `request_buffering` of a route: whether a body without a length is sent upstream with one. */
import { connect as connectHttp2 } from 'node:http2';
import { expect } from 'chai';
import { compileSnapshot } from '../../src/gateway/compile-snapshot.ts';
import type { Entity } from '../../src/ports/entity-store.ts';
import { request } from '../gateway/request.ts';
import { client, closeLater, closesEverything, eventually, ok, openGate, scriptedUpstream } from './world.ts';

const chunked = (...pieces: readonly string[]) =>
  [
    'POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n',
    ...pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`),
    '0\r\n\r\n',
  ] as const;

describe('A body without a length', () => {
  closesEverything();

  it('has its length upstream with request_buffering', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port, { route: { requestBuffering: true } });
    for (const pieces of [['abc', 'de'], ['x'.repeat(1_048_576)], []]) {
      const one = await client(gate.port);
      for (const piece of chunked(...pieces)) one.send(piece);
      expect((await one.response()).status).to.equal(200);
      const { fields, body } = upstream.seen.at(-1)!;
      expect(body).to.equal(pieces.join(''));
      expect(fields.get('content-length')).to.deep.equal([String(body.length)]);
      expect(fields.has('transfer-encoding')).to.equal(false);
    }
  });

  it('has its length over HTTP/2, too', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port, { route: { requestBuffering: true } });
    const session = connectHttp2(`http://127.0.0.1:${gate.port}`);
    closeLater(() => session.destroy());
    const stream = session.request({ ':method': 'POST', ':path': '/x', ':authority': 'h' });
    stream.write('abc');
    stream.end('de');
    stream.resume();
    await new Promise((resolve) => stream.on('close', resolve));
    expect(upstream.seen[0]!.fields.get('content-length')).to.deep.equal(['5']);
    expect(upstream.seen[0]!.body).to.equal('abcde');
  });

  it('KD-12: streams without it, and above a mebibyte', async () => {
    const upstream = await scriptedUpstream(ok);
    for (const [requestBuffering, pieces] of [
      [false, ['abc', 'de']],
      [true, ['x'.repeat(1_048_576), 'y']],
    ] as const) {
      const gate = await openGate(upstream.port, { route: { requestBuffering } });
      const one = await client(gate.port);
      for (const piece of chunked(...pieces)) one.send(piece);
      expect((await one.response()).status).to.equal(200);
      const { fields, body } = upstream.seen.at(-1)!;
      expect(body === pieces.join('')).to.equal(true);
      expect(fields.get('transfer-encoding')).to.deep.equal(['chunked']);
      expect(fields.has('content-length')).to.equal(false);
    }
  });

  it('reaches the upstream before its end without request_buffering only', async () => {
    for (const requestBuffering of [false, true]) {
      const upstream = await scriptedUpstream(ok);
      const gate = await openGate(upstream.port, { route: { requestBuffering } });
      const one = await client(gate.port);
      const [head, first, end] = chunked('abc');
      one.send(head!).send(first!);
      if (requestBuffering) await new Promise((resolve) => setImmediate(resolve));
      else await eventually(() => upstream.sockets.length === 1);
      if (requestBuffering) expect(upstream.sockets).to.have.length(0);
      one.send(end!);
      expect((await one.response()).status).to.equal(200);
    }
  });

  it('that is cut off goes nowhere with request_buffering', async () => {
    const upstream = await scriptedUpstream(ok);
    const gate = await openGate(upstream.port, { route: { requestBuffering: true } });
    const one = await client(gate.port);
    one.send(chunked('abc')[0]).send('zz\r\n');
    expect((await one.response()).status).to.equal(400);
    expect(upstream.seen).to.have.length(0);
  });

  it('is buffered as the route says, by default yes (Kong)', () => {
    for (const [fields, expected] of [
      [{}, true],
      [{ request_buffering: false }, false],
    ] as const) {
      const snapshot = compileSnapshot({
        services: [{ id: 's', protocol: 'http', host: 'h', port: 80 } as Entity],
        routes: [{ id: 'r', service: { id: 's' }, paths: ['/'], ...fields } as Entity],
        plugins: [],
        definitions: new Map(),
        tools: {} as never,
      });
      expect(snapshot.match(request('GET /'))).to.have.property('requestBuffering', expected);
    }
  });
});
