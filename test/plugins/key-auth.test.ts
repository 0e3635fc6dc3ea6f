import { expect } from 'chai';
import { call, compiled, pluginWorld, refusedSettings, uuid } from './world.ts';

function keyed(config = {}) {
  const world = pluginWorld();
  const alice = world.insert('consumers', { username: 'alice', custom_id: 'c-alice' });
  const key = world.insert('keyauth_credentials', { consumer: { id: alice.id }, key: 'K1', ttl: null });
  return { world, alice, key, hooks: [compiled('key-auth', config, world)] };
}

describe('key-auth', () => {
  it('tells the upstream whose key it is, and by its id which one', async () => {
    const { hooks, alice, key } = keyed();
    const { upstream, answer } = await call(hooks, 'GET /a', { headers: { apikey: 'K1' } });
    expect(answer).to.equal(undefined);
    expect(upstream.headers).to.include({
      'x-consumer-id': alice.id,
      'x-consumer-username': 'alice',
      'x-consumer-custom-id': 'c-alice',
      'x-credential-identifier': key.id,
      apikey: 'K1',
    });
  });

  it('takes the place of every spelling of an identity header that the client sent (RS-10)', async () => {
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
    it(`says that there is ${what}`, async () => {
      const { hooks } = keyed();
      const { answer, exchange } = await call(hooks, line, { headers });
      expect(answer?.status).to.equal(401);
      expect(answer?.headers).to.include({ 'www-authenticate': 'Key' });
      expect(JSON.parse(answer!.body)).to.deep.equal({
        message: 'No API key found in request',
        request_id: '0123456789abcdef0123456789abcdef',
      });
      expect(exchange.refusal).to.equal('credential_missing');
    });
  }

  it('says Unauthorized to a key that nobody has', async () => {
    const { hooks } = keyed({ realm: 'the "api"' });
    const { answer } = await call(hooks, 'GET /a', { headers: { apikey: 'bad' } });
    expect(answer?.status).to.equal(401);
    expect(answer?.headers['www-authenticate']).to.equal('Key realm="the \\"api\\""');
    expect(answer?.body).to.contain('"Unauthorized"');
  });

  it('refuses two keys under one name, in head, query and body alike', async () => {
    const { hooks } = keyed({ key_in_body: true });
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const twice = [
      await call(hooks, 'GET /a', { headers: { apikey: ['K1', 'K1'] } }),
      await call(hooks, 'GET /a?apikey=K1&apikey=x'),
      await call(hooks, 'POST /a', { headers: form, body: 'apikey=K1&apikey=x' }),
    ];
    for (const { answer } of twice) expect(answer?.body).to.contain('Duplicate API key found');
  });

  it('looks under each name in turn: header, query, body', async () => {
    const { hooks } = keyed({ key_names: ['k1', 'k2'], key_in_body: true });
    const json = { 'Content-Type': 'application/json' };
    const found = [
      await call(hooks, 'GET /a', { headers: { K2: 'K1' } }),
      await call(hooks, 'GET /a?k2=K1'),
      await call(hooks, 'POST /a', { headers: json, body: '{"k2":"K1"}' }),
      await call(hooks, 'GET /a?k1=K1', { headers: { k2: 'bad' } }),
    ];
    for (const { answer } of found) expect(answer).to.equal(undefined);
    expect((await call(hooks, 'GET /a?k2=K1', { headers: { k1: 'bad' } })).answer?.status).to.equal(401);
  });

  it('looks nowhere where it was told not to look', async () => {
    const { hooks } = keyed({ key_in_header: false, key_in_query: false, key_in_body: true });
    expect((await call(hooks, 'GET /a?apikey=K1', { headers: { apikey: 'K1' } })).answer?.status).to.equal(401);
  });

  describe('hide_credentials', () => {
    it('takes the key out of header and query, however its name is written there, and leaves the rest as it came', async () => {
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
      it(`takes the key out of a body of type ${type}`, async () => {
        const { hooks } = keyed({ hide_credentials: true, key_in_body: true });
        const { upstream, answer } = await call(hooks, 'POST /a', { headers: { 'Content-Type': type }, body });
        expect(answer).to.equal(undefined);
        expect(upstream.body).to.equal(rest);
      });
    }
  });

  it('lets OPTIONS pass where run_on_preflight is off, without saying who calls', async () => {
    const { hooks } = keyed({ run_on_preflight: false });
    expect((await call(hooks, 'OPTIONS /a')).answer).to.equal(undefined);
    expect((await call(hooks, 'GET /a')).answer?.status).to.equal(401);
  });

  it('knows no key whose time is over', async () => {
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
    expect((await call(hooks, 'GET /a', { headers })).answer).to.equal(undefined);
    world.now += 1;
    expect((await call(hooks, 'GET /a', { headers })).answer?.status).to.equal(401);
  });

  it('knows a key no longer once it was said to have changed', async () => {
    const { world, hooks, key } = keyed();
    const headers = { apikey: 'K1' };
    expect((await call(hooks, 'GET /a', { headers })).answer).to.equal(undefined);
    world.store.remove(
      { name: 'keyauth_credentials', unique: ['key'], uniqueTogether: [], foreign: [], encrypted: () => [] },
      key.id,
    );
    world.announce({ announces: 'entityChanged', kind: 'keyauth_credentials', id: key.id });
    expect((await call(hooks, 'GET /a', { headers })).answer?.status).to.equal(401);
  });

  describe('with anonymous', () => {
    const anon = { username: 'anon' };

    it('says that nobody is known who calls, by the consumer that stands for them', async () => {
      const { world } = keyed();
      const { id } = world.insert('consumers', anon);
      for (const anonymous of [id, 'anon']) {
        const hooks = [compiled('key-auth', { anonymous }, world)];
        const { upstream, answer } = await call(hooks, 'GET /a', { headers: { apikey: 'bad' } });
        expect(answer).to.equal(undefined);
        expect(upstream.headers).to.include({ 'x-anonymous-consumer': 'true', 'x-consumer-username': 'anon' });
        expect(upstream.headers).to.not.have.property('x-credential-identifier');
      }
    });

    it('lets nobody pass for a consumer that is not there', async () => {
      const { world } = keyed();
      const hooks = [compiled('key-auth', { anonymous: uuid(99) }, world)];
      const { answer, exchange } = await call(hooks, 'GET /a');
      expect(answer?.status).to.equal(401);
      expect(exchange.refusal).to.equal('anonymous_consumer_unknown');
    });

    it('of two plugins that have it the first that knows the caller has spoken', async () => {
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

    it('of two plugins without it both must know the caller, and the last says who it is', async () => {
      const { world } = keyed();
      const bob = world.insert('consumers', { username: 'bob' });
      world.insert('basicauth_credentials', { consumer: { id: bob.id }, username: 'bob', password: 'hash of pw' });
      const hooks = [compiled('key-auth', {}, world), compiled('basic-auth', {}, world)];
      const headers = { apikey: 'K1', Authorization: `Basic ${Buffer.from('bob:pw').toString('base64')}` };
      const { upstream } = await call(hooks, 'GET /a', { headers });
      expect(upstream.headers).to.include({ 'x-consumer-username': 'bob', 'x-credential-identifier': 'bob' });
      expect((await call(hooks, 'GET /a', { headers: { apikey: 'K1' } })).answer?.status).to.equal(401);
    });
  });

  it('refuses settings that no header could have', () => {
    expect(refusedSettings('key-auth', { key_names: ['a b'] })).to.have.nested.property('config.key_names');
    expect(refusedSettings('key-auth', { nope: 1 })).to.deep.equal({ config: { nope: 'unknown field' } });
  });
});
