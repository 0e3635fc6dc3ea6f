import { readdirSync, readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { expect } from 'chai';
import { openProxy } from '../../adapters/proxy/open-proxy.ts';
import { ask, client, closeLater, closesEverything, eventually, get, ok, openGate, scriptedUpstream } from './world.ts';

describe('The proxy', () => {
  closesEverything();

  const plain = { host: '127.0.0.1', port: 0, ssl: false, http2: false };
  const nothing = {
    snapshot: () => ({ match: () => ({ status: 404, headers: [], body: '' }) }),
    serveEndpoint: () => {},
    failed: () => {},
  };

  describe('opens', () => {
    it('all its listeners, and returns their addresses', async () => {
      const gate = await openGate(1, {
        listen: [plain, { ...plain, host: '::1' }, plain],
        match: (request) => ({ status: 200, headers: [], body: `${request.localPort} ${request.peer}` }),
      });
      const { addresses } = gate.proxy;
      expect(addresses.map(({ address }) => address)).to.deep.equal(['127.0.0.1', '::1', '127.0.0.1']);
      expect(new Set(addresses.map(({ port }) => port)).size).to.equal(3);
      for (const { port } of [addresses[0]!, addresses[2]!]) {
        expect((await ask(port, get())).body).to.equal(`${port} 127.0.0.1`);
      }
    });

    it('on IPv4 and IPv6 together, with the IPv4 address of an IPv4 client', async () => {
      const gate = await openGate(1, {
        listen: [{ ...plain, host: '::' }],
        trustedIps: ['127.0.0.1'],
        match: (request) => ({ status: 200, headers: [], body: `${request.peer} ${request.peerTrusted}` }),
      });
      expect((await ask(gate.port, get())).body).to.equal('127.0.0.1 true');
    });

    it('and reports once that a trusted peer names its client in X-Forwarded-For only', async () => {
      let reported = 0;
      const gate = await openGate(1, {
        trustedIps: ['127.0.0.1'],
        forwardedForIgnored: () => reported++,
        match: () => ({ status: 200, headers: [], body: '' }),
      });
      for (const [fields, expected] of [
        [[], 0],
        [['X-Real-IP: 1.2.3.4'], 0],
        [['X-Real-IP: 1.2.3.4', 'X-Forwarded-For: 1.2.3.4'], 0],
        [['X-Forwarded-For: 1.2.3.4'], 1],
        [['X-Forwarded-For: 1.2.3.4'], 1],
      ] as const) {
        await ask(gate.port, get('/', ...fields));
        expect(reported, fields.join()).to.equal(expected);
      }
      const untrusted = await openGate(1, {
        forwardedForIgnored: () => reported++,
        match: () => ({ status: 200, headers: [], body: '' }),
      });
      await ask(untrusted.port, get('/', 'X-Forwarded-For: 1.2.3.4'));
      expect(reported).to.equal(1);
    });

    it('no listener if one fails', async () => {
      const taken = await openGate(1);
      const free = await openProxy({ ...nothing, listen: [plain] });
      const [address] = free.addresses;
      await free.close();
      let error: NodeJS.ErrnoException | undefined;
      await openProxy({
        ...nothing,
        listen: [
          { ...plain, port: address!.port },
          { ...plain, port: taken.port },
        ],
      }).catch((thrown) => {
        error = thrown;
      });
      expect(error!.code).to.equal('EADDRINUSE');
      const refused = connect(address!.port, '127.0.0.1');
      const code = await new Promise((resolve) =>
        refused.on('error', (thrown: NodeJS.ErrnoException) => resolve(thrown.code)),
      );
      expect(code).to.equal('ECONNREFUSED');
    });

    it('and rejects with an error that names the wrong setting', async () => {
      let message = '';
      await openProxy({ ...nothing, listen: [plain], trustedIps: ['10.0.0.0/8', 'nonsense'] }).catch((error: Error) => {
        message = error.message;
      });
      expect(message).to.equal('trustedIps: nonsense is neither an address nor a network');
    });
  });

  describe('stops', () => {
    it('gracefully: accepts nothing new, completes requests in flight, then closes their connections', async () => {
      const held: (() => void)[] = [];
      const upstream = await scriptedUpstream((socket, { lines }) => {
        if (lines[0]!.includes('/hold')) held.push(() => socket.write(ok));
        else socket.write(ok);
      });
      const gate = await openGate(upstream.port);
      const busy = await client(gate.port);
      busy.send(get('/hold'));
      const idle = await client(gate.port);
      expect((await idle.send(get('/')).response()).status).to.equal(200);
      const silent = await client(gate.port);
      const http2 = connectHttp2(`http://127.0.0.1:${gate.port}`);
      http2.on('error', () => {});
      closeLater(() => http2.destroy());
      const stream = http2.request({ ':path': '/hold' });
      let status: unknown;
      stream.on('response', (head) => {
        status = head[':status'];
      });
      stream.resume();
      await eventually(() => held.length === 2);

      let closed = false;
      const closing = gate.proxy.close({ graceful: 5000 }).then(() => {
        closed = true;
      });
      await idle.closed();
      await silent.closed();
      const refused = connect(gate.port, '127.0.0.1');
      expect(
        await new Promise((resolve) => refused.on('error', (error: NodeJS.ErrnoException) => resolve(error.code))),
      ).to.equal('ECONNREFUSED');
      expect(closed).to.equal(false);
      for (const go of held) go();
      const response = await busy.response();
      expect([response.status, response.body, response.fields.get('connection')]).to.deep.equal([200, 'ok', ['close']]);
      await busy.closed();
      busy.socket.end();
      await closing;
      expect(status).to.equal(200);
      await eventually(() => upstream.sockets.every((socket) => socket.destroyed));
    });

    it('after the limit, with requests still in flight', async () => {
      const upstream = await scriptedUpstream(() => {});
      const gate = await openGate(upstream.port);
      const busy = await client(gate.port);
      busy.send(get());
      await eventually(() => upstream.seen.length === 1);
      await gate.proxy.close({ graceful: 20 });
      expect(await busy.closed()).to.equal('');
      expect(await gate.logged()).to.include({ status: 499 });
    });

    it('immediately without a graceful limit', async () => {
      const upstream = await scriptedUpstream(() => {});
      const gate = await openGate(upstream.port);
      const busy = await client(gate.port);
      busy.send(get());
      await eventually(() => upstream.seen.length === 1);
      await gate.proxy.close();
      await busy.closed();
      await eventually(() => upstream.sockets.every((socket) => socket.destroyed));
    });
  });

  it('counts its connections and requests', async () => {
    const held: (() => void)[] = [];
    const upstream = await scriptedUpstream((socket) => held.push(() => socket.write(ok)));
    const gate = await openGate(upstream.port);
    const first = await client(gate.port);
    await client(gate.port);
    first.send(get());
    await eventually(() => held.length === 1 && gate.proxy.connections().active === 2);
    expect(gate.proxy.connections()).to.include({ accepted: 2, active: 2, writing: 1, waiting: 1, requests: 1 });
    held[0]!();
    await first.response();
    await gate.logged();
    expect(gate.proxy.connections()).to.include({ accepted: 2, writing: 0, waiting: 2, requests: 1 });
  });

  it('uses node:http only in its listeners: the path of a request has no framework (decision 9)', () => {
    const folder = new URL('../../adapters/proxy/', import.meta.url);
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    expect(files).to.include.members(['exchange.ts', 'forward.ts', 'listener/listen.ts']);
    for (const file of files) {
      const imports = [...readFileSync(new URL(file, folder), 'utf8').matchAll(/from '([^']+)'/g)].map(
        ([, from]) => from!,
      );
      if (file.startsWith('listener/')) continue;
      for (const from of imports) {
        expect(from, file).to.not.match(/^node:(http|https|http2)$|koa/);
        if (from.startsWith('./listener/')) expect(file).to.equal('open-proxy.ts');
      }
    }
  });
});
