import { expect } from 'chai';
import { pluginDescriptions } from '../support/plugin-descriptions.ts';
import { type Gate, gate } from './gate.ts';

describe('The Admin API: information about the gate', () => {
  let admin: Gate;
  before(async () => {
    admin = await gate();
  });
  after(() => admin.close());

  it('is in the shape of Kong, so that its tools work, and has our version', async () => {
    const ofKong = [...pluginDescriptions.values()].filter(({ ours }) => ours !== true);
    const config = { enable_client_credentials: true };
    await admin.call('POST /plugins', { name: 'oauth2', config });
    const { body } = await admin.call('GET /');
    expect(body).to.deep.include({
      version: '3.9.1',
      tagline: 'Welcome to kong',
      edition: 'community',
      node_id: 'node',
    });
    expect(body.configuration).to.deep.equal({ database: 'postgres', portcullis: { version: '0.0.0' } });
    expect(body.plugins).to.deep.equal({
      available_on_server: Object.fromEntries(
        ofKong.map(({ name, priority }) => [name, { version: '3.9.1', priority }]),
      ),
      enabled_in_cluster: ['oauth2'],
    });
    expect((await admin.call('GET /plugins/enabled')).body).to.deep.equal({
      enabled_plugins: ofKong.map(({ name }) => name),
    });
  });

  it('has the counters of the listeners', async () => {
    const { body } = await admin.call('GET /status');
    expect(body.database).to.deep.equal({ reachable: true });
    expect(body.server).to.deep.include({ connections_active: 1, total_requests: 1 });
  });

  it('reports a store that cannot be reached', async () => {
    const failing = await gate({ store: { ...admin.options.store, page: () => Promise.reject(new Error('gone')) } });
    try {
      expect((await failing.call('GET /status')).body.database).to.deep.equal({ reachable: false });
    } finally {
      await failing.close();
    }
  });

  it('lists its endpoints, a path before those below it', async () => {
    const { data } = (await admin.call('GET /endpoints')).body;
    expect(data).to.include.members([
      '/',
      '/consumers/{consumers}/oauth2/{oauth2_credentials}',
      '/oauth2/{oauth2_credentials}/consumer',
      '/oauth2/{oauth2_credentials}/oauth2_tokens/{oauth2_tokens}',
      '/oauth2_tokens/{oauth2_tokens}/credential',
      '/services/{services}/plugins/{plugins}',
    ]);
    expect(data.indexOf('/oauth2/{oauth2_credentials}')).to.be.lessThan(data.indexOf('/oauth2_tokens'));
  });

  it('shows the schemas of entities and plugins', async () => {
    const fields = async (path: string) =>
      (await admin.call(`GET ${path}`)).body.fields.map((f: object) => Object.keys(f)[0]);
    expect(await fields('/schemas/consumers')).to.deep.equal([
      'id',
      'created_at',
      'updated_at',
      'username',
      'custom_id',
      'tags',
    ]);
    expect(await fields('/schemas/plugins/oauth2')).to.deep.equal(['consumer', 'protocols', 'config']);
    expect(await fields('/plugins/schema/oauth2')).to.include('scopes');
    expect(await fields('/schemas/oauth2_tokens')).not.to.include('ttl');
    const none = await admin.call('GET /schemas/nope');
    expect([none.status, none.body]).to.deep.equal([404, { message: "No entity named 'nope'" }]);
    const noPlugin = await admin.call('GET /schemas/plugins/nope');
    expect([noPlugin.status, noPlugin.body]).to.deep.equal([404, { message: "No plugin named 'nope'" }]);
  });

  it('?all=true also shows the fields and values that Kong does not have', async () => {
    const text = async (path: string) => JSON.stringify((await admin.call(`GET ${path}`)).body);
    const config = async (path: string) =>
      (await admin.call(`GET ${path}`)).body.fields.map((f: object) => Object.keys(f)[0]);
    const ours = ['profile', 'refresh_token_grace', 'token_default_scopes', 'limit_failures', 'token_group'];
    expect(await config('/plugins/schema/oauth2?all=true')).to.include.members(ours);
    expect(await config('/plugins/schema/oauth2')).not.to.include.oneOf(ours);
    for (const [path, shown] of [
      ['/schemas/plugins/oauth2', ours],
      ['/schemas/plugins/rate-limiting', []],
      ['/schemas/keyauth_credentials', ['ttl']],
      ['/schemas/oauth2_tokens', ['ttl']],
      ['/schemas/certificates', ['snis']],
      ['/schemas/services', ['wss']],
      ['/schemas/routes', ['wss']],
    ] as const) {
      const [kongs, all] = [await text(path), await text(`${path}?all=true`)];
      for (const word of shown) {
        expect(kongs, path).not.to.include(`"${word}"`);
        expect(all, path).to.include(`"${word}"`);
      }
      expect(await text(`${path}?all=false`), path).to.equal(kongs);
      expect(all, path).not.to.match(/"(?:check|sealed|encrypted|unlessSet|implicit|also|aliases|defaultAfter)":/);
    }
  });

  it('validates without writing', async () => {
    const validate = (name: string, body: unknown) => admin.call(`POST /schemas/${name}/validate`, body);
    expect((await validate('services', { url: 'http://x' })).body).to.deep.equal({
      message: 'schema validation successful',
    });
    expect((await validate('services', {})).body.fields).to.deep.equal({ host: 'required field missing' });
    expect((await validate('plugins', {})).body.fields).to.deep.equal({ name: 'required field missing' });
    expect((await validate('nope', {})).status).to.equal(404);
    const form = 'name=oauth2&config.enable_password_grant=true&config.scopes';
    expect((await validate('plugins', `${form}[]=a`)).status).to.equal(200);
    expect((await validate('plugins', `${form}=a`)).body.fields).to.deep.equal({
      config: { scopes: 'expected an array' },
    });
    expect((await admin.call('GET /services')).body.data).to.deep.equal([]);
  });
});
