/** Group A of the security checklist, as far as no login page is needed: redirect URIs and client ids, asked of a whole gate. */
import { expect } from 'chai';
import { app, type ChecklistGate, errorOf, openChecklistGate, s256 } from './world.ts';

describe('A. Clients and their redirect URIs', () => {
  let there: ChecklistGate;
  before(async () => {
    there = await openChecklistGate();
  });
  after(() => there.gate.close());

  const register = async (redirectUri: string, more = {}) => {
    const response = await fetch(`${there.gate.admin}/consumers/ada/oauth2`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ name: 'one', redirect_uris: [redirectUri], ...more }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  it('KD-25: AZ-09: registration refuses control characters and user information in every profile', async () => {
    for (const uri of [
      'https://u:p@h.example/cb',
      'https://u@h.example/cb',
      'http://u@127.0.0.1/cb',
      'myapp://u@h/cb',
      'https://h.example/cb\r\nSet-Cookie: a=b',
      'https://h.example/cb\n',
      'https://h.example/c\tb',
      'https://h.example/\0',
    ]) {
      const { status, body } = await register(uri);
      expect(status, uri).to.equal(400);
      expect(JSON.stringify(body['fields']), uri).to.match(/control characters|user name or password/);
    }
    for (const uri of ['https://h.example/@cb', 'https://h.example/cb?to=a@b', 'myapp://h/cb']) {
      expect((await register(uri)).status, uri).to.equal(201);
    }
  });

  it('AZ-09: plain http off loopback is refused at a plugin with profile rfc9700, by name and without a redirect', async () => {
    for (const [n, [uri, isRefused]] of (
      [
        ['http://example.org/cb', true],
        ['HTTP://example.org/cb', true],
        ['http://127.0.0.1.example.org/cb', true],
        ['http://localhost.example.org/cb', true],
        ['http://127.0.0.1/cb', false],
        ['http://[::1]:7000/cb', false],
        ['http://localhost:7000/cb', false],
        ['https://example.org/cb', false],
        ['myapp://example/cb', false],
      ] as const
    ).entries()) {
      const client_id = `az-09-${n}`;
      expect((await register(uri, { client_id })).status).to.equal(201);
      const form = { response_type: 'code', client_id, ...s256 };
      for (const named of [{}, { redirect_uri: uri }]) {
        const asked = await there.authorize('rfc9700', { ...form, ...named });
        expect(errorOf(asked), uri).to.equal(isRefused ? 'invalid_request' : null);
        expect('redirect_uri' in asked.body, uri).to.equal(!isRefused);
        if (isRefused) expect(asked.body.error_description).to.contain('plain http').and.contain('https');
      }
      expect(errorOf(await there.authorize('kong', form)), uri).to.equal(null);
    }
  });

  it('AZ-31: a client whose client_id equals a user id does not pass for that user', async () => {
    const owner = { client_id: 'owner-1', client_secret: 'the secret of owner-1' };
    await there.gate.setUp('POST', '/consumers/ada/oauth2', {
      name: 'x',
      ...owner,
      redirect_uris: ['https://x.example/'],
    });
    for (const profile of ['kong', 'rfc9700'] as const) {
      const { body } = await there.token(profile, { grant_type: 'client_credentials', ...owner });
      const own = (await there.gate.get(`/${profile}/x`, body.access_token)).body.headers;
      expect(own).to.include({ 'x-credential-identifier': 'owner-1' }).and.not.have.property('x-authenticated-userid');
      const { access_token } = await there.granted(profile, app);
      const users = (await there.gate.get(`/${profile}/x`, access_token)).body.headers;
      expect(users).to.include({ 'x-authenticated-userid': 'owner-1', 'x-credential-identifier': 'app' });
    }
  });

  it('the state of a request replaces the one in the registered redirect URI', async () => {
    const client_id = 'with-state';
    await register('https://c.example/cb?state=fixed&x=%C3%A9+1', { client_id });
    const asked = async (more: Record<string, string>) =>
      (await there.authorize('rfc9700', { response_type: 'code', client_id, ...s256, ...more })).body.redirect_uri;
    expect(await asked({ state: 'new' })).to.match(/^https:\/\/c\.example\/cb\?x=%C3%A9\+1&code=\w+&state=new$/);
    expect(await asked({})).to.match(/^https:\/\/c\.example\/cb\?state=fixed&x=%C3%A9\+1&code=\w+$/);
    const failed = await asked({ state: 'new', scope: 'nope' });
    expect(new URL(failed).searchParams.getAll('state')).to.deep.equal(['new']);
  });
});
