import { expect } from 'chai';
import { call, compiled, pluginWorld, refusedSettings, uuid } from './world.ts';

function keyed(config = {}) {
  const world = pluginWorld();
  const alice = world.insert('consumers', { username: 'alice', custom_id: 'c-alice' });
  const key = world.insert('keyauth_credentials', { consumer: { id: alice.id }, key: 'K1', ttl: null });
  return { world, alice, key, hooks: [compiled('key-auth', config, world)] };
}

describe('key-auth', () => {
  it('sends the consumer and the id of the key upstream', async () => {
    const { hooks, alice, key } = keyed();
    const { upstream, response } = await call(hooks, 'GET /a', { headers: { apikey: 'K1' } });
    expect(response).to.equal(undefined);
    expect(upstream.headers).to.include({
      'x-consumer-id': alice.id,
      'x-consumer-username': 'alice',
      'x-consumer-custom-id': 'c-alice',
      'x-credential-identifier': key.id,
      apikey: 'K1',
    });
  });

  it('replaces identity headers of a client, in every spelling (RS-10)', async () => {
    const { hooks } = keyed();
    const spoofed = {
      'x-consumer-id': 'root',
      X_Consumer_Username: 'root',
      'X-CREDENTIAL_identifier': 'root',
      'X-Anonymous-Consumer': 'true',
      'x-authenticated-userid': 'root',
    };
    const { upstream } = await call(hooks, 'GET /a', { headers: { ...spoofed, apikey: 'K1' }, peerTrusted: true });
    expect(Object.values(upstream.headers)).to.not.include('root');
    expect(upstream.headers).to.not.have.property('x-anonymous-consumer');
  });

  for (const [what, line, headers] of [
    ['no key', 'GET /a', {}],
    ['an empty one', 'GET /a', { apikey: '' }],
    ['a bare name in the query', 'GET /a?apikey', {}],
  ] as const) {
    it(`responds that there is ${what}`, async () => {
      const { hooks } = keyed();
      const { response, exchange } = await call(hooks, line, { headers });
      expect(response?.status).to.equal(401);
      expect(response?.headers).to.include({ 'www-authenticate': 'Key' });
      expect(JSON.parse(response!.body)).to.deep.equal({
        message: 'No API key found in request',
        request_id: '0123456789abcdef0123456789abcdef',
      });
      expect(exchange.refusal).to.equal('credential_missing');
    });
  }

  it('responds 401 to an unknown key', async () => {
    const { hooks } = keyed({ realm: 'the "api"' });
    const { response } = await call(hooks, 'GET /a', { headers: { apikey: 'bad' } });
    expect(response?.status).to.equal(401);
    expect(response?.headers['www-authenticate']).to.equal('Key realm="the \\"api\\""');
    expect(response?.body).to.contain('"Unauthorized"');
  });

  it('refuses two keys with the same name, in the head, the query and the body', async () => {
    const { hooks } = keyed({ key_in_body: true });
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const twice = [
      await call(hooks, 'GET /a', { headers: { apikey: ['K1', 'K1'] } }),
      await call(hooks, 'GET /a?apikey=K1&apikey=x'),
      await call(hooks, 'POST /a', { headers: form, body: 'apikey=K1&apikey=x' }),
    ];
    for (const { response } of twice) expect(response?.body).to.contain('Duplicate API key found');
  });

  it('looks for each name in turn: header, query, body', async () => {
    const { hooks } = keyed({ key_names: ['k1', 'k2'], key_in_body: true });
    const json = { 'Content-Type': 'application/json' };
    const found = [
      await call(hooks, 'GET /a', { headers: { K2: 'K1' } }),
      await call(hooks, 'GET /a?k2=K1'),
      await call(hooks, 'POST /a', { headers: json, body: '{"k2":"K1"}' }),
      await call(hooks, 'GET /a?k1=K1', { headers: { k2: 'bad' } }),
    ];
    for (const { response } of found) expect(response).to.equal(undefined);
    expect((await call(hooks, 'GET /a?k2=K1', { headers: { k1: 'bad' } })).response?.status).to.equal(401);
  });

  it('reads keys only where the settings allow it', async () => {
    const { hooks } = keyed({ key_in_header: false, key_in_query: false, key_in_body: true });
    expect((await call(hooks, 'GET /a?apikey=K1', { headers: { apikey: 'K1' } })).response?.status).to.equal(401);
  });

  describe('hide_credentials', () => {
    it('removes the key from headers and query, in every spelling of its name, and keeps the rest as sent', async () => {
      const { hooks } = keyed({ hide_credentials: true, key_names: ['k2'] });
      const inHeader = await call(hooks, 'GET /a?z=%7e+1', { headers: { k2: 'K1' } });
      expect(inHeader.upstream.headers).to.not.have.property('k2');
      expect(inHeader.upstream.target).to.equal('/a?z=%7e+1');
      expect((await call(hooks, 'GET /a?b=2&%6b2=K1&a=1')).upstream.target).to.equal('/a?b=2&a=1');
      expect((await call(hooks, 'GET /a?k2=K1')).upstream.target).to.equal('/a');
    });

    const multipart = [
      '--B',
      'Content-Disposition: form-data; name="apikey"',
      '',
      'K1',
      '--B',
      'x: y',
      '',
      'z',
      '--B--',
      '',
    ];
    for (const [type, body, rest] of [
      ['application/x-www-form-urlencoded', 'b=%C3%A9&apikey=K1&c', 'b=%C3%A9&c'],
      ['application/json', '{"b":[1],"apikey":"K1","__proto__":1}', '{"b":[1],"__proto__":1}'],
      ['multipart/form-data; boundary=B', multipart.join('\r\n'), '--B\r\nx: y\r\n\r\nz\r\n--B--\r\n'],
    ] as const) {
      it(`removes the key from a body of type ${type}`, async () => {
        const { hooks } = keyed({ hide_credentials: true, key_in_body: true });
        const { upstream, response } = await call(hooks, 'POST /a', { headers: { 'Content-Type': type }, body });
        expect(response).to.equal(undefined);
        expect(upstream.body).to.equal(rest);
      });
    }
  });

  it('lets OPTIONS pass without an identity if run_on_preflight is off', async () => {
    const { hooks } = keyed({ run_on_preflight: false });
    expect((await call(hooks, 'OPTIONS /a')).response).to.equal(undefined);
    expect((await call(hooks, 'GET /a')).response?.status).to.equal(401);
  });

  it('refuses an expired key', async () => {
    const { world, alice } = keyed();
    const hooks = [compiled('key-auth', {}, world)];
    world.insert('keyauth_credentials', {
      consumer: { id: alice.id },
      key: 'K2',
      ttl: 60,
      expires_at: world.now + 60_000,
    });
    const headers = { apikey: 'K2' };
    world.now += 59_999;
    expect((await call(hooks, 'GET /a', { headers })).response).to.equal(undefined);
    world.now += 1;
    expect((await call(hooks, 'GET /a', { headers })).response?.status).to.equal(401);
  });

  it('reads a key again after a change was announced', async () => {
    const { world, hooks, key } = keyed();
    const headers = { apikey: 'K1' };
    expect((await call(hooks, 'GET /a', { headers })).response).to.equal(undefined);
    world.store.remove(
      { name: 'keyauth_credentials', unique: ['key'], uniqueTogether: [], foreign: [], encrypted: () => [] },
      key.id,
    );
    world.announce({ announces: 'entityChanged', kind: 'keyauth_credentials', id: key.id });
    expect((await call(hooks, 'GET /a', { headers })).response?.status).to.equal(401);
  });

  describe('with anonymous', () => {
    const anon = { username: 'anon' };

    it('sends the anonymous consumer upstream', async () => {
      const { world } = keyed();
      const { id } = world.insert('consumers', anon);
      for (const anonymous of [id, 'anon']) {
        const hooks = [compiled('key-auth', { anonymous }, world)];
        const { upstream, response } = await call(hooks, 'GET /a', { headers: { apikey: 'bad' } });
        expect(response).to.equal(undefined);
        expect(upstream.headers).to.include({ 'x-anonymous-consumer': 'true', 'x-consumer-username': 'anon' });
        expect(upstream.headers).to.not.have.property('x-credential-identifier');
      }
    });

    it('lets no caller pass if the anonymous consumer does not exist', async () => {
      const { world } = keyed();
      const hooks = [compiled('key-auth', { anonymous: uuid(99) }, world)];
      const { response, exchange } = await call(hooks, 'GET /a');
      expect(response?.status).to.equal(401);
      expect(exchange.refusal).to.equal('anonymous_consumer_unknown');
    });

    it('on two plugins: the first that authenticates the caller decides', async () => {
      const { world } = keyed();
      world.insert('consumers', anon);
      const bob = world.insert('consumers', { username: 'bob' });
      world.insert('basicauth_credentials', { consumer: { id: bob.id }, username: 'bob', password: 'hash of pw' });
      const hooks = [
        compiled('key-auth', { anonymous: 'anon' }, world),
        compiled('basic-auth', { anonymous: 'anon' }, world),
      ];
      const basic = `Basic ${Buffer.from('bob:pw').toString('base64')}`;
      const caller = async (headers: { [name: string]: string }) => {
        const { upstream } = await call(hooks, 'GET /a', { headers });
        return [upstream.headers['x-consumer-username'], upstream.headers['x-anonymous-consumer']];
      };
      expect(await caller({ apikey: 'K1' })).to.deep.equal(['alice', undefined]);
      expect(await caller({ Authorization: basic })).to.deep.equal(['bob', undefined]);
      expect(await caller({ apikey: 'K1', Authorization: basic })).to.deep.equal(['alice', undefined]);
      expect(await caller({})).to.deep.equal(['anon', 'true']);
    });

    it('on neither of two plugins: both must authenticate the caller, and the last one sets the identity', async () => {
      const { world } = keyed();
      const bob = world.insert('consumers', { username: 'bob' });
      world.insert('basicauth_credentials', { consumer: { id: bob.id }, username: 'bob', password: 'hash of pw' });
      const hooks = [compiled('key-auth', {}, world), compiled('basic-auth', {}, world)];
      const headers = { apikey: 'K1', Authorization: `Basic ${Buffer.from('bob:pw').toString('base64')}` };
      const { upstream } = await call(hooks, 'GET /a', { headers });
      expect(upstream.headers).to.include({ 'x-consumer-username': 'bob', 'x-credential-identifier': 'bob' });
      expect((await call(hooks, 'GET /a', { headers: { apikey: 'K1' } })).response?.status).to.equal(401);
    });
  });

  it('refuses names that are not header names', () => {
    expect(refusedSettings('key-auth', { key_names: ['a b'] })).to.have.nested.property('config.key_names');
    expect(refusedSettings('key-auth', { nope: 1 })).to.deep.equal({ config: { nope: 'unknown field' } });
  });
});

describe('key-auth with a multipart body', () => {
  it('KD-24: hides a key also where the closing delimiter is missing; the last part is dropped', async () => {
    const world = pluginWorld();
    const { id } = world.insert('consumers', { username: 'alice' });
    world.insert('keyauth_credentials', { consumer: { id }, key: 'k1' });
    const hooks = [compiled('key-auth', { key_in_body: true, hide_credentials: true }, world)];
    const part = (name: string, value: string) =>
      `--B\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
    const { response, upstream } = await call(hooks, 'POST /a', {
      headers: { 'Content-Type': 'multipart/form-data; boundary=B' },
      body: `${part('apikey', 'k1')}${part('a', '1')}${part('b', '2')}`,
    });
    expect(response).to.equal(undefined);
    expect(upstream.body).to.equal(`${part('a', '1')}--B--\r\n`);
  });
});
