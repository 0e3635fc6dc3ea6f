import { expect } from 'chai';
import type { UpstreamConnection } from '../../adapters/upstream/connection.ts';
import { closesEverything, eventually, scriptedUpstream } from '../support/scripted-upstream.ts';
import { poolOf, Receiver } from './receiver.ts';

describe('A connection to an upstream', () => {
  closesEverything();

  const whole = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
  const responses = {
    'a length': ['HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab', 'cd'],
    chunks: ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n', '2\r\ncd\r\n0\r\n\r\n'],
  } as const;
  for (const [framing, [begin, rest]] of Object.entries(responses)) {
    it(`paused for a slow client when a response with ${framing} ended is read again for the next request`, async () => {
      const upstream = await scriptedUpstream(begin, whole);
      const { pool, origin } = poolOf(upstream.port);
      const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

      let connection: UpstreamConnection;
      const first = new Receiver({}, (bytes) => {
        if (bytes.toString() === 'ab') upstream.sockets[0]!.write(rest);
        else connection.pause();
      });
      connection = pool.acquire(origin, first, false);
      connection.send(request);
      await eventually(() => first.calls.includes('finished'));
      expect(first.calls).to.deep.equal(['200', 'ab', 'cd', 'finished']);

      const second = new Receiver();
      expect(pool.acquire(origin, second, false)).to.equal(connection);
      connection.send(request);
      await eventually(() => second.calls.length > 0);
      expect(second.calls).to.deep.equal(['200', 'ok', 'finished']);
    });
  }

  for (const size of [16_000, 17_000, 60_000]) {
    it(`reads a response head of ${size} octets, also if it comes after another response head, or in pieces`, async () => {
      const response = `HTTP/1.1 200 OK\r\nX-Long: ${'x'.repeat(size)}\r\nContent-Length: 2\r\n\r\nok`;
      const cut = size - 500;
      for (const pieces of [
        [response],
        [`HTTP/1.1 103 Early Hints\r\n\r\n${response}`],
        [response.slice(0, cut), response.slice(cut)],
      ]) {
        const upstream = await scriptedUpstream((socket) => {
          for (const [at, piece] of pieces.entries()) setTimeout(() => socket.write(piece), at * 5);
        });
        const { pool, origin } = poolOf(upstream.port);
        const receiver = new Receiver();
        pool.acquire(origin, receiver, false).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        await eventually(() => receiver.calls.length > 0);
        expect(receiver.calls[0]).to.equal('200');
        await eventually(() => receiver.calls.includes('finished'));
      }
    });
  }

  it('refuses a response head that does not end within 64 KiB', async () => {
    const upstream = await scriptedUpstream(`HTTP/1.1 200 OK\r\nX-Long: ${'x'.repeat(70_000)}`);
    const { pool, origin } = poolOf(upstream.port);
    const receiver = new Receiver();
    pool.acquire(origin, receiver, false).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => receiver.failure !== undefined);
    expect(receiver.failure).to.deep.include({ kind: 'malformed', cause: 'the response head is too long' });
  });

  it('refuses more interim responses than any upstream needs', async () => {
    const interim = 'HTTP/1.1 102 Processing\r\n\r\n';
    for (const [count, calls] of [
      [32, ['200', 'ok', 'finished']],
      [33, ['failed']],
    ] as const) {
      const upstream = await scriptedUpstream(`${interim.repeat(count)}${whole}`);
      const { pool, origin } = poolOf(upstream.port);
      const receiver = new Receiver();
      pool.acquire(origin, receiver, false).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await eventually(() => receiver.calls.length > 0);
      expect(receiver.calls, `${count}`).to.deep.equal([...calls]);
    }
  });

  it('paused when its response ended still notices that the upstream closes it', async () => {
    const upstream = await scriptedUpstream(responses['a length'][0]);
    const { pool, origin } = poolOf(upstream.port);
    let connection: UpstreamConnection;
    const receiver = new Receiver({}, (bytes) => {
      if (bytes.toString() === 'ab') upstream.sockets[0]!.end('cd');
      else connection.pause();
    });
    connection = pool.acquire(origin, receiver, false);
    connection.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => receiver.calls.includes('finished'));
    await eventually(() => origin.idle.length === 0);
    expect(origin.connections).to.equal(0);
  });
});
