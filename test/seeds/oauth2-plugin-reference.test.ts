/**
 * The reference of the OAuth 2.0 plugin ("Usage"): every call of curl that it prints, step by step, and what it says about
 * the responses. The call of grpcurl is among the transports (test/transports).
 */
import { expect } from 'chai';
import type { CurlResponse } from '../support/curl.ts';
import { openTestGate, type TestGate } from '../support/open-test-gate.ts';
import { type PrintedPage, printedPage } from './printed.ts';

describe('OAuth 2.0 Authentication: Usage', () => {
  let gate: TestGate;
  let page: PrintedPage;
  // The reader's own client, as the printed header "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW" has it.
  const clientId = 's6BhdRkqt3';
  const clientSecret = 'gX1fBat3bV';
  const provisionKey = 'the-provision-key';
  const hidden = { client_id: clientId, client_secret: clientSecret };
  before(async () => {
    gate = await openTestGate();
    page = printedPage(gate);
    await gate.setUp('POST', '/services', { name: 'example', url: gate.upstream });
    const hosts = ['example.service.com', 'your.service.com'];
    await gate.setUp('POST', '/services/example/routes', { name: 'example', hosts });
    await gate.setUp('POST', '/services/example/plugins', {
      name: 'oauth2',
      config: {
        scopes: ['email', 'profile'],
        provision_key: provisionKey,
        enable_authorization_code: true,
        enable_implicit_grant: true,
        enable_client_credentials: true,
        enable_password_grant: true,
      },
    });
  });
  after(() => gate.close());

  const called = (accessToken: string, host = 'example.service.com'): Promise<CurlResponse> =>
    page.curl(`curl https://${host}/things -H "Authorization: Bearer ${accessToken}"`);

  describe('Endpoints, a Consumer, an Application', () => {
    it('Endpoints: /oauth2/authorize and /oauth2/token: only POST is supported', async () => {
      for (const endpoint of ['authorize', 'token']) {
        const response = await page.curl(`curl https://example.service.com/oauth2/${endpoint}`);
        expect(response.status).to.equal(405);
        expect(response.json).to.include({ error: 'invalid_method' });
      }
    });

    it('Create a Consumer', async () => {
      const response = await page.curl(
        `curl -X POST http://kong:8001/consumers/ \
  --data "username=user123" \
  --data "custom_id=SOME_CUSTOM_ID"`,
      );
      expect(response.status).to.equal(201);
      expect(response.json).to.include({ username: 'user123', custom_id: 'SOME_CUSTOM_ID' });
      const unnamed = await page.curl('curl -X POST http://kong:8001/consumers/');
      expect(unnamed.status, 'either of the two must be specified').to.equal(400);
    });

    it('Create an Application', async () => {
      const { json: consumer } = await page.curl('curl http://kong:8001/consumers/user123');
      const response = await page.curl(
        `curl -X POST http://kong:8001/consumers/{consumer_id}/oauth2 \
  --data "name=Test%20Application" \
  --data "client_id=SOME-CLIENT-ID" \
  --data "client_secret=SOME-CLIENT-SECRET" \
  --data "redirect_uris=http://some-domain/endpoint/" \
  --data "hash_secret=true"`,
        { '{consumer_id}': consumer.id, 'SOME-CLIENT-ID': clientId, 'SOME-CLIENT-SECRET': clientSecret },
      );
      expect(response.status).to.equal(201);
      expect(response.json).to.deep.include({
        name: 'Test Application',
        client_id: clientId,
        redirect_uris: ['http://some-domain/endpoint/'],
        hash_secret: true,
        consumer: { id: consumer.id },
      });
      expect(response.json.client_secret).to.match(/^\$pbkdf2-sha512\$/);
    });

    it('Create an Application: client_id and client_secret are generated if they are missing', async () => {
      const response = await page.curl('curl http://kong:8001/consumers/user123/oauth2 --data "name=Another"');
      expect(response.status).to.equal(201);
      expect(response.json.client_id).to.match(/^[A-Za-z0-9]{32}$/);
      expect(response.json.client_secret).to.match(/^[A-Za-z0-9]{32}$/);
    });
  });

  describe('Migrating Access Tokens', () => {
    it('/oauth2_tokens: a posted token is valid immediately, where the plugin has global_credentials', async () => {
      await gate.setUp('POST', '/services', { name: 'migrated', url: gate.upstream });
      await gate.setUp('POST', '/services/migrated/routes', { hosts: ['migrated.service.com'] });
      await gate.setUp('POST', '/services/migrated/plugins', {
        name: 'oauth2',
        config: { enable_client_credentials: true, global_credentials: true },
      });
      const { json: credential } = await page.curl(`curl http://kong:8001/oauth2/${clientId}`);
      const response = await page.curl(
        `curl -X POST http://kong:8001/oauth2_tokens \
  --data 'credential.id=KONG-APPLICATION-ID' \
  --data "token_type=bearer" \
  --data "access_token=SOME-TOKEN" \
  --data "refresh_token=SOME-TOKEN" \
  --data "expires_in=3600"`,
        { 'KONG-APPLICATION-ID': credential.id },
      );
      expect(response.status).to.equal(201);
      expect(response.json).to.deep.include({
        credential: { id: credential.id },
        token_type: 'bearer',
        access_token: 'SOME-TOKEN',
        refresh_token: 'SOME-TOKEN',
        expires_in: 3600,
      });
      expect((await called('SOME-TOKEN', 'migrated.service.com')).status).to.equal(200);
      expect((await called('SOME-TOKEN')).json).to.include({ error: 'invalid_token' });
    });

    it('… and with service.id at that service alone, with its scope and authenticated_userid', async () => {
      const { json: credential } = await page.curl(`curl http://kong:8001/oauth2/${clientId}`);
      const { json: service } = await page.curl('curl http://kong:8001/services/example');
      const response = await page.curl(
        `curl -X POST http://kong:8001/oauth2_tokens --data credential.id=${credential.id} --data service.id=${service.id} \
  --data expires_in=3600 --data "scope=email profile" --data authenticated_userid=user-7`,
      );
      expect(response.status).to.equal(201);
      expect(response.json.access_token, 'a random string will be generated').to.match(/^[A-Za-z0-9]{32}$/);
      expect(response.json.refresh_token, 'no refresh token will be generated').to.equal(null);
      const there = await called(response.json.access_token);
      expect(there.json.headers).to.include({
        'x-authenticated-scope': 'email profile',
        'x-authenticated-userid': 'user-7',
      });
      expect((await called(response.json.access_token, 'migrated.service.com')).status).to.equal(401);
    });
  });

  describe('Viewing and Invalidating Access Tokens', () => {
    it('A GET on the /oauth2_tokens endpoint lists them, in today’s shape', async () => {
      const response = await page.curl('curl -sX GET http://kong:8001/oauth2_tokens/');
      expect(response.status).to.equal(200);
      expect(response.json.data).to.have.length(2);
      const migrated = response.json.data.find((row: { access_token: string }) => row.access_token === 'SOME-TOKEN');
      expect(migrated).to.include({ expires_in: 3600, scope: null, token_type: 'bearer' });
      // "you must add it to created_at to calculate when the token will expire"
      expect(migrated.created_at + migrated.expires_in).to.be.greaterThan(Date.now() / 1000);
    });

    it('DELETE http://kong:8001/oauth2_tokens/<token ID> allows you to immediately invalidate a token', async () => {
      const { json } = await page.curl('curl http://kong:8001/oauth2_tokens/SOME-TOKEN');
      const response = await page.curl('curl -X DELETE http://kong:8001/oauth2_tokens/<token ID>', {
        '<token ID>': json.id,
      });
      expect(response.status).to.equal(204);
      expect((await called('SOME-TOKEN', 'migrated.service.com')).status).to.equal(401);
    });
  });

  describe('OAuth 2.0 Flows: Client Credentials', () => {
    it('Using a POST request, set Content-Type to application/x-www-form-urlencoded', async () => {
      const response = await page.curl(
        `curl -i -X POST 'https://example.service.com/oauth2/token' \
      --header 'Content-Type: application/x-www-form-urlencoded' \
      --data-urlencode 'client_id=XXXX' \
      --data-urlencode 'client_secret=YYYY' \
      --data-urlencode 'grant_type=client_credentials'`,
        { XXXX: clientId, YYYY: clientSecret },
      );
      expect(response.status).to.equal(200);
      expect(response.json).to.have.all.keys('access_token', 'token_type', 'expires_in');
      expect((await called(response.json.access_token)).status).to.equal(200);
    });

    it('Using a POST request, set Content-Type to application/json', async () => {
      const response = await page.curl(
        `curl -i -X POST 'https://example.service.com/oauth2/token' \
      --header 'Content-Type: application/json' \
      --data-raw '{ "client_id": "XXXXX", "client_secret": "YYYY", "grant_type": "client_credentials" }'`,
        { XXXXX: clientId, YYYY: clientSecret },
      );
      expect(response.status).to.equal(200);
      expect((await called(response.json.access_token)).status).to.equal(200);
    });

    it('Using a POST request, send the credentials in URL query parameters: and the log does not contain them', async () => {
      const response = await page.curl(
        `curl -i -X POST 'https://example.service.com/oauth2/token?client_id=XXXX&client_secret=YYYY&grant_type=client_credentials'`,
        { XXXX: clientId, YYYY: clientSecret },
      );
      expect(response.status).to.equal(200);
      expect((await called(response.json.access_token)).status).to.equal(200);
      expect(gate.log.join('')).not.to.include(clientSecret).and.not.include(response.json.access_token);
    });
  });

  describe('OAuth 2.0 Flows: Authorization Code', () => {
    let code: string;
    let accessToken: string;
    let refreshToken: string;

    it('3. the web application can retrieve both the OAuth 2.0 application name, and developer name', async () => {
      const response = await page.curl('curl kong:8001/oauth2?client_id=XXX', { XXX: clientId });
      expect(response.status).to.equal(200);
      expect(response.json.data).to.have.length(1);
      expect(response.json.data[0]).to.include({ name: 'Test Application', client_id: clientId });
      const { json: developer } = await page.curl(`curl kong:8001/consumers/${response.json.data[0].consumer.id}`);
      expect(developer).to.include({ username: 'user123' });
    });

    it('5. The backend must add the provision_key and authenticated_userid; 6. Kong will respond with redirect_uri', async () => {
      const line = `curl https://your.service.com/oauth2/authorize \
      --header "Authorization: Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW" \
      --data "client_id={client_id}" \
      --data "response_type={response_type}" \
      --data "scope={scope}" \
      --data "provision_key={provision_key}" \
      --data "authenticated_userid={authenticated_userid}"`;
      const values = {
        '{client_id}': clientId,
        '{response_type}': 'code',
        '{scope}': 'email',
        '{provision_key}': provisionKey,
        '{authenticated_userid}': 'user-1',
      };
      const response = await page.curl(line, values);
      expect(response.status).to.equal(200);
      expect(response.json.redirect_uri).to.match(/^http:\/\/some-domain\/endpoint\/\?code=[A-Za-z0-9]{32}$/);
      code = new URL(response.json.redirect_uri).searchParams.get('code')!;

      const implicit = await page.curl(line, { ...values, '{response_type}': 'token' });
      expect(implicit.status).to.equal(200);
      const fragment = new URLSearchParams(new URL(implicit.json.redirect_uri).hash.slice(1));
      expect((await called(fragment.get('access_token')!, 'your.service.com')).status).to.equal(200);
    });

    it('7. In both cases just redirect the user to redirect_uri: errors have one, too', async () => {
      const response = await page.curl(
        `curl https://your.service.com/oauth2/authorize --data client_id=${clientId} --data response_type=code \
      --data scope=nope --data provision_key=${provisionKey} --data authenticated_userid=user-1`,
      );
      expect(response.status).to.equal(400);
      expect(new URL(response.json.redirect_uri).searchParams.get('error')).to.equal('invalid_scope');
    });

    it('8. exchanging the authorization code for an access token', async () => {
      const response = await gate.postTls('/oauth2/token', { grant_type: 'authorization_code', ...hidden, code });
      expect(response.status, 'the request names no server, so it matches the hosts of no route').to.equal(404);
      const there = await page.curl(
        `curl https://your.service.com/oauth2/token --data grant_type=authorization_code --data client_id=${clientId} \
      --data client_secret=${clientSecret} --data code=${code}`,
      );
      expect(there.status).to.equal(200);
      ({ access_token: accessToken, refresh_token: refreshToken } = there.json);
    });

    it('9. the client application will make requests on behalf of the user: Upstream Headers', async () => {
      const { json: consumer } = await page.curl('curl http://kong:8001/consumers/user123');
      const { json } = await called(accessToken, 'your.service.com');
      expect(json.headers).to.include({
        'x-consumer-id': consumer.id,
        'x-consumer-custom-id': 'SOME_CUSTOM_ID',
        'x-consumer-username': 'user123',
        'x-credential-identifier': clientId,
        'x-authenticated-scope': 'email',
        'x-authenticated-userid': 'user-1',
      });
      expect(json.headers).not.to.have.property('x-anonymous-consumer');
    });

    it('Upstream Headers: X-Anonymous-Consumer when authentication failed, and the anonymous consumer was set instead', async () => {
      const { id } = await gate.setUp('POST', '/consumers', { username: 'anonymous-caller' });
      const { data } = await gate.setUp('GET', '/services/example/plugins');
      await gate.setUp('PATCH', `/plugins/${data[0].id}`, { config: { anonymous: id } });
      const { json } = await called('wrong', 'your.service.com');
      expect(json.headers).to.include({
        'x-anonymous-consumer': 'true',
        'x-consumer-username': 'anonymous-caller',
      });
      expect(json.headers).not.to.have.any.keys('x-authenticated-scope', 'x-authenticated-userid');
      await gate.setUp('PATCH', `/plugins/${data[0].id}`, { config: { anonymous: null } });
    });

    it('Refresh Token', async () => {
      const response = await page.curl(
        `curl -X POST https://your.service.com/oauth2/token \
  --data "grant_type=refresh_token" \
  --data "client_id={client_id}" \
  --data "client_secret={client_secret}" \
  --data "refresh_token={refresh_token}"`,
        { '{client_id}': clientId, '{client_secret}': clientSecret, '{refresh_token}': refreshToken },
      );
      expect(response.status).to.equal(200);
      expect((await called(response.json.access_token, 'your.service.com')).status).to.equal(200);
      expect((await called(accessToken, 'your.service.com')).status).to.equal(401);
    });
  });

  describe('Resource Owner Password Credentials', () => {
    it('2. the backend adds provision_key, authenticated_userid and grant_type', async () => {
      const response = await page.curl(
        `curl https://your.service.com/oauth2/token \
      --header "Authorization: Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW" \
      --data "client_id={client_id}" \
      --data "client_secret={client_secret}" \
      --data "grant_type=password" \
      --data "scope={scope}" \
      --data "provision_key={provision_key}" \
      --data "authenticated_userid={authenticated_userid}" \
      --data "username={username}" \
      --data "password={password}"`,
        {
          '{client_id}': clientId,
          '{client_secret}': clientSecret,
          '{scope}': 'email',
          '{provision_key}': provisionKey,
          '{authenticated_userid}': 'user-2',
          '{username}': 'ada',
          '{password}': 'lovelace',
        },
      );
      expect(response.status).to.equal(200);
      expect(response.json).to.have.all.keys('access_token', 'refresh_token', 'token_type', 'expires_in');
      const { json } = await called(response.json.access_token, 'your.service.com');
      expect(json.headers).to.include({ 'x-authenticated-userid': 'user-2', 'x-authenticated-scope': 'email' });
    });
  });

  describe('WebSocket requests', () => {
    it('1. Create a WebSocket service', async () => {
      const response = await page.curl(
        `curl -X POST http://localhost:8001/services/ \
      --data "name=my-websocket-service" \
      --data "url=ws://my-websocket-backend:8080/"`,
      );
      expect(response.status).to.equal(201);
      expect(response.json).to.include({ protocol: 'ws', host: 'my-websocket-backend', port: 8080, path: '/' });
    });

    it('2. Attach a route to the service', async () => {
      const response = await page.curl(
        `curl -X POST http://localhost:8001/services/my-websocket-service/routes \
      --data "name=my-websocket-route" \
      --data "protocols=wss" \
      --data "hosts=my-websocket-hostname.com" \
    `,
      );
      expect(response.status).to.equal(201);
      expect(response.json).to.deep.include({ protocols: ['wss'], hosts: ['my-websocket-hostname.com'] });
    });

    it('3. Attach an OAuth2 plugin instance to the service', async () => {
      const response = await page.curl(
        `curl -x POST http://localhost:8001/services/my-websocket-service/plugins \
      --data "name=oauth2" \
      --data "config.scopes=email" \
      --data "config.scopes=profile" \
      --data "config.global_credentials=true"`,
      );
      expect(response.status).to.equal(201);
      expect(response.json.config).to.deep.include({ scopes: ['email', 'profile'], global_credentials: true });
    });

    it('4. Create another route to handle token creation', async () => {
      const response = await page.curl(
        `curl -X POST http://localhost:8001/routes \
      --data "name=my-websocket-token-helper" \
      --data "protocols=https" \
      --data "hosts=my-websocket-hostname.com" \
      --data "methods=POST"`,
      );
      expect(response.status).to.equal(201);
      expect(response.json).to.deep.include({ protocols: ['https'], methods: ['POST'], service: null });
    });

    it('5. Finally, add the additional OAuth2 plugin instance, using the route', async () => {
      const response = await page.curl(
        `curl -x POST http://localhost:8001/routes/my-websocket-token-helper/plugins \
      --data "name=oauth2" \
      --data "config.scopes=email" \
      --data "config.scopes=profile" \
      --data "config.global_credentials=true"`,
      );
      expect(response.status).to.equal(201);
      expect(response.json.config).to.deep.include({ enable_authorization_code: true, global_credentials: true });
    });

    it('Client token requests will be handled by the my-websocket-token-helper route', async () => {
      const { json: plugins } = await page.curl('curl http://localhost:8001/routes/my-websocket-token-helper/plugins');
      const response = await page.curl(
        `curl https://my-websocket-hostname.com/oauth2/authorize --data client_id=${clientId} --data response_type=code \
      --data scope=email --data provision_key=${plugins.data[0].config.provision_key} --data authenticated_userid=user-3`,
      );
      expect(response.status).to.equal(200);
      const code = new URL(response.json.redirect_uri).searchParams.get('code');
      const tokens = await page.curl(
        `curl https://my-websocket-hostname.com/oauth2/token --data grant_type=authorization_code \
      --data client_id=${clientId} --data client_secret=${clientSecret} --data code=${code}`,
      );
      expect(tokens.status).to.equal(200);
      // Valid at every service with global credentials, such as the WebSocket service.
      expect((await called(tokens.json.access_token, 'migrated.service.com')).status).to.equal(200);
    });

    it('This plugin cannot issue new tokens from a WebSocket route', async () => {
      const response = await page.curl('curl https://my-websocket-hostname.com/oauth2/token');
      expect(response.status).to.equal(426);
      expect(response.json.message).to.equal('Please use the WebSocket protocol');
      expect(response.headers).to.include({ connection: 'Upgrade', upgrade: 'websocket' });
    });
  });
});
