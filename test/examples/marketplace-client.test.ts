import { expect } from 'chai';
import { APIMarketplaceClient, AuthorizationLost } from '../../examples/marketplace-client/marketplace-client.ts';
import { guardedApi, openTestGate, type TestGate } from '../support/open-test-gate.ts';
import { type Browser, browser } from './browser.ts';
import { openAuthorizationPage } from './open-page.ts';

for (const profile of ['kong', 'rfc9700'] as const) {
  describe(`The example of a marketplace client, in profile ${profile}`, () => {
    const scopes = ['read', 'write'];
    let gate: TestGate;
    let page: Awaited<ReturnType<typeof openAuthorizationPage>>;
    let user: Browser;
    let client: APIMarketplaceClient;
    before(async () => {
      gate = await openTestGate();
      await guardedApi(gate, { profile });
      page = await openAuthorizationPage(gate, async (name) => name);
      user = browser(page.url);
      client = new APIMarketplaceClient('app', 's3cret', 'https://app.example/cb', {
        api: `${gate.proxy}/api`,
        tokenEndpoint: `${gate.proxy}/api/oauth2/token`,
        authorizationPage: `${page.url}/authorize`,
      });
    });
    after(async () => {
      await page.close();
      await gate.close();
    });

    /** What the browser brings back to the client once the user, logged in, has consented. */
    async function consented(url: string): Promise<URLSearchParams> {
      const shown = await user.open(url);
      const { location } = await user.submit(shown.form!, { answer: 'allow' });
      return new URL(location!).searchParams;
    }

    async function logIn(state: string): Promise<void> {
      const back = await consented(client.getAuthorizationUrl(scopes, state));
      await client.exchangeCodeForTokens(back.get('code')!, back.get('state')!);
    }

    it('logs a user in with a code and PKCE, and calls the API for that user', async () => {
      const url = client.getAuthorizationUrl(scopes, 'state-1');
      expect(new URL(url).searchParams.get('code_challenge')).to.match(/^[\w-]{43}$/);
      await user.logIn(url, { name: 'ada' });
      const back = await consented(url);
      expect(back.get('state')).to.equal('state-1');
      await client.exchangeCodeForTokens(back.get('code')!, 'state-1');
      const called = await client.callAPI('/orders', 'POST', { item: 'hinge' });
      const { headers, body } = (await called.json()) as { headers: Record<string, string>; body: string };
      expect(headers).to.include({ 'x-authenticated-userid': 'ada', 'x-authenticated-scope': 'read write' });
      expect(body).to.equal('{"item":"hinge"}');
    });

    it('RFC 7636 §1: a code that was stolen on the way is worth nothing without the code verifier', async () => {
      const back = await consented(client.getAuthorizationUrl(scopes, 'state-2'));
      const stolen = await gate.post('/api/oauth2/token', {
        grant_type: 'authorization_code',
        client_id: 'app',
        client_secret: 's3cret',
        redirect_uri: 'https://app.example/cb',
        code: back.get('code')!,
      });
      expect(stolen.status).to.equal(400);
    });

    it('keeps two open authorization requests apart, and uses each once', async () => {
      const [one, other] = ['state-3', 'state-4'].map((state) => client.getAuthorizationUrl(scopes, state));
      const back = await consented(one!);
      await consented(other!);
      await client.exchangeCodeForTokens(back.get('code')!, 'state-3');
      const again = await client.exchangeCodeForTokens(back.get('code')!, 'state-3').catch(String);
      expect(again).to.equal('Error: state belongs to no authorization request of this user');
    });

    it('RFC 6749 §10.12: refuses a state that is not its own', async () => {
      const problem = await client.exchangeCodeForTokens('a code', 'another state').catch(String);
      expect(problem).to.equal('Error: state belongs to no authorization request of this user');
    });

    it('refreshes once for ten calls at a time', async () => {
      await logIn('state-5');
      const before = client.tokens!;
      // The API answers to this one as to one that has expired, and the refresh token is valid.
      client.tokens = { ...before, access_token: 'expired' };
      const tokenRequests = () => gate.log.filter((line) => line.includes('"path":"/api/oauth2/token"')).length;
      const requests = tokenRequests();
      const called = await Promise.all(Array.from({ length: 10 }, (_, n) => client.callAPI(`/orders/${n}`)));
      expect(called.map(({ status }) => status)).to.deep.equal(Array(10).fill(200));
      expect(tokenRequests() - requests).to.equal(1);
      expect(client.tokens!.access_token).not.to.equal(before.access_token);
      expect(client.tokens!.refresh_token).not.to.equal(before.refresh_token);
    });

    it('asks for a new login when the grant is revoked', async () => {
      await logIn('state-6');
      const tokens = client.tokens!;
      await gate.setUp('DELETE', `/oauth2_tokens/${tokens.access_token}`);
      const lost = await client.callAPI('/orders').catch((error: unknown) => error);
      expect(lost).to.be.instanceOf(AuthorizationLost);
      expect(lost).to.have.property('error', profile === 'kong' ? 'invalid_request' : 'invalid_grant');
      expect(client.tokens).to.equal(tokens);
    });
  });
}
