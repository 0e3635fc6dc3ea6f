/** Constant changes of the configuration, and a stop, under load: no request fails because of them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttp, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { guardedApi, openTestGate, type TestGate } from '../support/open-test-gate.ts';

/** A thousand with `npm run test:races`. */
const changes = Number(process.env['PORTCULLIS_RACE_ROUNDS'] ?? 150);

describe('Reload', function () {
  this.timeout(600_000);
  let gate: TestGate;
  before(async () => {
    gate = await openTestGate();
    await guardedApi(gate);
  });
  after(() => gate.close());

  it(`${changes} Admin changes under load fail no request, and each applies to the next one`, async () => {
    const { body } = await gate.post('/api/oauth2/token', {
      grant_type: 'client_credentials',
      client_id: 'app',
      client_secret: 's3cret',
    });
    const token: string = body.access_token;
    let changing = true;
    const failures: string[] = [];
    let responded = 0;
    const caller = async () => {
      while (changing) {
        const { status } = await gate.get('/api/x', token);
        responded++;
        if (status !== 200) failures.push(`${status}`);
      }
    };
    const callers = Promise.all(Array.from({ length: 16 }, caller));
    try {
      for (let i = 0; i < changes; i++) {
        const path = `/change-${i}`;
        const { id } = await gate.setUp('POST', '/services/api/routes', { name: `change-${i}`, paths: [path] });
        expect((await gate.get(path, token)).status).to.equal(200);
        if (i % 3 === 0) await gate.setUp('PATCH', '/services/api', { retries: i % 6, read_timeout: 60_000 - i });
        if (i % 3 === 1) await gate.setUp('PATCH', '/routes/api', { tags: [`t${i}`] });
        if (i % 3 === 2) {
          const plugins = await gate.setUp('GET', '/services/api/plugins');
          await gate.setUp('PATCH', `/plugins/${plugins.data[0].id}`, { config: { token_expiration: 7200 + i } });
        }
        await gate.setUp('DELETE', `/routes/${id}`);
        expect((await gate.get(path, token)).status).to.equal(404);
      }
    } finally {
      changing = false;
      await callers;
    }
    expect(failures).to.deep.equal([]);
    expect(responded).to.be.greaterThan(changes);
  });
});

describe('Drain', function () {
  this.timeout(60_000);
  let upstream: Server;
  let gate: ChildProcess;
  let port: number;
  before(async () => {
    // Slow enough that requests are always in flight when the gate gets the signal.
    upstream = createHttp((_req, res) => {
      setTimeout(() => res.end('at last'), 60);
    });
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    gate = spawn(process.execPath, [join(import.meta.dirname, '../../bin/portcullis.js'), 'start'], {
      env: {
        ...process.env,
        PORTCULLIS_STORE: 'memory:',
        PORTCULLIS_PROXY_LISTEN: '127.0.0.1:0',
        PORTCULLIS_ADMIN_LISTEN: '127.0.0.1:0',
        PORTCULLIS_DRAIN_LIMIT: '10',
        PORTCULLIS_LOG_LEVEL: 'warn',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let line = '';
    for await (const chunk of gate.stdout!) {
      line += String(chunk);
      if (line.includes('\n')) break;
    }
    const ready = JSON.parse(line.slice(0, line.indexOf('\n')));
    port = Number(new URL(ready.proxy[0]).port);
    const admin = async (path: string, body: unknown) => {
      const headers = { 'Content-Type': 'application/json' };
      const response = await fetch(ready.admin[0] + path, { method: 'POST', headers, body: JSON.stringify(body) });
      expect(response.status).to.equal(201);
    };
    await admin('/services', { name: 'slow', url: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}` });
    await admin('/services/slow/routes', { paths: ['/'] });
  });
  after(() => {
    gate.kill('SIGKILL');
    upstream.closeAllConnections();
    upstream.close();
  });

  it('SIGTERM under load fails no accepted request, accepts no new ones, and exits with 0', async () => {
    const outcomes = { whole: 0, notTaken: 0, broken: [] as string[] };
    let stopping = false;
    /** One request on a new connection. A request that was not accepted gets no byte of a response. */
    const call = () =>
      new Promise<'whole' | 'not taken'>((resolve) => {
        let response = '';
        const socket = connect(port, '127.0.0.1', () => {
          socket.write('GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
        });
        socket.on('data', (chunk) => {
          response += chunk.toString('latin1');
        });
        socket.on('error', () => {});
        socket.on('close', () => {
          if (response.startsWith('HTTP/1.1 200') && response.endsWith('at last')) {
            outcomes.whole++;
            resolve('whole');
          } else {
            if (response === '' && stopping) outcomes.notTaken++;
            else outcomes.broken.push(response.slice(0, 200));
            resolve('not taken');
          }
        });
      });
    const caller = async () => {
      while ((await call()) === 'whole');
    };
    const callers = Promise.all(Array.from({ length: 32 }, caller));
    while (outcomes.whole < 100) await new Promise((resolve) => setImmediate(resolve));
    stopping = true;
    const ended = once(gate, 'exit');
    gate.kill('SIGTERM');
    const [code] = await ended;
    await callers;
    expect(code).to.equal(0);
    expect(outcomes.broken).to.deep.equal([]);
    expect(outcomes.whole).to.be.at.least(100);
  });
});
