import { expect } from 'chai';
import { type Gate, gate, uuid } from '../admin/gate.ts';
import { a, authority } from '../support/certificates.ts';
import { pluginDescriptions } from '../support/plugin-descriptions.ts';
import { type Deck, deck, type State } from './deck.ts';

describe('decK', () => {
  let admin: Gate;
  let client: Deck;

  beforeEach(async () => {
    admin = await gate({ token: 'a-token-of-enough-letters' });
    client = deck(admin, 'a-token-of-enough-letters');
  });

  afterEach(() => admin.close());

  const tags = ['team-a'];
  const secretJwk = '{"kty":"oct","k":"c2VjcmV0","kid":"k"}';
  const wanted: State = {
    services: [{ id: uuid(1), name: 'api', host: 'u.internal', tags }],
    routes: [{ id: uuid(2), name: 'api', paths: ['/api'], service: { id: uuid(1) }, tags }],
    consumers: [{ id: uuid(3), username: 'bob', tags }],
    oauth2: [
      {
        id: uuid(4),
        consumer: { id: uuid(3) },
        name: 'app',
        client_id: 'app',
        client_secret: 's3cret',
        redirect_uris: ['https://a.example/cb'],
        tags,
      },
    ],
    plugins: [
      {
        id: uuid(5),
        name: 'oauth2',
        service: { id: uuid(1) },
        config: { enable_client_credentials: true, scopes: ['read'], provision_key: 'p' },
        tags,
      },
    ],
    upstreams: [{ id: uuid(6), name: 'u.internal', tags }],
    targets: [{ id: uuid(7), upstream: { id: uuid(6) }, target: '10.0.0.1:80', weight: 0 }],
    certificates: [{ id: uuid(8), ...a, tags }],
    snis: [{ id: uuid(9), name: 'a.example', certificate: { id: uuid(8) }, tags }],
    ca_certificates: [{ id: uuid(10), cert: authority, tags }],
    key_sets: [{ id: uuid(14), name: 'issuer', tags }],
    keys: [{ id: uuid(15), name: 'first', kid: 'k', jwk: secretJwk, set: { id: uuid(14) }, tags }],
    acls: [{ id: uuid(11), consumer: { id: uuid(3) }, group: 'g', tags }],
    'key-auths': [{ id: uuid(12), consumer: { id: uuid(3) }, key: 'k', tags }],
    jwts: [{ id: uuid(13), consumer: { id: uuid(3) }, key: 'iss', secret: 's', tags }],
  };
  it('ping: returns the version and the kind of store, with the token in Kong’s header', async () => {
    expect(await client.ping()).to.equal('3.9.1');
    expect((await admin.call('GET /')).status).to.equal(401);
  });

  it('ping: decK refuses a gate whose configuration is a file', async () => {
    const loads = { load: async () => ({ outcome: 'unchanged' }) as const, reload: async () => undefined };
    const other = await gate({ file: { ...loads, activeDigest: () => 'digest', print: async () => '' } });
    try {
      await deck(other).ping();
      expect.fail('expected a refusal');
    } catch (error) {
      expect((error as Error).message).to.equal('configured without a database');
    } finally {
      await other.close();
    }
  });

  it('sync: creates the wanted rows, and the diff afterwards is empty', async () => {
    const first = await client.sync(wanted);
    expect(first.map(({ act }) => act)).to.deep.equal(Array(first.length).fill('create'));
    expect(first).to.have.length(Object.values(wanted).flat().length);
    expect(await client.diff(wanted)).to.deep.equal([]);
  });

  it('sync: the defaults of a plugin from its schema are the gate’s defaults', async () => {
    const settings: Readonly<Record<string, object>> = {
      acl: { allow: ['g'] },
      'ip-restriction': { allow: ['10.0.0.0/8'] },
      oauth2: { enable_client_credentials: true, provision_key: 'p' },
      'rate-limiting': { minute: 5 },
      'request-transformer': { add: { headers: ['a:b'] }, remove: { querystring: ['q'] } },
      'response-transformer': { replace: { json: ['a:1'], json_types: ['number'] } },
    };
    const names = [...pluginDescriptions.values()].filter(({ ours }) => ours !== true).map(({ name }) => name);
    const plugins = names.map((name, n) => ({ id: uuid(100 + n), name, config: settings[name] ?? {} }));
    expect(await client.sync({ plugins })).to.have.length(names.length);
    expect(await client.diff({ plugins })).to.deep.equal([]);
  });

  it('dump and sync again: nothing is written', async () => {
    await client.sync(wanted);
    const dumped = await client.dump();
    client.calls.length = 0;
    expect(await client.sync(dumped)).to.deep.equal([]);
    expect(client.calls.filter((call) => !call.startsWith('GET '))).to.deep.equal([]);
    expect(Object.values(dumped).flat()).to.have.length(Object.values(wanted).flat().length);
  });

  it('dump: each collection is one GET for each page', async () => {
    await client.sync(wanted);
    client.calls.length = 0;
    await client.dump(tags);
    const collections = ['certificates', 'snis', 'ca_certificates', 'vaults', 'key-sets', 'keys', 'partials'];
    collections.push('services', 'routes', 'filter-chains', 'consumers', 'consumer_groups', 'upstreams', 'oauth2');
    collections.push('key-auths', 'hmac-auths', 'jwts', 'basic-auths', 'mtls-auths', 'acls', 'plugins');
    const absent = ['vaults', 'partials', 'filter-chains', 'consumer_groups', 'mtls-auths'];
    expect(client.calls).to.deep.equal([
      ...collections.map((name) => `GET /${name}?size=1000&tags=team-a ${absent.includes(name) ? 404 : 200}`),
      `GET /upstreams/${uuid(6)}/targets?size=1000 200`,
    ]);
  });

  it('diff: the root, then the collections, then the schemas of what the file has; nothing is written', async () => {
    await client.sync(wanted);
    client.calls.length = 0;
    await client.diff({ keys: wanted['keys']!, services: wanted['services']! });
    expect(client.calls[0]).to.equal('GET / 200');
    expect(client.calls.at(-1)).to.equal('GET /schemas/services 200');
    expect(client.calls.every((call) => call.startsWith('GET '))).to.equal(true);
    const root = (await admin.call('GET /', undefined, { 'kong-admin-token': 'a-token-of-enough-letters' })).body;
    // What go-kong's tests and decK read.
    expect(root).to.have.nested.property('configuration.router_flavor', 'traditional_compatible');
    expect(root).to.have.nested.property('configuration.database', 'postgres');
    expect(root.version).to.match(/^\d+\.\d+\.\d+$/);
  });

  it('certificates: a change without names keeps them, and names are rows of their own', async () => {
    await client.sync(wanted);
    client.calls.length = 0;
    const dumped = await client.dump();
    const certificates = dumped['certificates']!.map((row) => ({ ...row, tags: ['other'] }));
    const snis = [...dumped['snis']!, { id: uuid(30), name: 'b.example', certificate: { id: uuid(8) } }];
    await client.sync({ ...dumped, certificates, snis });
    expect(client.calls.filter((call) => !call.startsWith('GET '))).to.deep.equal([
      `PUT /certificates/${uuid(8)} 200`,
      `PUT /snis/${uuid(30)} 200`,
    ]);
    const { body } = await admin.call(`GET /certificates/${uuid(8)}`, undefined, {
      'kong-admin-token': 'a-token-of-enough-letters',
    });
    expect([body.snis, body.tags]).to.deep.equal([['a.example', 'b.example'], ['other']]);
  });

  it('targets: a new weight or address is one PUT, and keeps the id', async () => {
    await client.sync(wanted);
    const dumped = await client.dump();
    client.calls.length = 0;
    const targets = dumped['targets']!.map((row) => ({ ...row, target: '10.0.0.2:81', weight: 3 }));
    await client.sync({ ...dumped, targets });
    expect(client.calls.filter((call) => !call.startsWith('GET '))).to.deep.equal([
      `PUT /upstreams/${uuid(6)}/targets/${uuid(7)} 200`,
    ]);
    expect((await client.dump())['targets']).to.have.length(1);
    expect(await client.diff({ ...dumped, targets })).to.deep.equal([]);
  });

  it('CA certificates: one in use is refused, as in Kong; without its service it is deleted', async () => {
    const services = [{ id: uuid(1), name: 'api', host: 'h', protocol: 'https', ca_certificates: [uuid(10)] }];
    const used = { services, ca_certificates: wanted['ca_certificates']! };
    await client.sync(used);
    expect(await client.diff(used)).to.deep.equal([]);
    const refused = await client.sync({ services }).then(
      () => undefined,
      (error: Error) => error.message,
    );
    expect(refused).to.include(`DELETE /ca_certificates/${uuid(10)}: 400`);
    client.calls.length = 0;
    await client.reset();
    expect(client.calls.filter((call) => !call.startsWith('GET '))).to.deep.equal([
      `DELETE /services/${uuid(1)} 204`,
      `DELETE /ca_certificates/${uuid(10)} 204`,
    ]);
  });

  it('keys: a set before its keys, a change by id, and a set is deleted after its keys', async () => {
    await client.sync(wanted);
    client.calls.length = 0;
    const dumped = await client.dump();
    const keys = dumped['keys']!.map((row) => ({ ...row, jwk: secretJwk.replace('c2VjcmV0', 'b3RoZXI') }));
    await client.sync({ ...dumped, keys });
    await client.sync({ ...dumped, keys: [], key_sets: [] });
    await client.sync({ ...dumped, keys: wanted['keys']!, key_sets: wanted['key_sets']! });
    expect(client.calls.filter((call) => !call.startsWith('GET '))).to.deep.equal([
      `PUT /keys/${uuid(15)} 200`,
      `DELETE /keys/${uuid(15)} 204`,
      `DELETE /key-sets/${uuid(14)} 204`,
      `PUT /key-sets/${uuid(14)} 200`,
      `PUT /keys/${uuid(15)} 200`,
    ]);
    expect(await client.diff(wanted)).to.deep.equal([]);
  });

  it('sync: a change is one PUT by id, a removal is one DELETE', async () => {
    await client.sync(wanted);
    client.calls.length = 0;
    const dumped = await client.dump();
    const services = dumped['services']!.map((row) => ({ ...row, retries: 1 }));
    const targets = dumped['targets']!.map((row) => ({ ...row, weight: 7 }));
    await client.sync({ ...dumped, services, targets, acls: [], snis: [] });
    expect(client.calls.filter((call) => !call.startsWith('GET '))).to.deep.equal([
      `DELETE /consumers/${uuid(3)}/acls/${uuid(11)} 204`,
      `DELETE /snis/${uuid(9)} 204`,
      `PUT /services/${uuid(1)} 200`,
      `PUT /upstreams/${uuid(6)}/targets/${uuid(7)} 200`,
    ]);
    expect(
      (await admin.call('GET /services/api', undefined, { 'kong-admin-token': 'a-token-of-enough-letters' })).body,
    ).to.include({ retries: 1 });
  });

  it('with tags: other rows stay', async () => {
    await client.sync(wanted);
    const foreign = { id: uuid(20), name: 'foreign', host: 'h' };
    await client.sync({ ...(await client.dump()), services: [...(await client.dump())['services']!, foreign] });
    const mine = await client.dump(tags);
    expect(mine['services']).to.have.length(1);
    await client.sync({ ...mine, routes: [], plugins: [], services: [] }, tags);
    expect((await client.dump())['services']!.map(({ name }) => name)).to.deep.equal(['foreign']);
  });

  it('reset: removes all rows', async () => {
    await client.sync(wanted);
    await client.reset();
    expect(Object.values(await client.dump()).flat()).to.deep.equal([]);
  });

  it('validate: each row is validated alone, and nothing is written', async () => {
    const { targets: _t, snis: _s, ...alone } = wanted;
    const known = Object.fromEntries(
      Object.entries(alone).filter(([name]) => !['key-auths', 'jwts', 'oauth2'].includes(name)),
    );
    expect(await client.validate(known)).to.deep.equal([]);
    expect(
      await client.validate({ services: [{ id: uuid(1), hots: 'x' }], plugins: [{ name: 'unknown' }] }),
    ).to.deep.equal([
      'services: 2 schema violations (host: required field missing; hots: unknown field)',
      "plugins: schema violation (name: plugin 'unknown' not enabled; add it to the 'plugins' configuration property)",
    ]);
    expect(Object.values(await client.dump()).flat()).to.deep.equal([]);
  });

  it('accepts a 404 for collections that Kong’s open edition does not have, and for no others', async () => {
    await client.dump();
    const missing = client.calls.filter((call) => call.endsWith(' 404')).map((call) => call.split(/[ ?]/)[1]);
    const forgiven = ['vaults', 'partials', 'consumer_groups', 'filter-chains'];
    expect(missing).to.have.members([...forgiven, 'mtls-auths'].map((name) => `/${name}`));
    for (const needed of [
      'services',
      'routes',
      'plugins',
      'certificates',
      'snis',
      'consumers',
      'upstreams',
      'oauth2',
      'acls',
      'keys',
      'key-sets',
      'ca_certificates',
    ]) {
      expect(client.calls, needed).to.include(`GET /${needed}?size=1000 200`);
    }
  });

  it('pages: a thousand rows each, by the address of the next page', async () => {
    const consumers = Array.from({ length: 1001 }, (_, n) => ({ id: uuid(1000 + n), username: `c${n}` }));
    const kept = { 'kong-admin-token': 'a-token-of-enough-letters' };
    for (const row of consumers) await admin.call(`PUT /consumers/${row.id}`, { username: row.username }, kept);
    expect((await client.dump())['consumers']).to.have.length(1001);
  });
});
