import { expect } from 'chai';
import { Deadlines } from '../../adapters/proxy/deadlines.ts';
import type { UpstreamHead } from '../../adapters/proxy/upstream-head.ts';
import { type ResponseReceiver, type UpstreamConnection, UpstreamPool } from '../../adapters/proxy/upstream-pool.ts';
import { closeLater, closesEverything, eventually, plainService, scriptedUpstream } from './world.ts';

/** Takes an answer; what it does with each piece is the test's affair. */
class Taker implements ResponseReceiver {
  readonly toHead = false;
  readonly requestSent = true;
  readonly heard: string[] = [];
  readonly #received: (bytes: Buffer) => void;

  constructor(received: (bytes: Buffer) => void = () => {}) {
    this.#received = received;
  }

  connected(): void {}
  drained(): void {}
  informed(): void {}
  answered(head: UpstreamHead, whole: string | undefined): void {
    this.heard.push(`${head.status}`);
    if (whole !== undefined) this.heard.push(whole, 'finished');
  }
  received(bytes: Buffer): void {
    this.heard.push(bytes.toString());
    this.#received(bytes);
  }
  finished(): void {
    this.heard.push('finished');
  }
  failed(): void {
    this.heard.push('failed');
  }
  expired(): void {
    this.heard.push('expired');
  }
}

describe('A connection to an upstream', () => {
  closesEverything();

  const whole = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
  const answers = {
    'a length': ['HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab', 'cd'],
    chunks: ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n', '2\r\ncd\r\n0\r\n\r\n'],
  } as const;
  for (const [framing, [begin, rest]] of Object.entries(answers)) {
    it(`that was held back for a slow client when an answer with ${framing} ended is read from for the next`, async () => {
      const upstream = await scriptedUpstream(begin, whole);
      const pool = new UpstreamPool(
        { tlsVerify: false, ca: undefined, idleLimit: 1, idleTimeout: 60_000, requestLimit: 0, lookup: undefined },
        new Deadlines(),
      );
      closeLater(() => pool.destroy());
      const origin = pool.origin({ ...plainService, port: upstream.port }, undefined);
      const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

      let connection: UpstreamConnection;
      const first = new Taker((bytes) => {
        if (bytes.toString() === 'ab') upstream.sockets[0]!.write(rest);
        else connection.pause();
      });
      connection = pool.take(origin, first, false);
      connection.send(request);
      await eventually(() => first.heard.includes('finished'));
      expect(first.heard).to.deep.equal(['200', 'ab', 'cd', 'finished']);

      const second = new Taker();
      expect(pool.take(origin, second, false)).to.equal(connection);
      connection.send(request);
      await eventually(() => second.heard.length > 0);
      expect(second.heard).to.deep.equal(['200', 'ok', 'finished']);
    });
  }

  it('that was held back when its answer ended still notices that the upstream closes it', async () => {
    const upstream = await scriptedUpstream(answers['a length'][0]);
    const pool = new UpstreamPool(
      { tlsVerify: false, ca: undefined, idleLimit: 1, idleTimeout: 60_000, requestLimit: 0, lookup: undefined },
      new Deadlines(),
    );
    closeLater(() => pool.destroy());
    const origin = pool.origin({ ...plainService, port: upstream.port }, undefined);
    let connection: UpstreamConnection;
    const taker = new Taker((bytes) => {
      if (bytes.toString() === 'ab') upstream.sockets[0]!.end('cd');
      else connection.pause();
    });
    connection = pool.take(origin, taker, false);
    connection.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => taker.heard.includes('finished'));
    await eventually(() => origin.idle.length === 0);
    expect(origin.connections).to.equal(0);
  });
});
