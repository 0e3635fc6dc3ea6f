import type { IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { gatekeeper } from '../../adapters/admin/gatekeeping.ts';
import { type Gate, gate } from './gate.ts';

describe('The Admin API: admitted requests', () => {
  let admin: Gate;
  afterEach(() => admin.close());

  it('SE-13: with a Host of loopback or of the address that it listens on', async () => {
    admin = await gate();
    for (const host of [
      'localhost',
      `localhost:${admin.port}`,
      '127.0.0.1:1',
      '127.1.2.3',
      '[::1]:5',
      'LOCALHOST',
      'gate.localhost',
    ]) {
      expect((await admin.call('GET /services', undefined, { host })).status, host).to.equal(200);
    }
  });

  it('SE-13: not with another Host, also if it looks like one of these', async () => {
    admin = await gate();
    const others = [
      'evil.example',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      'evil-localhost',
      'localhost@evil.example',
      '10.0.0.1',
    ];
    for (const host of others) {
      const { status, headers } = await admin.call('POST /services', { host: 'h' }, { host });
      expect(status, host).to.be.oneOf([400, 421]);
      expect(headers).not.to.have.property('access-control-allow-origin');
    }
    expect((await admin.call('GET /services')).body.data).to.deep.equal([]);
  });

  it('SE-13: with a configured Host, or any Host if so configured', async () => {
    admin = await gate({ allowedHosts: ['docker.local', 'Gate.Example', '10.0.0.1'] });
    for (const host of [
      'docker.local:8001',
      'DOCKER.LOCAL',
      'gate.example',
      'gate.example.:8001',
      '10.0.0.1:8001',
      'localhost',
    ]) {
      expect((await admin.call('GET /services', undefined, { host })).status, host).to.equal(200);
    }
    expect((await admin.call('GET /services', undefined, { host: 'other.local' })).status).to.equal(421);
    await admin.close();
    admin = await gate({ allowedHosts: ['*'] });
    expect((await admin.call('GET /services', undefined, { host: 'any.example' })).status).to.equal(200);
  });

  it('SE-13: not from pages of other origins, whose bodies are not read', async () => {
    admin = await gate();
    for (const origin of [
      'https://evil.example',
      'null',
      'https://localhost.evil.example',
      'file://',
      'http://127.0.0.1.evil.example:8001',
    ]) {
      const { status, headers } = await admin.call('POST /services', { host: 'h' }, { origin });
      expect(status, origin).to.equal(403);
      expect(headers).not.to.have.property('access-control-allow-origin');
      expect((await admin.call('OPTIONS /services', undefined, { origin })).status).to.equal(403);
    }
    expect((await admin.call('GET /services')).body.data).to.deep.equal([]);
    // Another port of this machine is another origin: any program can serve a page there.
    const status = async (origin: string) => (await admin.call('GET /services', undefined, { origin })).status;
    expect(await status('http://localhost:3000')).to.equal(403);
    expect(await status(`http://localhost:${admin.port}`)).to.equal(200);
    await admin.close();
    admin = await gate({ allowedHosts: ['localhost'] });
    expect(await status('http://localhost:3000')).to.equal(200);
  });

  it('SE-13: only with the token, if one is configured', async () => {
    admin = await gate({ token: 'correct horse battery' });
    const status = async (headers: Record<string, string>) =>
      (await admin.call('GET /services', undefined, headers)).status;
    expect(await status({})).to.equal(401);
    expect(await status({ 'kong-admin-token': 'wrong' })).to.equal(401);
    expect(await status({ 'kong-admin-token': '' })).to.equal(401);
    expect(await status({ authorization: 'Basic correct horse battery' })).to.equal(401);
    expect(await status({ 'kong-admin-token': 'correct horse battery' })).to.equal(200);
    expect(await status({ authorization: 'Bearer correct horse battery' })).to.equal(200);
  });

  it('without the token give no information about paths', async () => {
    admin = await gate({ token: 'correct horse battery' });
    for (const line of ['GET /', 'GET /nothing', 'OPTIONS /services', 'DELETE /services/a', 'POST /services']) {
      const { status, body, headers } = await admin.call(line);
      expect([status, body.message ?? ''], line).to.deep.equal([401, 'Unauthorized']);
      expect(headers['www-authenticate']).to.match(/^Bearer /);
    }
  });
});

describe('The gatekeeper of the Admin API', () => {
  it('SE-13: an origin without a port has the port of its scheme (RFC 6454 §4)', () => {
    const statusOn = (localPort: number, origin: string) =>
      gatekeeper({ token: undefined, allowedHosts: [] })({
        headers: { host: 'localhost', origin },
        rawHeaders: [],
        socket: { localPort },
      } as unknown as IncomingMessage)?.status;
    expect(statusOn(80, 'http://localhost')).to.equal(undefined);
    expect(statusOn(443, 'https://localhost')).to.equal(undefined);
    expect(statusOn(443, 'http://localhost')).to.equal(403);
    expect(statusOn(80, 'https://localhost')).to.equal(403);
  });
});
