/** The status listeners and the TLS of the Admin API, from outside. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { counted } from '../../adapters/composition-root/stores.ts';
import { Unavailable } from '../../src/ports/unavailable.ts';
import { a, b } from '../support/certificates.ts';
import { freePorts, type GateProcess, soon, startGate } from '../support/gate-process.ts';

describe('Status listeners and TLS for operators', function () {
  this.timeout(120_000);
  let gate: GateProcess | undefined;
  afterEach(async () => {
    await gate?.cleanUp();
    gate = undefined;
  });

  const token = 'a-token-of-enough-letters';

  it('status_listen serves status, readiness and metrics without the Admin token, and nothing else', async () => {
    const [port] = await freePorts();
    const status = `http://127.0.0.1:${port}`;
    gate = await startGate({ env: { PORTCULLIS_STATUS_LISTEN: `127.0.0.1:${port}`, PORTCULLIS_ADMIN_TOKEN: token } });
    await gate.prints(/is ready.*status on http:/);
    expect((await fetch(`${gate.admin}/status`)).status).to.equal(401);
    const get = async (path: string, method = 'GET') => {
      const response = await fetch(status + path, { method });
      return [response.status, await response.text()] as const;
    };
    expect(await get('/status/live')).to.deep.equal([200, '{"message":"live"}']);
    expect(await get('/status/ready')).to.deep.equal([200, '{"message":"ready"}']);
    const [code, text] = await get('/status?unit=k');
    expect(code).to.equal(200);
    expect(JSON.parse(text).database).to.deep.equal({ reachable: true });
    expect(JSON.parse(text).memory.workers_lua_vms[0].http_allocated_gc).to.match(/KiB$/);
    expect((await get('/metrics'))[1]).to.include('# TYPE portcullis_requests_total counter');
    expect(await get('/status/ready', 'HEAD')).to.deep.equal([200, '']);
    for (const path of ['/', '/services', '/config', '/status/', '/status/ready/x', '/__proto__']) {
      expect((await get(path))[0], path).to.equal(404);
    }
    expect((await get('/status', 'POST'))[0]).to.equal(405);
  });

  it('/status/ready is 503 while the gate drains', async () => {
    const [port] = await freePorts();
    const held: (() => void)[] = [];
    const upstream = createServer((_, response) => {
      response.writeHead(200).flushHeaders();
      held.push(() => response.end());
    });
    await once(upstream.listen(0, '127.0.0.1'), 'listening');
    const env = { PORTCULLIS_STATUS_LISTEN: `127.0.0.1:${port}`, PORTCULLIS_DRAIN_LIMIT: '3600' };
    gate = await startGate({ env });
    await gate.prints(/is ready/);
    for (const [path, body] of [
      ['/services', { name: 's', url: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}` }],
      ['/services/s/routes', { paths: ['/'] }],
    ] as const) {
      const headers = { 'Content-Type': 'application/json' };
      await fetch(gate.admin + path, { method: 'POST', headers, body: JSON.stringify(body) });
    }
    const response = await fetch(gate.proxy);
    gate.child.kill('SIGTERM');
    await gate.prints(/requests in flight may finish/);
    const ready = () => fetch(`http://127.0.0.1:${port}/status/ready`);
    while ((await ready()).status === 200) await soon();
    expect(await (await ready()).text()).to.equal('{"message":"draining"}');
    expect((await fetch(`http://127.0.0.1:${port}/status/live`)).status).to.equal(200);
    held[0]!();
    await response.text();
    expect(await gate.ended).to.equal(0);
    upstream.closeAllConnections();
    upstream.close();
  });

  it('metrics name routes and services, and count tokens and upstream errors', async () => {
    gate = await startGate();
    await gate.ready();
    const { admin, proxy } = gate;
    const post = async (path: string, body: object) => {
      const headers = { 'Content-Type': 'application/json' };
      const response = await fetch(admin + path, { method: 'POST', headers, body: JSON.stringify(body) });
      expect(response.status, await response.text()).to.equal(201);
    };
    await post('/services', { name: 'shop', url: 'http://127.0.0.1:1', retries: 0 });
    await post('/services/shop/routes', { name: 'orders', paths: ['/orders'] });
    await post('/services', { name: 'guarded', url: 'http://127.0.0.1:1' });
    await post('/services/guarded/routes', { paths: ['/g'] });
    await post('/services/guarded/plugins', { name: 'oauth2', config: { enable_client_credentials: true } });
    await post('/consumers', { username: 'ada' });
    await post('/consumers/ada/oauth2', { name: 'app', client_id: 'app', client_secret: 's3cret' });
    expect((await fetch(`${proxy}/orders`)).status).to.equal(502);
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: 'app',
      client_secret: 's3cret',
    });
    expect((await fetch(`${proxy}/g/oauth2/token`, { method: 'POST', body: form })).status).to.equal(200);
    const text = await (await fetch(`${admin}/metrics`)).text();
    expect(text).to.include('portcullis_requests_total{service="shop",route="orders",status="502"} 1');
    expect(text).to.include('portcullis_upstream_errors_total{service="shop",kind="unreachable"} 1');
    expect(text).to.include('portcullis_tokens_issued_total{grant_type="client_credentials"} 1');
  });

  it('the Admin API over TLS has its own certificate, or that of the gate; SIGHUP reads it again', async () => {
    const [port] = await freePorts();
    gate = await startGate({ env: { PORTCULLIS_ADMIN_LISTEN: `127.0.0.1:${port} http2 ssl` } });
    await gate.prints(/Admin API on https:/);
    expect(await served(port)).to.deep.equal({ status: 200, name: 'portcullis' });
    expect(gate.printed.out).to.include('http2 has no effect');
    await gate.cleanUp();

    const directory = mkdtempSync(join(tmpdir(), 'portcullis-admin-tls-'));
    const files = { cert: join(directory, 'admin.crt'), key: join(directory, 'admin.key') };
    const install = (pair: { readonly cert: string; readonly key: string }) => {
      writeFileSync(files.cert, pair.cert);
      writeFileSync(files.key, pair.key, { mode: 0o600 });
    };
    install(a);
    const own = await startGate({
      env: {
        PORTCULLIS_ADMIN_LISTEN: `127.0.0.1:${port} ssl`,
        PORTCULLIS_ADMIN_SSL_CERT: files.cert,
        PORTCULLIS_ADMIN_SSL_CERT_KEY: files.key,
      },
    });
    try {
      await own.prints(/is ready/);
      expect(await served(port)).to.deep.equal({ status: 200, name: 'a.example' });
      install(b);
      own.child.kill('SIGHUP');
      await own.prints(/use a new certificate/);
      expect(await served(port)).to.deep.equal({ status: 200, name: 'b.example' });
      own.child.kill('SIGTERM');
      expect(await own.ended).to.equal(0);
    } finally {
      await own.cleanUp();
    }
    writeFileSync(files.cert, 'none');
    const refused = await startGate({
      env: {
        PORTCULLIS_ADMIN_LISTEN: `127.0.0.1:${port} ssl`,
        PORTCULLIS_ADMIN_SSL_CERT: files.cert,
        PORTCULLIS_ADMIN_SSL_CERT_KEY: files.key,
      },
    });
    expect(await refused.ended).to.equal(1);
    expect(refused.printed.err).to.include(`admin_ssl_cert: ${files.cert} holds no certificate`);
    await refused.cleanUp();
    rmSync(directory, { recursive: true });
  });

  it('counts operations that a store could not perform', async () => {
    let failures = 0;
    const port = counted(
      {
        sync: () => {
          throw new Unavailable('away');
        },
        async later() {
          throw new Unavailable('away');
        },
        wrong: () => {
          throw new Error('a mistake');
        },
        value: () => 7,
      },
      () => failures++,
    );
    expect(port.sync).to.throw(Unavailable);
    expect(await port.later().catch((error: Error) => error.name)).to.equal('Unavailable');
    expect(port.wrong).to.throw('a mistake');
    expect(port.value()).to.equal(7);
    expect(failures).to.equal(2);
  });
});

function served(port: number): Promise<{ status: number | undefined; name: unknown }> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest({ port, host: '127.0.0.1', path: '/status', rejectUnauthorized: false, agent: false });
    request.on('response', (response) => {
      const { subject } = (response.socket as TLSSocket).getPeerCertificate();
      response.resume().on('end', () => resolve({ status: response.statusCode, name: subject.CN }));
    });
    request.on('error', reject).end();
  });
}
