import { expect } from 'chai';
import { kindOf } from '../../src/schema/kind.ts';
import { call, compiled, entities, pluginWorld, refusedSettings, settings } from './world.ts';

const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`;
const oauth2 = { enable_client_credentials: true, provision_key: 'p' };

function guarded(config = {}, replace = {}) {
  const world = pluginWorld(replace);
  const alice = world.insert('consumers', { username: 'alice' });
  const bob = world.insert('consumers', { username: 'bob' });
  world.insert('consumers', { username: 'anon' });
  world.insert('keyauth_credentials', { consumer: { id: alice.id }, key: 'K1' });
  world.insert('basicauth_credentials', { consumer: { id: bob.id }, username: 'bob', password: 'hash of pw' });
  const ways = { plugins: ['key-auth', 'basic-auth', 'oauth2'], 'key-auth': {}, 'basic-auth': {}, oauth2 };
  return [compiled('any_of', { ...ways, ...config }, world)];
}

describe('any_of', () => {
  it('lets a request pass as the caller that the first successful plugin authenticated', async () => {
    const hooks = guarded();
    const caller = async (headers: { [name: string]: string }) =>
      (await call(hooks, 'GET /a', { headers })).upstream.headers['x-consumer-username'];
    expect(await caller({ apikey: 'K1' })).to.equal('alice');
    expect(await caller({ Authorization: basic('bob:pw') })).to.equal('bob');
    expect(await caller({ apikey: 'bad', Authorization: basic('bob:pw') })).to.equal('bob');
    expect(await caller({ apikey: 'K1', Authorization: basic('bob:pw') })).to.equal('alice');
  });

  it('responds with the error of the first listed plugin if none succeeds', async () => {
    const keyFirst = await call(guarded(), 'GET /a', { headers: { Authorization: basic('bob:wrong') } });
    expect(keyFirst.response?.status).to.equal(401);
    expect(keyFirst.response?.headers['www-authenticate']).to.equal('Key');
    expect(keyFirst.exchange.refusal).to.equal('credential_missing');
    const oauthFirst = await call(guarded({ plugins: ['oauth2', 'key-auth', 'basic-auth'] }), 'GET /a');
    expect(oauthFirst.response?.headers['www-authenticate']).to.equal('Bearer');
  });

  it('keeps no identity of a failed attempt (RS-10)', async () => {
    const { upstream } = await call(guarded(), 'GET /a', {
      headers: { apikey: 'bad', Authorization: basic('bob:wrong'), 'X-Consumer-Username': 'root' },
      peerTrusted: true,
    });
    expect(upstream.headers).to.not.have.property('x-consumer-username');
  });

  it('responds 429 if one of the plugins was rate limited', async () => {
    const hooks = guarded({}, { passwords: { verify: () => 'rateLimited' as const } });
    const { response } = await call(hooks, 'GET /a', { headers: { Authorization: basic('bob:pw') } });
    expect(response?.status).to.equal(429);
  });

  it('serves the endpoints of its oauth2 plugin', async () => {
    const hooks = guarded();
    expect((await call(hooks, 'POST /x/oauth2/token')).handover?.handover).to.equal('token');
    expect(hooks[0]!.issues).to.be.a('string');
  });

  it('has one `anonymous` for all plugins', async () => {
    const { upstream, response } = await call(guarded({ anonymous: 'anon' }), 'GET /a', { headers: { apikey: 'bad' } });
    expect(response).to.equal(undefined);
    expect(upstream.headers).to.include({ 'x-anonymous-consumer': 'true', 'x-consumer-username': 'anon' });
    const refused = await call(guarded({ anonymous: 'unknown' }), 'GET /a');
    expect(refused.response?.status).to.equal(401);
    expect(refused.exchange.refusal).to.equal('anonymous_consumer_unknown');
  });

  describe('settings', () => {
    it('are those of each listed plugin, with its defaults; plugins that are not listed have none', () => {
      const config = settings('any_of', { plugins: ['key-auth'], 'key-auth': { key_names: ['k'] } });
      expect(config['key-auth']).to.deep.include({ key_names: ['k'], hide_credentials: false });
      expect(config).to.not.have.any.keys('oauth2', 'jwt', 'basic-auth');
    });

    it('generate a provision key, which is encrypted at rest', () => {
      const config = settings('any_of', { plugins: ['oauth2'], oauth2: { enable_client_credentials: true } });
      expect(config).to.have.nested.property('oauth2.provision_key').that.is.a('string');
      const { encrypted } = kindOf(entities.get('plugins')!);
      expect(encrypted({ id: 'x', name: 'any_of', config })).to.deep.equal(['config.oauth2.provision_key']);
    });

    for (const [what, config, where] of [
      ['none is listed', { plugins: [] }, 'config.plugins'],
      ['one is listed that does not authenticate', { plugins: ['cors'] }, 'config.plugins'],
      ['one is listed without its settings', { plugins: ['key-auth'] }, 'config.key-auth'],
      [
        'there are settings of one that is not listed',
        { plugins: ['key-auth'], 'key-auth': {}, jwt: {} },
        'config.jwt',
      ],
      ['one has its own anonymous', { plugins: ['jwt'], jwt: { anonymous: 'a' } }, 'config.jwt.anonymous'],
      ['the settings of one are wrong', { plugins: ['oauth2'], oauth2: { provision_key: 'p' } }, 'config.oauth2'],
      [
        'a rule of one over several settings is broken',
        { plugins: ['jwt'], jwt: { maximum_expiration: 1, claims_to_verify: ['nbf'] } },
        'config.jwt.claims_to_verify',
      ],
    ] as const) {
      it(`are refused if ${what}`, () => {
        expect(refusedSettings('any_of', config as never)).to.have.nested.property(where);
      });
    }
  });
});
