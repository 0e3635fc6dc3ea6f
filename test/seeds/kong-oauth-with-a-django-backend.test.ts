/** "Kong oAuth with a Django backend": every call of the tutorial, as it prints them, against a whole gate. */
import { expect } from 'chai';
import { get, post } from '../support/curl.ts';
import { openTestGate, type TestGate } from '../support/open-test-gate.ts';

describe('Kong oAuth with a Django backend', () => {
  let gate: TestGate;
  let provisionKey: string;
  let client: { client_id: string; client_secret: string };
  let code: string;
  let accessToken: string;
  before(async () => {
    gate = await openTestGate();
  });
  after(() => gate.close());

  it('Setting up our Kong environment: registers service1 and service2 at /apis/', async () => {
    for (const name of ['service1', 'service2']) {
      const response = await post(`${gate.admin}/apis/`, [
        `name=${name}`,
        `upstream_url=${gate.upstream}`,
        `request_host=${name}.com`,
        `request_path=/${name}`,
        'strip_request_path=true',
      ]);
      expect(response.status).to.equal(201);
      expect(response.json).to.include({
        upstream_url: gate.upstream,
        strip_request_path: true,
        request_path: `/${name}`,
        preserve_host: false,
        name,
        request_host: `${name}.com`,
      });
      expect(response.json.created_at).to.be.greaterThan(1_000_000_000_000);
    }
  });

  it('Then we add the oauth plugin to this service: with its provision_key in the response', async () => {
    for (const name of ['service1', 'service2']) {
      const { json: api } = await get(`${gate.admin}/apis/${name}`);
      const response = await post(`${gate.admin}/apis/${api.id}/plugins`, ['name=oauth2']);
      expect(response.status).to.equal(201);
      expect(response.json).to.include({ api_id: api.id, enabled: true, name: 'oauth2' });
      expect(response.json.config).to.include({
        mandatory_scope: false,
        token_expiration: 7200,
        enable_implicit_grant: false,
        hide_credentials: false,
        accept_http_if_already_terminated: false,
        enable_authorization_code: true,
        enable_client_credentials: false,
        enable_password_grant: false,
      });
      expect(response.json.config.provision_key).to.match(/^[A-Za-z0-9]{32}$/);
    }
  });

  it('You should now be able to verify that this is blocked with oauth', async () => {
    const response = await get(`${gate.proxy}/service1`);
    expect(response.status).to.equal(401);
    expect(response.json).to.deep.equal({
      error_description: 'The access token is missing',
      error: 'invalid_request',
    });
  });

  it('Creating client applications: a consumer, looked up and created', async () => {
    expect((await get(`${gate.admin}/consumers/joe-app-builder`)).status).to.equal(404);
    const made = await post(`${gate.admin}/consumers/`, ['username=joe-app-builder', 'custom_id=1']);
    expect(made.status).to.equal(201);
    const { json } = await get(`${gate.admin}/consumers/joe-app-builder`);
    expect(json).to.include({ username: 'joe-app-builder', custom_id: '1', id: made.json.id });
    expect((await get(`${gate.admin}/consumers?custom_id=1`)).json.data[0].id).to.equal(made.json.id);
  });

  it('Create a client application: with name and redirect_uri', async () => {
    const { json: consumer } = await get(`${gate.admin}/consumers/joe-app-builder`);
    const response = await post(`${gate.admin}/consumers/${consumer.id}/oauth2`, [
      'name=Test',
      'redirect_uri=http://docker.local',
    ]);
    expect(response.status).to.equal(201);
    expect(response.json.redirect_uris).to.deep.equal(['http://docker.local']);
    client = response.json;
  });

  it('You can query this information using Kong’s admin API', async () => {
    const { json } = await get(`${gate.admin}/consumers/joe-app-builder/oauth2`);
    expect(json.data).to.have.length(1);
    expect(json.data[0]).to.include({ client_id: client.client_id, client_secret: client.client_secret });
  });

  it('Set provision_key in the provider: it is in the plugins of service1', async () => {
    const { json } = await get(`${gate.admin}/apis/service1/plugins/`);
    provisionKey = json.data[0].config.provision_key;
    expect(provisionKey).to.match(/^[A-Za-z0-9]{32}$/);
  });

  it('1. The User Service will request an access code on the client’s behalf; 2. Kong will respond with a redirect url', async () => {
    const response = await post(
      `${gate.proxyTls}/oauth2/authorize`,
      [
        `client_id=${client.client_id}`,
        'response_type=code',
        `provision_key=${provisionKey}`,
        'authenticated_userid=2',
      ],
      { Host: 'service1.com' },
    );
    expect(response.status).to.equal(200);
    expect(response.json.redirect_uri).to.match(/^http:\/\/docker\.local\?code=[A-Za-z0-9]{32}$/);
    code = new URL(response.json.redirect_uri).searchParams.get('code')!;
  });

  it('3. The client app will then swap the provided code for an access_token', async () => {
    const response = await post(
      `${gate.proxyTls}/oauth2/token`,
      [
        'grant_type=authorization_code',
        `client_id=${client.client_id}`,
        `client_secret=${client.client_secret}`,
        `code=${code}`,
      ],
      { Host: 'service1.com' },
    );
    expect(response.status).to.equal(200);
    expect(response.json).to.include({ token_type: 'bearer', expires_in: 7200 });
    accessToken = response.json.access_token;
  });

  it('4. The client app can now make authenticated requests: with the token in the query', async () => {
    const response = await get(`${gate.proxy}/service1?access_token=${accessToken}`);
    expect(response.status).to.equal(200);
    expect(response.json.headers).to.include({
      'x-consumer-username': 'joe-app-builder',
      'x-authenticated-userid': '2',
    });
  });

  it('Q: will I need to authenticate against each one of them? A: The access_token which you use for service1 is still valid for service2', async () => {
    expect((await get(`${gate.proxy}/service2?access_token=${accessToken}`)).status).to.equal(200);
  });

  it('… and at no service that was created through /services', async () => {
    await gate.setUp('POST', '/services', { name: 'today', url: gate.upstream });
    await gate.setUp('POST', '/services/today/routes', { paths: ['/today'] });
    await gate.setUp('POST', '/services/today/plugins', {
      name: 'oauth2',
      config: { enable_client_credentials: true },
    });
    expect((await get(`${gate.proxy}/today?access_token=${accessToken}`)).status).to.equal(401);
  });

  it('An API is changed and removed with its routes', async () => {
    const patched = await fetch(`${gate.admin}/apis/service2`, {
      method: 'PATCH',
      body: new URLSearchParams({ request_path: '/second' }),
    });
    expect(patched.status).to.equal(200);
    expect((await get(`${gate.proxy}/second?access_token=${accessToken}`)).status).to.equal(200);
    expect((await get(`${gate.proxy}/service2?access_token=${accessToken}`)).status).to.equal(404);
    expect((await fetch(`${gate.admin}/apis/service2`, { method: 'DELETE' })).status).to.equal(204);
    expect((await get(`${gate.admin}/apis/service2`)).status).to.equal(404);
    expect((await get(`${gate.proxy}/second`)).status).to.equal(404);
  });

  it('Errors name missing and unknown fields', async () => {
    for (const [lines, name] of [
      [['name=x'], 'upstream_url'],
      [['upstream_url=http://u'], 'request_host'],
      [['upstream_url=http://u', 'request_path=/p', 'request_paht=/q'], 'request_paht'],
    ] as const) {
      const response = await post(`${gate.admin}/apis`, lines);
      expect(response.status).to.equal(400);
      expect(response.text).to.include(name);
    }
  });
});
