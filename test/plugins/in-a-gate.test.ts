import { createHmac } from 'node:crypto';
import { expect } from 'chai';
import { openTestGate, type TestGate } from '../support/open-test-gate.ts';

/** A whole gate with its store on disk, set up by its Admin API. */
describe('Plugins in a gate', () => {
  let gate: TestGate;

  before(async () => {
    gate = await openTestGate({ PORTCULLIS_PLAIN_HTTP_TOKENS: 'loopback' });
    await gate.setUp('POST', '/services', { name: 'api', url: gate.upstream });
    await gate.setUp('POST', '/services/api/routes', { name: 'api', paths: ['/api'] });
    await gate.setUp('POST', '/consumers', { username: 'alice' });
  });
  after(() => gate.close());
  afterEach(async () => {
    for (const { id } of (await gate.setUp('GET', '/plugins')).data) await gate.setUp('DELETE', `/plugins/${id}`);
  });

  const plugin = (name: string, config: object) => gate.setUp('POST', '/services/api/plugins', { name, config });
  const call = (headers: Record<string, string> = {}) => gate.get('/api/x', undefined, headers);
  const admin = async (method: string, path: string) => (await fetch(gate.admin + path, { method })).status;

  it('key-auth: a key is found by its digest, is printed, and is invalid after it was deleted', async () => {
    await plugin('key-auth', {});
    const { key, id } = await gate.setUp('POST', '/consumers/alice/key-auth', {});
    expect(key).to.match(/^[A-Za-z0-9]{32}$/);
    expect(await gate.setUp('GET', `/key-auths/${key}`)).to.deep.include({ id, key, ttl: null });
    expect((await call({ apikey: key })).body.headers).to.include({ 'x-consumer-username': 'alice' });
    await gate.setUp('DELETE', `/consumers/alice/key-auth/${id}`);
    expect((await call({ apikey: key })).status).to.equal(401);
  });

  it('key-auth: a ttl is printed as the seconds left, is kept by other changes and can be set again', async () => {
    const made = await gate.setUp('POST', '/consumers/alice/key-auth', { key: 'expiring', ttl: 100 });
    expect(made).to.include({ ttl: 100 }).and.not.have.property('expires_at');
    const changed = await gate.setUp('PATCH', '/key-auths/expiring', { tags: ['a'] });
    expect(changed.ttl).to.be.within(95, 100);
    expect((await gate.setUp('PATCH', '/key-auths/expiring', { ttl: 500 })).ttl).to.equal(500);
    expect((await gate.setUp('GET', '/consumers/alice/key-auth')).data[0].ttl).to.be.within(495, 500);
    await gate.setUp('PATCH', '/key-auths/expiring', { ttl: 0 });
    expect((await gate.setUp('GET', '/key-auths/expiring')).ttl).to.equal(null);
    await gate.setUp('DELETE', '/key-auths/expiring');
  });

  it('basic-auth: a password is kept and printed as a slow hash', async () => {
    await plugin('basic-auth', {});
    const made = await gate.setUp('POST', '/consumers/alice/basic-auth', { username: 'al', password: 'pä:ss' });
    expect(made.password).to.match(/^\$pbkdf2-sha512\$i=10000,l=32\$/);
    const basic = (password: string) => ({
      Authorization: `Basic ${Buffer.from(`al:${password}`).toString('base64')}`,
    });
    expect((await call(basic('pä:ss'))).body.headers).to.include({ 'x-credential-identifier': 'al' });
    expect((await call(basic('wrong'))).status).to.equal(401);
    expect((await call(basic(made.password))).status).to.equal(401);
    await gate.setUp('PATCH', '/basic-auths/al', { tags: ['a'] });
    expect((await call(basic('pä:ss'))).status).to.equal(200);
    await gate.setUp('PATCH', '/basic-auths/al', { password: 'new' });
    expect((await call(basic('pä:ss'))).status).to.equal(401);
    expect((await call(basic('new'))).status).to.equal(200);
  });

  it('jwt: an algorithm with a key pair requires a public key', async () => {
    await plugin('jwt', {});
    const { key, secret } = await gate.setUp('POST', '/consumers/alice/jwt', {});
    const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${encoded({ alg: 'HS256' })}.${encoded({ iss: key })}`;
    const token = `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
    expect((await call({ Authorization: `Bearer ${token}` })).body.headers).to.include({
      'x-credential-identifier': key,
    });
    const refused = await fetch(`${gate.admin}/consumers/alice/jwt`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ algorithm: 'RS256', rsa_public_key: 'nonsense' }),
    });
    expect(refused.status).to.equal(400);
    expect(await refused.json()).to.deep.include({
      fields: {
        rsa_public_key: 'invalid key',
        '@entity': ["failed conditional validation given value of field 'algorithm'"],
      },
    });
  });

  it('acl: groups are addressed by their names under a consumer', async () => {
    await plugin('key-auth', {});
    await plugin('acl', { allow: ['gold'] });
    const { key } = await gate.setUp('POST', '/consumers/alice/key-auth', {});
    expect((await call({ apikey: key })).status).to.equal(403);
    const put = await gate.setUp('PUT', '/consumers/alice/acls/gold', {});
    expect(put).to.include({ group: 'gold' });
    expect((await call({ apikey: key })).body.headers).to.include({ 'x-consumer-groups': 'gold' });
    expect((await gate.setUp('PUT', '/consumers/alice/acls/gold', { tags: ['t'] })).id).to.equal(put.id);
    expect(await gate.setUp('GET', '/consumers/alice/acls/gold')).to.include({ id: put.id });
    expect(await admin('GET', '/consumers/alice/acls/silver')).to.equal(404);
    expect(await admin('GET', '/acls/gold')).to.equal(400);
    await gate.setUp('DELETE', '/consumers/alice/acls/gold');
    expect((await call({ apikey: key })).status).to.equal(403);
  });

  it('rate-limiting: the token endpoint still gets the body that was read to count it', async () => {
    await gate.setUp('POST', '/consumers/alice/oauth2', { name: 'app', client_id: 'app', client_secret: 's' });
    await plugin('oauth2', { enable_client_credentials: true });
    await plugin('rate-limiting', { hour: 2, policy: 'cluster', guard_token_endpoint: true });
    const ask = () =>
      gate.postTls('/api/oauth2/token', { grant_type: 'client_credentials', client_id: 'app', client_secret: 's' });
    const [first, second, third] = [await ask(), await ask(), await ask()];
    expect(first.body).to.have.property('access_token');
    expect([first.status, second.status, third.status]).to.deep.equal([200, 200, 429]);
    expect(third.body).to.include({ message: 'API rate limit exceeded' });
    expect((await gate.get('/api/x', first.body.access_token)).status).to.equal(200);
  });

  it('any_of: one of several ways to authenticate is enough, and the oauth2 endpoints work', async () => {
    await plugin('any_of', {
      plugins: ['key-auth', 'oauth2'],
      'key-auth': {},
      oauth2: { enable_client_credentials: true, global_credentials: true },
    });
    const { key } = await gate.setUp('POST', '/consumers/alice/key-auth', {});
    const client = { grant_type: 'client_credentials', client_id: 'app', client_secret: 's' };
    const { body } = await gate.postTls('/api/oauth2/token', client);
    expect((await call({ apikey: key })).status).to.equal(200);
    expect((await gate.get('/api/x', body.access_token)).status).to.equal(200);
    expect((await call()).headers.get('www-authenticate')).to.equal('Key');
  });

  it('a plugin of a consumer runs for that consumer only', async () => {
    await plugin('key-auth', {});
    const { key } = await gate.setUp('POST', '/consumers/alice/key-auth', {});
    await gate.setUp('POST', '/consumers', { username: 'bob' });
    const bobs = await gate.setUp('POST', '/consumers/bob/key-auth', {});
    await gate.setUp('POST', '/consumers/alice/plugins', {
      name: 'response-transformer',
      config: { add: { json: ['for:alice'], headers: ['x-for:alice'] } },
    });
    const [alice, bob] = [await call({ apikey: key }), await call({ apikey: bobs.key })];
    expect(alice.body.for).to.equal('alice');
    expect(alice.headers.get('x-for')).to.equal('alice');
    expect(bob.body).to.not.have.property('for');
  });
});
