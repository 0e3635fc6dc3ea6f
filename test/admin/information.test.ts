import { expect } from 'chai';
import { gateHeaders } from '../../src/gateway/gate-headers.ts';
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
    expect(body.configuration).to.deep.include({
      database: 'postgres',
      router_flavor: 'traditional_compatible',
      role: 'traditional',
      proxy_listeners: [],
      proxy_listen: ['off'],
      loaded_plugins: Object.fromEntries(ofKong.map(({ name }) => [name, true])),
      portcullis: { version: '0.0.0' },
    });
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

  it('shows the listeners and networks of the settings as Kong does', async () => {
    const plain = { http2: false, ssl: false, reusePort: false, backlog: undefined };
    const other = await gate({
      settings: {
        proxyListen: [
          { ...plain, host: '0.0.0.0', port: 8000, reusePort: true, backlog: 16384 },
          { ...plain, host: '::', port: 8443, ssl: true, http2: true },
        ],
        adminListen: [{ ...plain, host: '127.0.0.1', port: 8001 }],
        statusListen: [{ ...plain, host: '0.0.0.0', port: 8100 }],
        trustedIps: ['10.0.0.0/8'],
        headers: gateHeaders(['via', 'X-Kong-Request-Id']),
      },
    });
    try {
      const { configuration } = (await other.call('GET /')).body;
      const never = { bind: false, deferred: false, proxy_protocol: false };
      const first = { ip: '0.0.0.0', port: 8000, ssl: false, http2: false, reuseport: true, 'backlog=16384': true };
      const second = { ip: '[::]', port: 8443, ssl: true, http2: true, reuseport: false };
      const admin = { ip: '127.0.0.1', port: 8001, ssl: false, http2: false, reuseport: false };
      expect(configuration).to.deep.include({
        proxy_listeners: [
          { ...first, ...never, listener: '0.0.0.0:8000 reuseport backlog=16384' },
          { ...second, ...never, listener: '[::]:8443 ssl http2' },
        ],
        proxy_listen: ['0.0.0.0:8000 reuseport backlog=16384', '[::]:8443 ssl http2'],
        admin_listeners: [{ ...admin, ...never, listener: '127.0.0.1:8001' }],
        admin_listen: ['127.0.0.1:8001'],
        status_listen: ['0.0.0.0:8100'],
        proxy_ssl_enabled: true,
        admin_ssl_enabled: false,
        trusted_ips: ['10.0.0.0/8'],
        headers: ['Via', 'X-Kong-Request-Id'],
      });
    } finally {
      await other.close();
    }
  });

  it('prints memory in the unit and with the digits that the query asks for', async () => {
    const allocated = async (query: string) =>
      (await admin.call(`GET /status${query}`)).body.memory.workers_lua_vms[0].http_allocated_gc;
    for (const [query, form] of [
      ['', /^\d+\.\d\d MiB$/],
      ['?unit=k', /^\d+\.\d\d KiB$/],
      ['?unit=K&scale=0', /^\d+ KiB$/],
      ['?unit=m&scale=3', /^\d+\.\d{3} MiB$/],
      ['?scale=1', /^\d+\.\d MiB$/],
      ['?unit=g&scale=2.7', /^\d+\.\d\d GiB$/],
      ['?unit=G&scale=x', /^\d+\.\d\d GiB$/],
      ['?unit=k&scale=1000', /^\d+\.\d{20} KiB$/],
      ['?unit=', /^\d+$/],
    ] as const) {
      expect(await allocated(query), query)
        .to.be.a('string')
        .that.matches(form);
    }
    expect(await allocated('?unit=b'))
      .to.be.a('number')
      .above(1_000_000);
    const wrong = async (query: string) => {
      const { status, body } = await admin.call(`GET /status${query}`);
      return [status, body.message];
    };
    expect(await wrong('?unit=V')).to.deep.equal([400, "invalid unit 'V' (expected 'k/K', 'm/M', or 'g/G')"]);
    expect(await wrong('?unit=k&scale=-1')).to.deep.equal([400, 'scale must be equal or greater than 0']);
  });

  it('X-Kong-Admin-Latency: every response has the milliseconds that it took', async () => {
    const slow = await gate();
    const { store } = slow.options;
    await slow.close();
    const silent = await gate({ settings: { ...slow.options.settings, headers: gateHeaders([]) } });
    expect((await silent.call('GET /services')).headers).not.to.have.property('x-kong-admin-latency');
    await silent.close();
    const timed = await gate({
      store: {
        ...store,
        page(kind, query) {
          timed.clock.at += 42.4;
          return store.page(kind, query);
        },
      },
    });
    try {
      expect((await timed.call('GET /services')).headers['x-kong-admin-latency']).to.equal('42');
      for (const line of ['GET /nothing', 'POST /services', 'DELETE /services', 'OPTIONS /services']) {
        const body = line.startsWith('POST') ? {} : undefined;
        expect((await timed.call(line, body)).headers['x-kong-admin-latency'], line).to.equal('0');
      }
      const refused = await timed.call('GET /services', undefined, { host: 'evil.example' });
      expect([refused.status, refused.headers['x-kong-admin-latency']]).to.deep.equal([421, '0']);
    } finally {
      await timed.close();
    }
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
