/** The lines of docs/differences-from-kong.md that no recorded call of Kong shows, and that no other test file has. */

import { request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { generate } from 'selfsigned';
import { b } from '../support/certificates.ts';
import { type Body, guardedApi, openTestGate, type TestGate } from '../support/open-test-gate.ts';

describe('Differences from Kong without a recording', () => {
  let gate: TestGate;

  before(async () => {
    gate = await openTestGate();
    await guardedApi(gate, { enable_password_grant: true, auth_header_name: 'x-token' });
    await gate.setUp('POST', '/services', { name: 'open', url: gate.upstream });
    await gate.setUp('POST', '/services/open/routes', { name: 'open', paths: ['/open'], request_buffering: true });
  });

  after(() => gate.close());

  const app = { client_id: 'app', client_secret: 's3cret' };
  const issued = async (form: Record<string, string>) =>
    (await gate.post('/api/oauth2/token', { ...app, ...form })).body as Body;

  it('KD-03: each field of a schema has a description of our own', async () => {
    for (const kind of ['services', 'routes', 'consumers', 'plugins', 'upstreams', 'targets', 'certificates', 'keys']) {
      const { fields } = await gate.setUp('GET', `/schemas/${kind}`);
      for (const field of fields as Record<string, { type: string; description?: string }>[]) {
        const [[name, rules]] = Object.entries(field) as [[string, { type: string; description?: string }]];
        if (rules.type !== 'record') expect(rules.description, `${kind}.${name}`).to.be.a('string').and.not.equal('');
      }
    }
  });

  it('KD-04: PUT /certificates/NAME creates a certificate for that name', async () => {
    const put = (name: string, row: object) => gate.setUp('PUT', `/certificates/${name}`, row);
    expect((await put('a.kd04.example', { ...b })).snis).to.deep.equal(['a.kd04.example']);
    const { id, snis } = await put('b.kd04.example', { ...b, snis: ['c.kd04.example'] });
    expect(snis).to.deep.equal(['b.kd04.example', 'c.kd04.example']);
    expect((await gate.setUp('GET', '/certificates/b.kd04.example')).id).to.equal(id);
  });

  it('KD-06: an expired CA certificate is stored, and what it signed is rejected', async () => {
    const pair = await generate([{ name: 'commonName', value: '127.0.0.1' }], {
      keyType: 'ec',
      curve: 'P-256',
      algorithm: 'sha256',
      notBeforeDate: new Date('2020-01-01'),
      notAfterDate: new Date('2021-01-01'),
      extensions: [
        { name: 'basicConstraints', cA: true, critical: true },
        { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
      ],
    });
    const upstream = createServer({ key: pair.private, cert: pair.cert }, (_, response) => response.end('ok'));
    await new Promise<void>((done) => upstream.listen(0, '127.0.0.1', done));
    try {
      const { id } = await gate.setUp('POST', '/ca_certificates', { cert: pair.cert });
      const url = `https://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
      const verified = { ca_certificates: [id], tls_verify: true, retries: 0 };
      await gate.setUp('POST', '/services', { name: 'kd06', url, ...verified });
      await gate.setUp('POST', '/services/kd06/routes', { paths: ['/kd06'] });
      expect((await gate.get('/kd06')).status).to.equal(502);
      await gate.setUp('PATCH', '/services/kd06', { tls_verify: false, ca_certificates: null });
      expect((await gate.get('/kd06')).status).to.equal(200);
    } finally {
      upstream.closeAllConnections();
      upstream.close();
    }
  });

  it('KD-07: what RE2 lacks in regular expressions is refused by name', async () => {
    for (const [regex, named] of [
      ['[a-z&&[^b]]', 'a set operation in a class'],
      ['[a[bc]]', 'a [ in a class'],
      ['[^\\W_]', '\\W in a class'],
      ['(?x)a', 'the flag x'],
      ['(?u)a', 'the flag u'],
      ['(?R)a', 'a recursion'],
      ['\\p{greek}', 'no such Unicode property'],
    ] as const) {
      const { status, body } = await post('/services/open/routes', { paths: [`~/${regex}`] });
      expect(status, regex).to.equal(400);
      expect(body.message, regex).to.include(named);
    }
  });

  it('KD-08: a route may have strict_paths, and no response shows it until it is set', async () => {
    await gate.setUp('POST', '/services', { name: 'kd08', url: gate.upstream });
    const route = await gate.setUp('POST', '/services/kd08/routes', { paths: ['/kd08'] });
    expect(route).to.not.have.property('strict_paths');
    expect(await raw('GET', '/kd08/a;b', {})).to.include({ status: 200 });
    const strict = await gate.setUp('PATCH', `/routes/${route.id}`, { strict_paths: true });
    expect(strict).to.include({ strict_paths: true });
    expect(await raw('GET', '/kd08/a;b', {})).to.include({ status: 400 });
    expect(await raw('GET', '/kd08/a', {})).to.include({ status: 200 });
  });

  it('KD-09: a refreshed token keeps the id of its row', async () => {
    const first = await issued({
      grant_type: 'password',
      provision_key: 'the provision key',
      authenticated_userid: 'u',
      scope: 'read',
    });
    const { id } = await gate.setUp('GET', `/oauth2_tokens/${first.access_token}`);
    const second = await issued({ grant_type: 'refresh_token', refresh_token: first.refresh_token });
    expect(second.access_token).to.be.a('string').and.not.equal(first.access_token);
    expect((await gate.setUp('GET', `/oauth2_tokens/${second.access_token}`)).id).to.equal(id);
  });

  it('KD-11: a header of auth_header_name that is sent twice is not a token', async () => {
    const { access_token: token } = await issued({ grant_type: 'client_credentials' });
    expect(await raw('GET', '/api/x', { 'x-token': `Bearer ${token}` })).to.include({ status: 200 });
    const both = [`Bearer ${token}`, `Bearer ${token}`];
    expect(await raw('GET', '/api/x', { 'x-token': both })).to.include({ status: 401 });
  });

  it('KD-13: a secret with a colon works in Basic credentials, whole and up to the colon', async () => {
    const client = { name: 'n', client_id: 'kd13', client_secret: 'a:b', redirect_uris: ['https://a.example/'] };
    await gate.setUp('POST', '/consumers', { username: 'kd13' });
    await gate.setUp('POST', '/consumers/kd13/oauth2', client);
    await gate.setUp('POST', '/consumers/kd13/oauth2', { ...client, client_id: 'kd13short', client_secret: 'a' });
    const status = async (credentials: string) => {
      const headers = { 'x-token': `Basic ${Buffer.from(credentials).toString('base64')}` };
      return (await gate.post('/api/oauth2/token', { grant_type: 'client_credentials' }, headers)).status;
    };
    expect(await status('kd13:a:b')).to.equal(200);
    expect(await status('kd13short:a:b')).to.equal(200);
    expect(await status('kd13:a:c')).not.to.equal(200);
  });

  it('KD-15: a scope token that is asked for twice is granted once', async () => {
    const { access_token: token } = await issued({ grant_type: 'client_credentials', scope: 'read write read' });
    expect((await gate.setUp('GET', `/oauth2_tokens/${token}`)).scope).to.equal('read write');
  });

  async function post(path: string, row: object) {
    const headers = { 'Content-Type': 'application/json' };
    const response = await fetch(gate.admin + path, { method: 'POST', body: JSON.stringify(row), headers });
    return { status: response.status, body: (await response.json()) as Body };
  }

  /** A call with header fields that fetch would not send. */
  function raw(method: string, path: string, headers: Record<string, string | string[]>, body?: string) {
    return new Promise<{ status: number; body: string }>((resolve, reject) => {
      const call = request(gate.proxy + path, { method, headers, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve({ status: response.statusCode!, body: Buffer.concat(chunks).toString() }));
      });
      call.on('error', reject);
      call.end(body);
    });
  }
});
