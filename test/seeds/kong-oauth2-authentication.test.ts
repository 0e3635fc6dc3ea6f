/**
 * "Kong OAuth2 Authentication": every call of curl and of fetch that the tutorial prints. The three posts of the plugin
 * are alternatives, so each removes the one before it.
 */
import { expect } from 'chai';
import { APIMarketplaceClient } from '../../examples/marketplace-client/marketplace-client.ts';
import { type Body, openTestGate, type TestGate } from '../support/open-test-gate.ts';
import { type PrintedPage, printedPage } from './printed.ts';

describe('Kong OAuth2 Authentication', () => {
  let gate: TestGate;
  let page: PrintedPage;
  const provisionKey = 'the-provision-key-of-my-api';
  const clientId = 'the-client-id';
  const clientSecret = 'the-client-secret';
  before(async () => {
    gate = await openTestGate();
    page = printedPage(gate);
  });
  after(() => gate.close());

  /** What the reader's authorization page does once the user has agreed: the tutorial leaves it to the reader. */
  async function agreed(authorizationUrl: string): Promise<URL> {
    const asked = new URL(authorizationUrl).searchParams;
    const response = await page.curl(
      `curl http://kong:8000/oauth2/authorize --data ${asked} --data provision_key=${provisionKey} --data authenticated_userid=user-1`,
    );
    expect(response.status).to.equal(200);
    return new URL(response.json.redirect_uri);
  }

  async function pluginId(): Promise<string> {
    const { json } = await page.curl('curl http://localhost:8001/services/my-api/plugins');
    return json.data.find(({ name }: { name: string }) => name === 'oauth2').id;
  }

  async function withoutPlugin(): Promise<void> {
    await page.curl(`curl -X DELETE http://localhost:8001/plugins/${await pluginId()}`);
  }

  describe('Setting Up Kong OAuth2 Plugin', () => {
    it('Step 1: Create a Service in Kong', async () => {
      const response = await page.curl(
        `curl -X POST http://localhost:8001/services \
--data "name=my-api" \
--data "url=http://my-backend-api.com"`,
        { 'http://my-backend-api.com': gate.upstream },
      );
      expect(response.status).to.equal(201);
      expect(response.json).to.include({ name: 'my-api', protocol: 'http', path: null });
    });

    it('Step 2: Create a Route for the Service', async () => {
      const response = await page.curl(
        `curl -X POST http://localhost:8001/services/my-api/routes \
--data "name=my-api-route" \
--data "paths[]=/api"`,
      );
      expect(response.status).to.equal(201);
      expect(response.json).to.deep.include({ name: 'my-api-route', paths: ['/api'] });
    });

    it('Step 3: Enable the OAuth2 Plugin', async () => {
      const response = await page.curl(
        `curl -X POST http://localhost:8001/services/my-api/plugins \
--data "name=oauth2" \
--data "config.enable_authorization_code=true" \
--data "config.scopes=email,profile" \
--data "config.mandatory_scope=true" \
--data "config.provision_key=PROVISION_KEY" \
--data "config.token_expiration=7200"`,
        { PROVISION_KEY: provisionKey },
      );
      expect(response.status).to.equal(201);
      expect(response.json.config).to.deep.include({
        enable_authorization_code: true,
        scopes: ['email', 'profile'],
        mandatory_scope: true,
        provision_key: provisionKey,
        token_expiration: 7200,
      });
    });
  });

  describe('Creating OAuth2 Credentials', () => {
    it('Step 1: Create a Consumer', async () => {
      const response = await page.curl(
        `curl -X POST http://localhost:8001/consumers \
--data "username=my-app"`,
      );
      expect(response.status).to.equal(201);
      expect(response.json).to.include({ username: 'my-app' });
    });

    it('Step 2: Create OAuth2 Credentials for the Consumer', async () => {
      const response = await page.curl(
        `curl -X POST http://localhost:8001/consumers/my-app/oauth2 \
--data "name=My Application" \
--data "client_id=SOME_CLIENT_ID" \
--data "client_secret=SOME_CLIENT_SECRET" \
--data "redirect_uris[]=https://my-app.com/callback"`,
        { SOME_CLIENT_ID: clientId, SOME_CLIENT_SECRET: clientSecret },
      );
      expect(response.status).to.equal(201);
      expect(response.json).to.deep.include({
        name: 'My Application',
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: ['https://my-app.com/callback'],
      });
    });
  });

  describe('OAuth2 Flow Implementation', () => {
    const authUrl = `http://kong:8000/oauth2/authorize?response_type=code&client_id=${clientId}&redirect_uri=https://my-app.com/callback&scope=email profile&state=1234`;
    let code: string;
    let accessToken: string;
    let refreshToken: string;

    it('Step 1: Redirect User to Authorization Page: the page sends it to the endpoint, as POST, with the provision key', async () => {
      const got = await page.fetch(authUrl);
      expect(got.status).to.equal(405);
      expect(await got.json()).to.include({ error: 'invalid_method' });
      const back = await agreed(authUrl);
      expect(back.origin + back.pathname).to.equal('https://my-app.com/callback');
      expect(back.searchParams.get('state')).to.equal('1234');
      code = back.searchParams.get('code')!;
      expect(code).to.match(/^[A-Za-z0-9]{32}$/);
    });

    it('Step 2: Exchange Authorization Code for Token', async () => {
      async function exchangeCodeForToken(code: string): Promise<Body> {
        const response = await page.fetch('http://kong:8000/oauth2/token', {
          method: 'POST',
          headers: {
            'Content-Type': 'application/x-www-form-urlencoded',
          },
          body: new URLSearchParams({
            grant_type: 'authorization_code',
            client_id: clientId,
            client_secret: clientSecret,
            redirect_uri: 'https://my-app.com/callback',
            code: code,
          }),
        });
        return await response.json();
      }
      const tokens = await exchangeCodeForToken(code);
      // The tutorial prints `scope` too. The response omits it if it equals the requested scope (RFC 6749 §5.1), as with Kong.
      expect(tokens).to.have.all.keys('access_token', 'token_type', 'expires_in', 'refresh_token');
      expect(tokens).to.include({ token_type: 'bearer', expires_in: 7200 });
      ({ access_token: accessToken, refresh_token: refreshToken } = tokens);
      expect(await exchangeCodeForToken(code)).to.include({ error: 'invalid_request' });
    });

    async function fetchProtectedResource(accessToken: string): Promise<Body> {
      const response = await page.fetch('http://kong:8000/api/resource', {
        headers: {
          Authorization: `Bearer ${accessToken}`,
        },
      });
      return await response.json();
    }

    it('Step 3: Use the Access Token to Access Protected APIs', async () => {
      const resource = await fetchProtectedResource(accessToken);
      expect(resource).to.include({ method: 'GET', url: '/resource' });
      expect(resource.headers).to.include({
        'x-consumer-username': 'my-app',
        'x-credential-identifier': clientId,
        'x-authenticated-userid': 'user-1',
        'x-authenticated-scope': 'email profile',
      });
      expect(await fetchProtectedResource('unknown')).to.include({ error: 'invalid_token' });
    });

    it('Token Management: Refreshing Access Tokens', async () => {
      async function refreshAccessToken(refreshToken: string): Promise<Body> {
        const response = await page.fetch('http://kong:8000/oauth2/token', {
          method: 'POST',
          headers: {
            'Content-Type': 'application/x-www-form-urlencoded',
          },
          body: new URLSearchParams({
            grant_type: 'refresh_token',
            client_id: clientId,
            client_secret: clientSecret,
            refresh_token: refreshToken,
          }),
        });
        return await response.json();
      }
      const tokens = await refreshAccessToken(refreshToken);
      expect(tokens).to.include({ token_type: 'bearer', expires_in: 7200 });
      expect(await fetchProtectedResource(accessToken)).to.include({ error: 'invalid_token' });
      accessToken = tokens.access_token;
      expect(await fetchProtectedResource(accessToken)).to.include({ url: '/resource' });
    });

    it('Token Management: Invalidating Tokens', async () => {
      async function revokeToken(token: string): Promise<boolean> {
        const response = await page.fetch('http://kong:8000/oauth2/tokens', {
          method: 'DELETE',
          headers: {
            Authorization: `Bearer ${token}`,
          },
        });
        return response.status === 204; // Success if status is 204 No Content
      }
      expect(await revokeToken(accessToken)).to.equal(true);
      expect(await fetchProtectedResource(accessToken)).to.include({ error: 'invalid_token' });
      expect(await revokeToken(accessToken)).to.equal(false);
    });
  });

  describe('Real-World Example: API Marketplace', () => {
    const authorizationPage = 'http://kong:8000/oauth2/authorize';
    let client: APIMarketplaceClient;
    before(() => {
      client = new APIMarketplaceClient(clientId, clientSecret, 'https://my-app.com/callback', {
        api: `${gate.proxy}/api`,
        tokenEndpoint: `${gate.proxy}/oauth2/token`,
        authorizationPage,
      });
    });

    /** Requests to the token endpoint so far. */
    const tokenCalls = () => gate.log.filter((line) => line.includes('"path":"/oauth2/token"')).length;

    it('const authUrl = client.getAuthorizationUrl(…)', () => {
      const url = new URL(client.getAuthorizationUrl(['profile', 'email'], 'random state'));
      expect(url.href.startsWith(authorizationPage)).to.equal(true);
      const { code_challenge, ...parameters } = Object.fromEntries(url.searchParams);
      expect(code_challenge).to.match(/^[\w-]{43}$/);
      expect(parameters).to.deep.equal({
        response_type: 'code',
        client_id: clientId,
        redirect_uri: 'https://my-app.com/callback',
        scope: 'profile email',
        state: 'random state',
        code_challenge_method: 'S256',
      });
    });

    it('await client.exchangeCodeForTokens(code)', async () => {
      const back = await agreed(client.getAuthorizationUrl(['profile', 'email'], 'random-state'));
      expect(back.searchParams.get('state')).to.equal('random-state');
      const tokens = await client.exchangeCodeForTokens(back.searchParams.get('code')!, 'random-state');
      expect(tokens).to.include({ token_type: 'bearer' });
    });

    it("const userProfile = await client.callAPI('/user/profile')", async () => {
      const response = await client.callAPI('/user/profile');
      expect(await response.json()).to.include({ method: 'GET', url: '/user/profile', body: '' });
      const posted = await client.callAPI('/orders', 'POST', { item: 'hinge' });
      expect(await posted.json()).to.include({ method: 'POST', url: '/orders', body: '{"item":"hinge"}' });
    });

    it('Token expired, try to refresh; retry the request with the new token: once for ten calls at a time', async () => {
      const before = client.tokens!;
      // Only the access token has expired; its refresh token is valid.
      await gate.setUp('PATCH', `/oauth2_tokens/${before.access_token}`, {
        created_at: Math.floor(Date.now() / 1000) - 7300,
      });
      expect((await gate.get('/api/x', before.access_token)).status).to.equal(401);
      const calls = tokenCalls();
      const responses = await Promise.all(Array.from({ length: 10 }, (_, n) => client.callAPI(`/orders/${n}`)));
      expect(responses.map(({ status }) => status)).to.deep.equal(Array(10).fill(200));
      expect(tokenCalls() - calls).to.equal(1);
      expect(client.tokens!.access_token).not.to.equal(before.access_token);
      expect(client.tokens!.refresh_token).not.to.equal(before.refresh_token);
    });

    it('A refused refresh is not mistaken for tokens', async () => {
      const { access_token: accessToken } = client.tokens!;
      await page.curl(`curl -X DELETE http://localhost:8001/oauth2_tokens/${accessToken}`);
      const lost = await client.callAPI('/user/profile').catch((error: Error) => error);
      expect(lost).to.include({ name: 'Error', error: 'invalid_request' });
      expect(String(lost)).not.to.include(accessToken);
      expect(client.tokens!.access_token).to.equal(accessToken);
    });
  });

  describe('Different OAuth2 Grant Types', () => {
    let accessToken: string;

    it('Client Credentials Grant', async () => {
      const line = `curl -X POST http://localhost:8001/services/my-api/plugins \
--data "name=oauth2" \
--data "config.enable_client_credentials=true" \
--data "config.token_expiration=7200"`;
      expect((await page.curl(line)).status, 'a second one of the service').to.equal(409);
      await withoutPlugin();
      const response = await page.curl(line);
      expect(response.status).to.equal(201);
      expect(response.json.config).to.include({ enable_client_credentials: true, token_expiration: 7200 });
    });

    it('Client Credentials Grant: Client usage', async () => {
      async function getClientCredentialsToken(): Promise<Body> {
        const response = await page.fetch('http://kong:8000/oauth2/token', {
          method: 'POST',
          headers: {
            'Content-Type': 'application/x-www-form-urlencoded',
          },
          body: new URLSearchParams({
            grant_type: 'client_credentials',
            client_id: clientId,
            client_secret: clientSecret,
            scope: 'read write',
          }),
        });
        return await response.json();
      }
      const tokens = await getClientCredentialsToken();
      expect(tokens).to.have.all.keys('access_token', 'token_type', 'expires_in');
      accessToken = tokens.access_token;
      expect((await gate.get('/api/x', accessToken)).status).to.equal(200);
    });

    async function getPasswordToken(username: string, password: string): Promise<Body> {
      const response = await page.fetch('http://kong:8000/oauth2/token', {
        method: 'POST',
        headers: {
          'Content-Type': 'application/x-www-form-urlencoded',
        },
        body: new URLSearchParams({
          grant_type: 'password',
          client_id: clientId,
          client_secret: clientSecret,
          scope: 'read write',
          username: username,
          password: password,
        }),
      });
      return await response.json();
    }

    it('Password Grant', async () => {
      await withoutPlugin();
      const response = await page.curl(
        `curl -X POST http://localhost:8001/services/my-api/plugins \
--data "name=oauth2" \
--data "config.enable_password=true" \
--data "config.token_expiration=7200"`,
      );
      expect(response.status).to.equal(201);
      expect(response.json.config).to.include({ enable_password_grant: true }).and.not.have.property('enable_password');
    });

    it('Password Grant: Client usage: the gate has no users, and requires the provision key', async () => {
      expect(await getPasswordToken('ada', 'lovelace')).to.deep.equal({
        error: 'invalid_provision_key',
        error_description: 'Invalid provision_key',
      });
    });
  });

  describe('Advanced Configuration', () => {
    it('Customizing Token Fields', async () => {
      await withoutPlugin();
      await gate.setUp('POST', '/services/my-api/plugins', {
        name: 'oauth2',
        config: { enable_client_credentials: true, scopes: ['email', 'profile', 'orders'] },
      });
      const response = await page.curl(
        `curl -X PATCH http://localhost:8001/plugins/{plugin-id} \
--data "config.token_default_scopes[]=email" \
--data "config.token_default_scopes[]=profile" \
--data "config.auth_header_name=X-Custom-Authorization"`,
        { '{plugin-id}': await pluginId() },
      );
      expect(response.status).to.equal(200);
      expect(response.json.config).to.deep.include({
        token_default_scopes: ['email', 'profile'],
        auth_header_name: 'X-Custom-Authorization',
      });
      const tokens = await gate.post('/oauth2/token', {
        grant_type: 'client_credentials',
        client_id: clientId,
        client_secret: clientSecret,
      });
      const there = await gate.get('/api/x', undefined, {
        'X-Custom-Authorization': `Bearer ${tokens.body.access_token}`,
      });
      expect(there.body.headers).to.include({ 'x-authenticated-scope': 'email profile' });
      expect((await gate.get('/api/x', tokens.body.access_token)).status).to.equal(401);
    });

    it('Rate Limiting Based on OAuth2', async () => {
      const response = await page.curl(
        `curl -X POST http://localhost:8001/services/my-api/plugins \
--data "name=rate-limiting" \
--data "config.minute=5" \
--data "config.limit_by=credential"`,
      );
      expect(response.status).to.equal(201);
      expect(response.json.config).to.include({ minute: 5, limit_by: 'credential' });
      const tokenOf = async () => {
        const { body } = await gate.post('/oauth2/token', {
          grant_type: 'client_credentials',
          client_id: clientId,
          client_secret: clientSecret,
        });
        return { 'X-Custom-Authorization': `Bearer ${body.access_token}` };
      };
      const [one, other] = [await tokenOf(), await tokenOf()];
      const statuses: number[] = [];
      // Both tokens are of one credential. A minute may end in between: then the count starts again, once.
      for (let n = 0; n < 11; n++)
        statuses.push((await gate.get('/api/x', undefined, n % 2 === 0 ? one : other)).status);
      expect(statuses.slice(0, 5)).to.deep.equal([200, 200, 200, 200, 200]);
      expect(statuses).to.include(429);
    });
  });

  describe('Troubleshooting Common Issues', () => {
    it('Invalid Client: "Invalid client authentication"', async () => {
      const { body } = await gate.post('/oauth2/token', {
        grant_type: 'client_credentials',
        client_id: clientId,
        client_secret: 'wrong',
      });
      expect(body).to.deep.equal({ error: 'invalid_client', error_description: 'Invalid client authentication' });
    });
  });
});
