import type { IncomingMessage } from 'node:http';
import { createServer as createTls } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { makeCertificate } from '../../adapters/tls/own-certificate.ts';
import type { Balancer } from '../../src/balancer/balancer.ts';
import type { UpstreamService } from '../../src/gateway/snapshot.ts';
import { balancerOver, type Fields } from '../balancer/rows.ts';
import {
  ask,
  client,
  closeLater,
  closesEverything,
  eventually,
  get,
  ok,
  openGate,
  plainService,
  scriptedUpstream,
  tcpUpstream,
} from './world.ts';

describe('Forwarding to a balanced service', () => {
  closesEverything();

  const passive = { unhealthy: { http_statuses: [500], http_failures: 1, tcp_failures: 1, timeouts: 1 } };

  function balanced(targets: readonly string[], service: Partial<UpstreamService> = {}, fields: Fields = {}) {
    const balancer = balancerOver(
      targets.map((target) => [target, 100]),
      fields,
      { passive },
    );
    const at: NonNullable<UpstreamService['balancing']>['at'] = ({ host, port }) => ({
      ...plainService,
      ...service,
      host,
      port,
    });
    return { balancer, service: { ...service, balancing: { balancer, at } } };
  }
  const healthOf = (balancer: Balancer) => balancer.targets.map(({ state }) => state.health.healthy);
  const idle = (balancer: Balancer) => balancer.targets.every(({ state }) => state.connections === 0);

  /** A port without a listener. */
  async function portWithoutListener(): Promise<number> {
    const { port, server } = await tcpUpstream(() => {});
    await new Promise((closed) => server.close(closed));
    return port;
  }

  it('retries a request with a body with another target if the first did not accept the connection', async () => {
    const { port, seen } = await scriptedUpstream(ok);
    const { balancer, service } = balanced([`127.0.0.1:${await portWithoutListener()}`, `127.0.0.1:${port}`]);
    const changes: string[] = [];
    const gate = await openGate(0, {
      service,
      targetHealthChanged: ({ upstream, target, healthy }) => changes.push(`${upstream} ${target} ${healthy}`),
    });
    const response = await ask(gate.port, 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody');
    expect([response.status, seen[0]!.body]).to.deep.equal([200, 'body']);
    expect(seen[0]!.fields.get('host')).to.deep.equal([`127.0.0.1:${port}`]);
    expect(healthOf(balancer)).to.deep.equal([false, true]);
    expect(changes).to.deep.equal([`orders ${balancer.targets[0]!.name} false`]);
    await eventually(() => idle(balancer));
    expect(await gate.logged()).to.include({ status: 200, upstreamAttempts: 2 });
  });

  it('does not retry a request whose body a target has seen', async () => {
    const closing = await scriptedUpstream((socket) => socket.destroy());
    const other = await scriptedUpstream(ok);
    const { service } = balanced([`127.0.0.1:${closing.port}`, `127.0.0.1:${other.port}`]);
    const gate = await openGate(0, { service });
    const response = await ask(gate.port, 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody');
    expect([response.status, closing.seen.length, other.seen.length]).to.deep.equal([502, 1, 0]);
  });

  it('skips a target whose name does not resolve', async () => {
    const { port } = await scriptedUpstream(ok);
    const { balancer, service } = balanced(['nowhere.invalid:80', `127.0.0.1:${port}`]);
    const lookup: NonNullable<NonNullable<Parameters<typeof openGate>[1]>['upstream']>['lookup'] = (_, __, callback) =>
      callback(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }), '');
    const gate = await openGate(0, { service, upstream: { lookup } });
    expect((await ask(gate.port, get())).status).to.equal(200);
    expect(healthOf(balancer)).to.deep.equal([false, true]);
  });

  it('does not count a stale idle connection against its target', async () => {
    const { port, sockets } = await scriptedUpstream(ok, (socket) => socket.destroy(), ok);
    const { balancer, service } = balanced([`127.0.0.1:${port}`]);
    const gate = await openGate(0, { service });
    for (let i = 0; i < 2; i++) expect((await ask(gate.port, get())).status).to.equal(200);
    expect(sockets).to.have.length(2);
    expect(healthOf(balancer)).to.deep.equal([true]);
    expect(gate.entries.map(({ upstreamAttempts }) => upstreamAttempts)).to.deep.equal([1, 1]);
  });

  it('counts a response that is not HTTP as an HTTP failure, and does not retry it', async () => {
    const garbled = await scriptedUpstream('nonsense\r\n\r\n');
    const other = await scriptedUpstream(ok);
    const { balancer, service } = balanced([`127.0.0.1:${garbled.port}`, `127.0.0.1:${other.port}`]);
    const gate = await openGate(0, { service });
    expect((await ask(gate.port, get())).status).to.equal(502);
    expect(healthOf(balancer)).to.deep.equal([false, true]);
  });

  it('releases a target when the client disconnects, and does not count that against it', async () => {
    const { port, seen } = await scriptedUpstream(() => {});
    const { balancer, service } = balanced([`127.0.0.1:${port}`]);
    const gate = await openGate(0, { service });
    const gone = await client(gate.port);
    gone.send(get());
    await eventually(() => seen.length === 1);
    expect(balancer.targets[0]!.state.connections).to.equal(1);
    gone.socket.destroy();
    await eventually(() => idle(balancer));
    expect(healthOf(balancer)).to.deep.equal([true]);
  });

  it('sends the client’s Host where the route preserves it, not the upstream’s host_header', async () => {
    const { port, seen } = await scriptedUpstream(ok);
    const { service } = balanced([`127.0.0.1:${port}`], {}, { host_header: 'orders.internal' });
    const preserving = await openGate(0, { service, route: { preserveHost: true } });
    await ask(preserving.port, 'GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n');
    const plain = await openGate(0, { service });
    await ask(plain.port, 'GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n');
    expect(seen.map(({ fields }) => fields.get('host'))).to.deep.equal([['shop.example'], [`orders.internal:${port}`]]);
  });

  it('over TLS sends the host_header as server name, or else the name of the target', async () => {
    const day = 86_400_000;
    const { certificate: cert, key } = await makeCertificate({
      hostName: 'orders.internal',
      from: new Date(Date.now() - day),
      to: new Date(Date.now() + day),
    });
    const names: unknown[] = [];
    const server = createTls({ cert, key }, (request: IncomingMessage, response) => {
      names.push((request.socket as TLSSocket).servername);
      response.end('ok');
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    closeLater(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const over = { protocol: 'https', tlsVerify: true } as const;
    const named = balanced([`127.0.0.1:${port}`], over, { host_header: 'orders.internal' });
    const gate = await openGate(0, { service: named.service, upstream: { ca: cert } });
    expect((await ask(gate.port, get())).status).to.equal(200);
    const own = balanced([`127.0.0.1:${port}`], over);
    const other = await openGate(0, { service: own.service, upstream: { ca: cert } });
    expect((await ask(other.port, get())).status).to.equal(200);
    expect(names).to.deep.equal(['orders.internal', false]);
  });

  it('with hash_on cookie, sets its cookie in addition to those of the upstream', async () => {
    const { port } = await scriptedUpstream('HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\nok');
    const { service } = balanced(
      [`127.0.0.1:${port}`],
      {},
      {
        algorithm: 'consistent-hashing',
        hash_on: 'cookie',
        hash_on_cookie: 'node',
      },
    );
    const gate = await openGate(0, { service });
    const [own, set] = (await ask(gate.port, get())).fields.get('set-cookie')!;
    expect(own).to.equal('a=b');
    expect(set).to.match(/^node=[0-9a-f]+; Path=\/; SameSite=Lax; HttpOnly$/);
  });
});
