import { expect } from 'chai';
import { guardedApi, openTestGate, type TestGate } from '../support/open-test-gate.ts';
import { browser } from './browser.ts';
import { openAuthorizationPage } from './open-page.ts';

for (const profile of ['kong', 'rfc9700'] as const) {
  describe(`The example of an authorization page, in profile ${profile}`, () => {
    let gate: TestGate;
    let close: () => Promise<void>;
    let page: string;
    before(async () => {
      gate = await openTestGate();
      await guardedApi(gate, { profile });
      ({ url: page, close } = await openAuthorizationPage(gate, async (name, password) =>
        name === 'ada' && password === 'lovelace' ? 'user-1' : undefined,
      ));
    });
    after(async () => {
      await close();
      await gate.close();
    });

    // The code verifier and its challenge are the example of RFC 7636 (Appendix B).
    const pkce = 'code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256';
    const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
    const asked = `/authorize?client_id=app&response_type=code&scope=read+write&state=a%26b&${pkce}`;
    const credentials = { name: 'ada', password: 'lovelace' };

    it('logs the user in, shows the client and its scopes, and sends the browser back with a code that gets a token', async () => {
      const { open, submit } = browser(page);
      const login = await open(asked);
      expect(login.body).to.include('Log in').and.not.include('Allow');
      const back = await submit(login.form!, credentials);
      expect(back.status).to.equal(303);
      const consent = await open(back.location!);
      expect(consent.body).to.include('Allow app?').and.include('<b>app</b> by alice').and.include('<li>write</li>');
      const allowed = await submit(consent.form!, { answer: 'allow' });
      expect(allowed.status).to.equal(303);
      const url = new URL(allowed.location!);
      expect(url.origin + url.pathname).to.equal('https://app.example/cb');
      expect(url.searchParams.get('state')).to.equal('a&b');
      const response = await gate.post('/api/oauth2/token', {
        grant_type: 'authorization_code',
        client_id: 'app',
        client_secret: 's3cret',
        code: url.searchParams.get('code')!,
        code_verifier: verifier,
      });
      expect(response.status).to.equal(200);
      expect((await gate.get('/api/x', response.body.access_token)).body.headers).to.include({
        'x-authenticated-userid': 'user-1',
        'x-authenticated-scope': 'read write',
      });
    });

    it('sends the browser back with access_denied when the user denies, and only to a registered redirect URI', async () => {
      const { open, submit, logIn } = browser(page);
      await logIn(asked, credentials);
      const denied = await submit((await open(asked)).form!, { answer: 'deny' });
      expect(denied.location).to.equal('https://app.example/cb?error=access_denied&state=a%26b');
      const elsewhere = await open(`${asked}&redirect_uri=https%3A%2F%2Fevil.example%2F`);
      expect((await submit(elsewhere.form!, { answer: 'deny' })).location).to.equal(undefined);
    });

    it('sends the browser to the client with the error of the gate', async () => {
      const { open, submit, logIn } = browser(page);
      await logIn(asked, credentials);
      const consent = await open(`/authorize?client_id=app&response_type=code&scope=nope&${pkce}`);
      const { location } = await submit(consent.form!, { answer: 'allow' });
      expect(new URL(location!).searchParams.get('error')).to.equal('invalid_scope');
    });

    it('refuses a wrong password, and does not say whether name or password is wrong', async () => {
      const { open, submit } = browser(page);
      const wrong = await submit((await open(asked)).form!, { name: 'ada', password: 'babbage' });
      expect(wrong.status).to.equal(401);
      expect(wrong.body).to.include('Name or password is wrong.');
      expect((await submit(wrong.form!, credentials)).status).to.equal(303);
    });

    it('refuses an unknown client, and sends the browser nowhere', async () => {
      const shown = await browser(page).open('/authorize?client_id=unknown&redirect_uri=https%3A%2F%2Fevil.example');
      expect(shown.status).to.equal(400);
      expect(shown.location).to.equal(undefined);
    });

    it('AZ-26: accepts a form only from the browser that it was shown to', async () => {
      const [victim, thief] = [browser(page), browser(page)];
      await victim.logIn(asked, credentials);
      await thief.logIn(asked, credentials);
      const { form } = await thief.open(asked);
      expect((await victim.submit(form!, { answer: 'allow' })).status).to.equal(403);
      expect((await victim.submit({ ...form!, fields: {} }, { answer: 'allow', client_id: 'app' })).status).to.equal(
        403,
      );
    });

    it('AZ-22, AZ-23: no site can frame its pages, and they send no referrer, errors included', async () => {
      for (const path of [asked, '/authorize', '/nope', '/login']) {
        const { headers } = await browser(page).open(path);
        expect(headers.get('content-security-policy')).to.include("frame-ancestors 'none'");
        expect(headers.get('x-frame-options')).to.equal('DENY');
        expect(headers.get('referrer-policy')).to.equal('no-referrer');
      }
    });

    it('AZ-27: shows parameters as text, never as markup', async () => {
      const { open, logIn } = browser(page);
      await logIn(asked, credentials);
      const { body } = await open(
        `/authorize?client_id=app&scope=${encodeURIComponent('"><script>alert(1)</script>')}`,
      );
      expect(body).to.include('&#34;&#62;&#60;script').and.not.include('<script');
    });

    it('refuses a form of more than 16 KiB', async () => {
      const response = await fetch(`${page}/login`, { method: 'POST', body: `name=${'a'.repeat(20_000)}` });
      expect(response.status).to.equal(413);
    });
  });
}
