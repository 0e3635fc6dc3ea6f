/** What `hide_credentials` of the oauth2 plugin removes from a request, in a whole gate (Kong, bearer/hide-credentials). */
import { expect } from 'chai';
import { openTestGate, type TestGate } from '../support/open-test-gate.ts';

const form = 'application/x-www-form-urlencoded';

describe('hide_credentials of the oauth2 plugin, profile kong', () => {
  let gate: TestGate;
  let token: string;
  let plugin: string;
  before(async () => {
    gate = await openTestGate();
    await gate.setUp('POST', '/services', { name: 'a', url: gate.upstream });
    await gate.setUp('POST', '/services/a/routes', { paths: ['/a'] });
    ({ id: plugin } = (await gate.setUp('POST', '/services/a/plugins', {
      name: 'oauth2',
      config: { enable_client_credentials: true, hide_credentials: true },
    })) as { id: string });
    await gate.setUp('POST', '/consumers', { username: 'ada' });
    await gate.setUp('POST', '/consumers', { username: 'guest' });
    const app = { name: 'app', client_id: 'app', client_secret: 'secret' };
    await gate.setUp('POST', '/consumers/ada/oauth2', app);
    const { name: _, ...client } = app;
    const granted = await gate.post('/a/oauth2/token', { grant_type: 'client_credentials', ...client });
    token = granted.body.access_token;
  });
  after(() => gate.close());

  async function sent(method: string, query: string, headers: Record<string, string> = {}, body?: string) {
    const type: Record<string, string> = body === undefined ? {} : { 'Content-Type': form };
    const response = await fetch(`${gate.proxy}/a/x${query}`, {
      method,
      headers: { ...type, ...headers },
      ...(body === undefined ? {} : { body }),
    });
    const echoed = (await response.json()) as { url: string; body: string; headers: unknown };
    return { status: response.status, ...echoed, headersSent: JSON.stringify(echoed.headers) };
  }

  it('a token with its scheme in the header: removes the header, and a second token from the query', async () => {
    const { url, headersSent } = await sent('GET', `?b=2&a=1&access_token=x`, { Authorization: `Bearer ${token}` });
    expect(url).to.equal('/x?a=1&b=2');
    const alone = await sent('GET', '?b=2&a=1', { Authorization: `Bearer ${token}` });
    expect(alone.url).to.equal('/x?b=2&a=1');
    expect(headersSent).not.to.include(token);
  });

  it('a bare token in the header: removes it, and rewrites the query and a form without a token', async () => {
    const { url, body, headersSent } = await sent(
      'POST',
      `?b=2&access_token=x&a=1`,
      { Authorization: token },
      'z=1&access_token=x&a=1',
    );
    expect([url, body]).to.deep.equal(['/x?a=1&b=2', 'a=1&z=1']);
    expect(headersSent).not.to.include(token);
  });

  it('a token in the query: removes it, and a token in a form too', async () => {
    const { url, body } = await sent('DELETE', `?b=2&access_token=${token}&a=1`, {}, 'z=1&access_token=x&a=1');
    expect([url, body]).to.deep.equal(['/x?a=1&b=2', 'a=1&z=1']);
  });

  it('a token in the body: removes it, and rewrites the query too; keeps the rest of JSON', async () => {
    const inForm = await sent('POST', '?b=2&a=1', {}, `z=1&access_token=${token}&a=1`);
    expect([inForm.url, inForm.body]).to.deep.equal(['/x?a=1&b=2', 'a=1&z=1']);
    const json = JSON.stringify({ z: 1, access_token: token });
    const inJson = await sent('POST', '?b=2&a=1', { 'Content-Type': 'application/json' }, json);
    expect([inJson.url, inJson.body]).to.deep.equal(['/x?a=1&b=2', '{"z":1}']);
  });

  it('a token in the body takes precedence over one in the query', async () => {
    expect((await sent('POST', '?access_token=wrong', {}, `access_token=${token}`)).status).to.equal(200);
    const refused = await fetch(`${gate.proxy}/a/x?access_token=${token}`, {
      method: 'POST',
      headers: { 'Content-Type': form },
      body: 'access_token=wrong',
    });
    expect(refused.status).to.equal(401);
  });

  it('hides an unknown token from the upstream of an anonymous consumer', async () => {
    await gate.setUp('PATCH', `/plugins/${plugin}`, { config: { anonymous: 'guest' } });
    const inHeader = await sent('GET', '?b=2&a=1', { Authorization: 'Bearer elsewhere' });
    expect(inHeader.headersSent).to.include('guest').and.not.include('elsewhere');
    expect(inHeader.url).to.equal('/x?b=2&a=1');
    expect((await sent('GET', '?b=2&access_token=elsewhere&a=1')).url).to.equal('/x?a=1&b=2');
    expect((await sent('GET', '?b=2&a=1')).url).to.equal('/x?b=2&a=1');
  });

  it('bearer/two-services: refuses a global token even with an anonymous consumer', async () => {
    await gate.setUp('POST', '/services', { name: 'b', url: gate.upstream });
    await gate.setUp('POST', '/services/b/routes', { paths: ['/b'] });
    const config = { enable_client_credentials: true, global_credentials: true };
    await gate.setUp('POST', '/services/b/plugins', { name: 'oauth2', config });
    const client = { client_id: 'app', client_secret: 'secret' };
    const { body } = await gate.post('/b/oauth2/token', { grant_type: 'client_credentials', ...client });
    await gate.setUp('PATCH', `/plugins/${plugin}`, { config: { anonymous: 'guest' } });
    expect((await gate.get('/a/x', body.access_token)).status).to.equal(401);
  });
});
