/** Half a body, and then nothing: wherever a body is read, the caller gets 408 after the time limit. */
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect } from 'chai';
import { guardedApi, openTestGate, type TestGate } from '../support/open-test-gate.ts';

describe('Half a body gets 408 after limit_body_time', () => {
  let gate: TestGate;

  before(async () => {
    gate = await openTestGate({ PORTCULLIS_LIMIT_BODY_TIME: '1' });
    await guardedApi(gate);
  });
  after(() => gate.close());

  const form = 'Content-Type: application/x-www-form-urlencoded';
  const halves: Record<string, readonly string[]> = {
    'with a length': ['Content-Length: 10', '', 'a=b'],
    'without its first byte': ['Content-Length: 10', '', ''],
    'in chunks': ['Transfer-Encoding: chunked', '', '3', 'a=b', ''],
  };

  for (const path of ['/api/oauth2/token', '/api/oauth2/authorize', '/oauth2/token', '/oauth2/authorize', '/api/x']) {
    for (const [half, lines] of Object.entries(halves)) {
      it(`POST ${path}, ${half}, plain and TLS`, async function () {
        this.timeout(20_000);
        const bytes = [`POST ${path} HTTP/1.1`, 'Host: localhost', form, ...lines].join('\r\n');
        const [plain, tls] = await Promise.all([sent(gate.proxy, bytes), sent(gate.proxyTls, bytes)]);
        expect([plain, tls]).to.deep.equal([408, 408]);
      });
    }

    it(`POST ${path} over HTTP/2, plain and TLS`, async function () {
      this.timeout(20_000);
      const statuses = await Promise.all([gate.proxy, gate.proxyTls].map((at) => sentOverHttp2(at, path)));
      expect(statuses).to.deep.equal([408, 408]);
    });
  }

  it('the Admin API as well', async function () {
    this.timeout(20_000);
    for (const [path, type] of [
      ['/consumers', 'application/json'],
      ['/consumers', 'application/x-www-form-urlencoded'],
      ['/services', 'multipart/form-data; boundary=b'],
      ['/config', 'text/yaml'],
    ]) {
      const head = ['POST', path, 'HTTP/1.1\r\nHost: localhost\r\nContent-Type:', `${type}\r\n`].join(' ');
      expect(await sent(gate.admin, `${head}Content-Length: 1000\r\n\r\n{"user`), `${path} ${type}`).to.equal(408);
    }
  });
});

/** The status of the response; the connection ends after it. */
function sent(url: string, bytes: string): Promise<number> {
  const { hostname: host, port, protocol } = new URL(url);
  return new Promise((resolve, reject) => {
    const at = { host, port: Number(port), rejectUnauthorized: false };
    const socket = protocol === 'https:' ? connectTls(at) : connect(at);
    let text = '';
    socket.write(bytes);
    socket.on('data', (piece) => {
      text += piece.toString('latin1');
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(Number(text.slice(9, 12))));
  });
}

function sentOverHttp2(url: string, path: string): Promise<number | undefined> {
  const session = connectHttp2(url, { rejectUnauthorized: false });
  return new Promise((resolve, reject) => {
    session.on('error', reject);
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': '10',
    });
    stream.on('error', reject);
    stream.on('response', (fields) => {
      resolve(fields[':status']);
      session.destroy();
    });
    stream.write('a=b');
  });
}
