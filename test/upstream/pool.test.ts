/** The pool on its own: which connection a request gets, and how long a connection is kept. */

import type { AddressInfo, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { expect } from 'chai';
import { a } from '../support/certificates.ts';
import {
  closeLater,
  closesEverything,
  eventually,
  ok,
  scriptedUpstream,
  tcpUpstream,
} from '../support/scripted-upstream.ts';
import { poolOf, Receiver } from './receiver.ts';

const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

describe('The pool of upstream connections', () => {
  closesEverything();

  /** An idle connection in a pool, and its other end. */
  async function idleConnection() {
    const upstream = await scriptedUpstream(ok);
    const { pool, origin } = poolOf(upstream.port);
    const first = new Receiver();
    const connection = pool.acquire(origin, first, false);
    connection.send(request);
    await eventually(() => origin.idle.length === 1);
    return { pool, origin, connection, peer: upstream.sockets[0]! };
  }

  describe('gives a request that cannot be repeated', () => {
    it('an idle connection on which nothing waits', async () => {
      const { pool, origin, connection } = await idleConnection();
      expect(connection.waiting()).to.equal('nothing');
      expect(pool.acquire(origin, new Receiver({ isRepeatable: false }), false)).to.equal(connection);
    });

    const waiting: Record<string, readonly ['bytes' | 'end', (peer: Socket) => void]> = {
      'bytes of a response to no request': ['bytes', (peer) => peer.write('HTTP/1.1 200 OK\r\n\r\n')],
      'its end': ['end', (peer) => peer.destroy()],
      'a reset': ['end', (peer) => peer.resetAndDestroy()],
    };
    for (const [what, [found, act]] of Object.entries(waiting)) {
      it(`no idle connection on which ${what} waits, which the event loop has not delivered yet`, async () => {
        const { pool, origin, connection, peer } = await idleConnection();
        act(peer);
        expect(origin.idle, 'no turn of the event loop has passed').to.deep.equal([connection]);
        const other = pool.acquire(origin, new Receiver({ isRepeatable: false }), false);
        expect(other).not.to.equal(connection);
        expect(origin.connections, 'the other one is closed').to.equal(1);
        other.destroy();
        const again = await idleConnection();
        act(again.peer);
        expect(again.connection.waiting()).to.equal(found);
      });
    }

    it('no idle TLS connection whose end waits', async () => {
      const peers: Socket[] = [];
      const server = createTlsServer(a, (socket) => {
        peers.push(socket);
        socket.on('error', () => {});
        socket.on('data', () => socket.write(ok));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      closeLater(() => server.close());
      const { pool, origin } = poolOf((server.address() as AddressInfo).port, { protocol: 'https' });
      const connection = pool.acquire(origin, new Receiver(), false);
      connection.send(request);
      await eventually(() => origin.idle.length === 1);
      expect(connection.waiting()).to.equal('nothing');
      peers[0]!.destroy();
      expect(origin.idle, 'no turn of the event loop has passed').to.deep.equal([connection]);
      expect(pool.acquire(origin, new Receiver({ isRepeatable: false }), false)).not.to.equal(connection);
    });
  });

  it('does not offer a connection any more once its reset was delivered', async () => {
    const { origin, peer } = await idleConnection();
    peer.resetAndDestroy();
    await eventually(() => origin.idle.length === 0);
    expect(origin.connections).to.equal(0);
  });

  it('closes an idle connection on which bytes arrive', async () => {
    const { origin, peer } = await idleConnection();
    let closed = false;
    peer.on('close', () => {
      closed = true;
    });
    peer.write(ok);
    await eventually(() => closed);
    expect([origin.idle.length, origin.connections]).to.deep.equal([0, 0]);
  });

  it('reports bytes that arrive before a request was written, and writes nothing', async () => {
    let received = '';
    const upstream = await tcpUpstream((socket) => {
      socket.on('data', (bytes) => {
        received += bytes.toString();
      });
      socket.write(ok);
    });
    const { pool, origin } = poolOf(upstream.port);
    const receiver = new Receiver();
    const connection = pool.acquire(origin, receiver, false);
    connection.send(request);
    await eventually(() => receiver.calls.length > 0);
    expect(receiver.failure).to.include({ kind: 'malformed', sent: false });
    await eventually(() => upstream.sockets[0]!.destroyed);
    expect(received).to.equal('');
  });

  it('reports a connection that is closed as soon as it is open as one on which nothing was sent', async () => {
    const upstream = await tcpUpstream((socket) => socket.destroy());
    const { pool, origin } = poolOf(upstream.port);
    const receiver = new Receiver({ isRepeatable: false });
    pool.acquire(origin, receiver, false).send(request);
    await eventually(() => receiver.calls.length > 0);
    expect(receiver.failure).to.include({ kind: 'closed', sent: false });
  });

  it('keeps one origin for an address, also when its only connection was replaced', async () => {
    const upstream = await scriptedUpstream(ok);
    const { pool, origin, service } = poolOf(upstream.port, { protocol: 'https' });
    const named = pool.origin(service, 'a.example');
    pool.acquire(named, new Receiver(), false).destroy();
    const connection = pool.acquire(named, new Receiver(), true);
    expect(pool.origin(service, 'a.example')).to.equal(named);
    connection.destroy();
    expect(pool.origin(service, 'a.example')).not.to.equal(named);
    expect(origin.connections).to.equal(0);
  });

  describe('keeps a connection', () => {
    const last: Record<string, string> = {
      'Connection: close': 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok',
      'Connection: close in an interim response': `HTTP/1.1 103 Early Hints\r\nConnection: close\r\n\r\n${ok}`,
      'Connection: close in trailers':
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nConnection: close\r\n\r\n',
      'an interim response after the final one': `${ok}HTTP/1.1 100 Continue\r\n\r\n`,
      'bytes after its length': `${ok}!`,
      'a 204 that announces a body': 'HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n',
      'a 304 that announces a body': 'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n',
    };
    for (const [what, response] of Object.entries(last)) {
      it(`not after ${what}`, async () => {
        const upstream = await scriptedUpstream(response);
        const { pool, origin } = poolOf(upstream.port);
        const receiver = new Receiver();
        pool.acquire(origin, receiver, false).send(request);
        await eventually(() => receiver.calls.includes('finished'));
        expect([origin.idle.length, origin.connections]).to.deep.equal([0, 0]);
      });
    }

    it('not after a HEAD, whose body some servers send', async () => {
      const upstream = await scriptedUpstream('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n');
      const { pool, origin } = poolOf(upstream.port);
      const receiver = new Receiver({ toHead: true });
      pool.acquire(origin, receiver, false).send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
      await eventually(() => receiver.calls.includes('finished'));
      expect(origin.connections).to.equal(0);
    });

    it('not when the response came before the whole request was written', async () => {
      const upstream = await tcpUpstream((socket) => socket.once('data', () => socket.write(ok)));
      const { pool, origin } = poolOf(upstream.port);
      const receiver = new Receiver({ requestSent: false });
      pool.acquire(origin, receiver, false).send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n');
      await eventually(() => receiver.calls.includes('finished'));
      expect(origin.connections).to.equal(0);
    });

    it('up to the size of the pool, and not at all with 0', async () => {
      const upstream = await scriptedUpstream(ok);
      for (const idleLimit of [0, 2]) {
        const { pool, origin } = poolOf(upstream.port, {}, { idleLimit });
        const receivers = [new Receiver(), new Receiver(), new Receiver()];
        for (const each of receivers) pool.acquire(origin, each, false).send(request);
        await eventually(() => receivers.every(({ calls }) => calls.includes('finished')));
        expect([origin.idle.length, origin.connections]).to.deep.equal([idleLimit, idleLimit]);
      }
    });

    it('for its idle time, which the upstream can shorten and 0 does not limit', async () => {
      const hinted = 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=11\r\nContent-Length: 2\r\n\r\nok';
      const cases = [
        [60_000, ok, 60_000],
        [5_000, ok, 5_000],
        [60_000, hinted, 10_000],
        [5_000, hinted, 5_000],
        [0, ok, Number.POSITIVE_INFINITY],
        [0, hinted, 10_000],
      ] as const;
      for (const [idleTimeout, response, expected] of cases) {
        const upstream = await scriptedUpstream(response);
        const { pool, origin } = poolOf(upstream.port, {}, { idleTimeout });
        const before = performance.now();
        pool.acquire(origin, new Receiver(), false).send(request);
        await eventually(() => origin.idle.length === 1);
        const [from, to] = [before + expected, performance.now() + expected];
        expect(origin.idle[0]!.deadline).to.be.within(from, to);
      }
    });

    it('not at all, when the upstream closes it within a second', async () => {
      for (const idleTimeout of [0, 60_000]) {
        const upstream = await scriptedUpstream(
          'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok',
        );
        const { pool, origin } = poolOf(upstream.port, {}, { idleTimeout });
        const receiver = new Receiver();
        pool.acquire(origin, receiver, false).send(request);
        await eventually(() => receiver.calls.includes('finished'));
        expect(origin.connections).to.equal(0);
      }
    });

    it('for a number of requests, without a limit with 0', async () => {
      for (const [requestLimit, connections] of [
        [1, 5],
        [2, 3],
        [0, 1],
      ] as const) {
        const upstream = await scriptedUpstream(ok);
        const { pool, origin } = poolOf(upstream.port, {}, { requestLimit });
        for (let i = 0; i < 5; i++) {
          const receiver = new Receiver();
          pool.acquire(origin, receiver, false).send(request);
          await eventually(() => receiver.calls.includes('finished'));
        }
        expect(upstream.sockets).to.have.length(connections);
      }
    });
  });
});
