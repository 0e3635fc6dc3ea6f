/** A whole gate with a configuration file. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { expect } from 'chai';
import { type OpenGate, openGate } from '../../adapters/composition-root.ts';
import { readConfiguration } from '../../adapters/configuration.ts';
import { openLog } from '../../adapters/logging.ts';
import { a } from '../support/certificates.ts';

describe('A gate with a configuration file', () => {
  let directory: string;
  let path: string;
  let upstream: Server;
  let held: (() => void)[];
  let lines: string[];
  let gate: OpenGate | undefined;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'portcullis-file-'));
    path = join(directory, 'kong.yml');
    held = [];
    lines = [];
    upstream = createServer((req, res) => {
      const answer = () => res.end(`upstream ${req.url}`);
      if (req.url!.endsWith('/slow')) held.push(answer);
      else answer();
    });
    await new Promise<void>((done) => upstream.listen(0, '127.0.0.1', done));
  });

  afterEach(async () => {
    await gate?.close();
    gate = undefined;
    upstream.closeAllConnections();
    upstream.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const file = (more = '') => `
_format_version: '2.1'
_transform: true
services:
- name: api
  url: http://127.0.0.1:${(upstream.address() as AddressInfo).port}/base
  routes:
  - name: api
    paths: [/api]
  plugins:
  - name: oauth2
    config: {enable_client_credentials: true, scopes: [read]}
consumers:
- username: bob
  oauth2_credentials:
  - {name: app, client_id: app, client_secret: s3cret, hash_secret: true}
${more}`;

  async function start(settings: Record<string, string> = {}): Promise<{ proxy: string; admin: string }> {
    const reading = readConfiguration({
      env: {
        PORTCULLIS_PROXY_LISTEN: '127.0.0.1:0',
        PORTCULLIS_ADMIN_LISTEN: '127.0.0.1:0',
        PORTCULLIS_STORE: `lmdb:${join(directory, 'store')}`,
        PORTCULLIS_STATE_DIR: directory,
        PORTCULLIS_KEY: 'ab'.repeat(32),
        PORTCULLIS_CONFIG: path,
        PORTCULLIS_DRAIN_LIMIT: '2',
        ...settings,
      },
    });
    if (!reading.ok) throw new Error(JSON.stringify(reading.problems));
    gate = await openGate(reading.configuration, {
      log: openLog({ level: 'debug', to: { write: (line) => void lines.push(line) } }),
    });
    return { proxy: `http://127.0.0.1:${gate.proxy[0]!.port}`, admin: `http://127.0.0.1:${gate.admin[0]!.port}` };
  }

  const tokenFrom = async (proxy: string): Promise<string> => {
    const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: 'app', client_secret: 's3cret' });
    const response = await fetch(`${proxy}/api/oauth2/token`, { method: 'POST', body });
    const answer = (await response.json()) as { access_token: string };
    expect(response.status, JSON.stringify(answer)).to.equal(200);
    return answer.access_token;
  };
  const call = (url: string, token: string) => fetch(url, { headers: { Authorization: `Bearer ${token}` } });

  it('KD-01: issues tokens that stay valid after a reload and a restart', async () => {
    writeFileSync(path, file());
    const { proxy } = await start();
    const token = await tokenFrom(proxy);
    writeFileSync(path, file('- username: eve\n'));
    await gate!.reload();
    expect(await (await call(`${proxy}/api/x`, token)).text()).to.equal('upstream /base/x');
    await gate!.close();
    const again = await start();
    expect((await call(`${again.proxy}/api/x`, token)).status).to.equal(200);
    expect(lines.filter((line) => line.includes('"added":0,"changed":0,"removed":0'))).to.have.length(1);
    expect(lines.join('')).not.to.include('s3cret');
  });

  it('a reload drops no request in flight, and the next one finds the new configuration', async () => {
    writeFileSync(path, file());
    const { proxy } = await start();
    const token = await tokenFrom(proxy);
    const slow = call(`${proxy}/api/slow`, token);
    while (held.length === 0) await new Promise((resolve) => setImmediate(resolve));
    writeFileSync(path, file().replace('[/api]', '[/moved]'));
    await gate!.reload();
    expect((await call(`${proxy}/api/x`, token)).status).to.equal(404);
    expect((await call(`${proxy}/moved/x`, token)).status).to.equal(200);
    held[0]!();
    expect(await (await slow).text()).to.equal('upstream /base/slow');
  });

  it('what has no effect is in the log with its line', async () => {
    writeFileSync(path, `${file()}\nroutes:\n- {name: stream, protocols: [tcp], destinations: [{port: 1}]}\n`);
    await start();
    const [warning, ...more] = lines.filter((line) => line.includes('parts of the configuration file have no effect'));
    expect(more).to.deep.equal([]);
    expect(warning).to.match(/kong\.yml:\d+: routes\[1\]\.protocols: the route matches no request: tcp is for streams/);
  });

  it('an invalid file leaves the old one active, and the log has line and field', async () => {
    writeFileSync(path, file());
    const { proxy, admin } = await start();
    const token = await tokenFrom(proxy);
    writeFileSync(path, file('\nplugins:\n- name: phantom-token\n'));
    await gate!.reload();
    const line =
      file('\nplugins:\n- name: phantom-token\n')
        .split('\n')
        .findIndex((text) => text.includes('phantom')) + 1;
    expect(lines.join('')).to.include(`kong.yml:${line}: plugins[1].name: this gate has no plugin`);
    expect((await call(`${proxy}/api/x`, token)).status).to.equal(200);
    rmSync(path);
    await gate!.reload();
    expect(lines.join('')).to.include('there is no such file; the setting config names it');
    expect((await call(`${proxy}/api/x`, token)).status).to.equal(200);
    const answer = await fetch(`${admin}/config/reload`, { method: 'POST' });
    expect(answer.status).to.equal(400);
  });

  it('does not start with an invalid file, and reports all of its problems', async () => {
    writeFileSync(path, "_format_version: '3.0'\nservices:\n- {name: a}\n- {name: b, hots: c, host: d}\n");
    const error = await start().then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect(error?.message.split('\n').map((line) => line.slice(directory.length + 1))).to.deep.equal([
      'kong.yml:3: services[1].host: required field missing',
      'kong.yml:4: services[2].hots: unknown field',
    ]);
  });

  it('does not replace the configuration of the Admin API without config_takes_over', async () => {
    const { admin } = await start({ PORTCULLIS_CONFIG: '' });
    const response = await fetch(`${admin}/services`, { method: 'POST', body: new URLSearchParams({ host: 'h' }) });
    expect(response.status).to.equal(201);
    const { config } = (await (await fetch(`${admin}/config`)).json()) as { config: string };
    await gate!.close();
    gate = undefined;
    writeFileSync(path, file());
    const error = await start().then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect(error?.message).to.include('config_takes_over');
    writeFileSync(path, config);
    const kept = await start();
    expect(((await (await fetch(`${kept.admin}/services`)).json()) as { data: object[] }).data).to.have.length(1);
    writeFileSync(path, file());
    await gate!.close();
    await start({ PORTCULLIS_CONFIG_TAKES_OVER: 'yes' });
  });

  it('loads upstreams with their targets, and certificates with their SNIs', async () => {
    const { port } = upstream.address() as AddressInfo;
    const indented = (pem: string) => pem.trim().replaceAll('\n', '\n    ');
    writeFileSync(
      path,
      `
_format_version: '3.0'
services:
- {name: shared, host: shared.internal, routes: [{name: shared, paths: [/shared]}]}
upstreams:
- {name: shared.internal, targets: [{target: '127.0.0.1:${port}'}]}
certificates:
- cert: |
    ${indented(a.cert)}
  key: |
    ${indented(a.key)}
  snis: [{name: a.example}]
`,
    );
    const { proxy } = await start({ PORTCULLIS_PROXY_LISTEN: '127.0.0.1:0, 127.0.0.1:0 ssl' });
    expect(await (await fetch(`${proxy}/shared/x`)).text()).to.equal('upstream /x');
    const tls = gate!.proxy.find(({ ssl }) => ssl)!;
    const shown = await new Promise((done, fail) => {
      const how = { port: tls.port, host: '127.0.0.1', servername: 'a.example', rejectUnauthorized: false };
      const socket = connect(how, () => {
        done(socket.getPeerCertificate().subject.CN);
        socket.destroy();
      }).on('error', fail);
    });
    expect(shown).to.equal('a.example');
    expect(lines.join('')).not.to.include('PRIVATE KEY');
  });

  it('POST /config replaces it whole; a reload goes back to the file', async () => {
    writeFileSync(path, file());
    const { proxy, admin } = await start();
    const token = await tokenFrom(proxy);
    const other = file().replace('[/api]', '[/other]');
    const post = (body: string, query = '') =>
      fetch(`${admin}/config${query}`, { method: 'POST', body, headers: { 'Content-Type': 'text/yaml' } });
    expect((await post(other)).status).to.equal(201);
    expect((await call(`${proxy}/other/x`, token)).status).to.equal(200);
    expect((await post(other, '?check_hash=1')).status).to.equal(304);
    expect((await post('services: 3')).status).to.equal(400);
    expect((await call(`${proxy}/other/x`, token)).status).to.equal(200);
    await gate!.reload();
    expect((await call(`${proxy}/api/x`, token)).status).to.equal(200);
    expect(readFileSync(path, 'utf8')).to.equal(file());
  });
});
