import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { storedPasswords } from '../../src/records/passwords.ts';
import { call, compiled, pluginWorld } from './world.ts';

const basic = (pair: string) => `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`;

function guarded(config = {}, replace = {}) {
  const world = pluginWorld(replace);
  const alice = world.insert('consumers', { username: 'alice' });
  world.insert('basicauth_credentials', {
    consumer: { id: alice.id },
    username: 'älice',
    password: 'hash of pass:wörd',
  });
  return { world, alice, hooks: [compiled('basic-auth', config, world)] };
}

describe('basic-auth', () => {
  it('sends the consumer and the user name upstream', async () => {
    const { hooks, alice } = guarded();
    const headers = { Authorization: basic('älice:pass:wörd') };
    const { upstream } = await call(hooks, 'GET /a', { headers });
    expect(upstream.headers).to.include({ 'x-consumer-id': alice.id, authorization: headers.Authorization });
    expect(Buffer.from(upstream.headers['x-credential-identifier']!, 'latin1').toString('utf8')).to.equal('älice');
  });

  for (const [what, authorization] of [
    ['no header', undefined],
    ['another scheme', 'Bearer abc'],
    ['what is not base64', 'Basic !!!'],
    ['no colon', basic('älice')],
    ['no user name', basic(':pass:wörd')],
    ['a wrong password', basic('älice:pass')],
    ['an empty password', basic('älice:')],
    ['an unknown user', basic('bob:pass:wörd')],
  ] as const) {
    it(`gives ${what} the same response, which does not show what was wrong`, async () => {
      const { hooks } = guarded();
      const headers = authorization === undefined ? {} : { Authorization: authorization };
      const { response, upstream } = await call(hooks, 'GET /a', { headers });
      expect(response).to.deep.include({
        status: 401,
        body: '{"message":"Unauthorized","request_id":"0123456789abcdef0123456789abcdef"}',
      });
      expect(response?.headers['www-authenticate']).to.equal('Basic realm="service"');
      expect(upstream.headers).to.not.have.property('x-consumer-id');
    });
  }

  it('reads Proxy-Authorization first', async () => {
    const { hooks } = guarded();
    const headers = { 'Proxy-Authorization': basic('älice:pass:wörd'), Authorization: 'Bearer x' };
    expect((await call(hooks, 'GET /a', { headers })).response).to.equal(undefined);
  });

  it('removes the password from the upstream request, and nothing else', async () => {
    const { hooks } = guarded({ hide_credentials: true });
    const headers = { 'Proxy-Authorization': basic('älice:pass:wörd'), Authorization: 'Bearer x' };
    const { upstream } = await call(hooks, 'GET /a', { headers });
    expect(upstream.headers).to.not.have.property('proxy-authorization');
    expect(upstream.headers['authorization']).to.equal('Bearer x');
  });

  it('does the same work for an unknown user', async () => {
    const asked: unknown[] = [];
    const verify = (credential: unknown) => {
      asked.push(credential);
      return 'failed' as const;
    };
    const { hooks } = guarded({}, { passwords: { verify } });
    await call(hooks, 'GET /a', { headers: { Authorization: basic('bob:x') } });
    await call(hooks, 'GET /a', { headers: { Authorization: basic('älice:x') } });
    expect(asked).to.have.length(2);
    expect(asked[0]).to.equal(undefined);
  });

  it('responds 429 if too many passwords wait to be verified', async () => {
    const { hooks } = guarded({}, { passwords: { verify: async () => 'rateLimited' as const } });
    const { response } = await call(hooks, 'GET /a', { headers: { Authorization: basic('älice:pass:wörd') } });
    expect(response?.status).to.equal(429);
    expect(response?.headers['retry-after']).to.equal('1');
  });
});

describe('Stored passwords', () => {
  const slow: string[] = [];
  const passwords = storedPasswords({
    verify(id, phc, password) {
      slow.push(id);
      return phc === `$pbkdf2-sha512$${password}` ? 'proven' : 'failed';
    },
  });
  const consumerId = '11111111-2222-4333-8444-555555555555';
  const credential = (stored: string) => ({ credentialId: 'c', consumerId, stored });

  it('that were exported from Kong are SHA-1 over the password and the id of the consumer', () => {
    const stored = createHash('sha1').update(`secret${consumerId}`).digest('hex');
    expect(passwords.verify(credential(stored), 'secret', 'u')).to.equal('proven');
    expect(passwords.verify(credential(stored.toUpperCase()), 'secret', 'u')).to.equal('proven');
    expect(passwords.verify(credential(stored), stored, 'u')).to.equal('failed');
    expect(passwords.verify(credential(stored), '', 'u')).to.equal('failed');
  });

  it('of this gate are slow hashes; an unknown user costs one, too', () => {
    slow.length = 0;
    expect(passwords.verify(credential('$pbkdf2-sha512$secret'), 'secret', 'u')).to.equal('proven');
    expect(passwords.verify(undefined, 'secret', 'u')).to.equal('failed');
    expect(slow).to.deep.equal(['c', 'unknown u']);
  });
});
