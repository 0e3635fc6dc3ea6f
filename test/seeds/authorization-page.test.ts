/**
 * The document about the authorization page: "The OAuth2 plugin can run in one of two flows". Its two calls of curl are
 * made as printed, and a browser runs its steps with the example page (examples/authorization-page).
 */
import { expect } from 'chai';
import { type Browser, browser, type Shown } from '../examples/browser.ts';
import { openAuthorizationPage } from '../examples/open-page.ts';
import { guardedApi, openTestGate, type TestGate } from '../support/open-test-gate.ts';
import { type PrintedPage, printedPage } from './printed.ts';

describe('The OAuth2 plugin can run in one of two flows: client credentials or authorization code', () => {
  let gate: TestGate;
  let printed: PrintedPage;
  let close: () => Promise<void>;
  let page: string;
  before(async () => {
    gate = await openTestGate();
    printed = printedPage(gate);
    await guardedApi(gate);
    // `$SERVICE.com`: the service has its own host name.
    await gate.setUp('POST', '/services/api/routes', { hosts: ['my-service.com'] });
    ({ url: page, close } = await openAuthorizationPage(gate, async (name) => (name === 'ada' ? 'user-1' : undefined)));
  });
  after(async () => {
    await close();
    await gate.close();
  });

  it('The client credentials flow works out of the box, without building any authorization page', async () => {
    const { body } = await gate.post('/api/oauth2/token', {
      grant_type: 'client_credentials',
      client_id: 'app',
      client_secret: 's3cret',
    });
    expect((await gate.get('/api/x', body.access_token)).status).to.equal(200);
  });

  it('curl localhost:8001/oauth2?client_id=$CLIENT_ID', async () => {
    await gate.setUp('POST', '/consumers/alice/oauth2', { name: 'another' });
    const response = await printed.curl('curl localhost:8001/oauth2?client_id=$CLIENT_ID', { $CLIENT_ID: 'app' });
    expect(response.status).to.equal(200);
    expect(response.json.data.map(({ name }: { name: string }) => name)).to.deep.equal(['app']);
  });

  it('curl https://$SERVICE.com/oauth2/authorize', async () => {
    const line = `curl https://$SERVICE.com/oauth2/authorize \
--header "Authorization: Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW" \
--data "client_id=$CLIENT_ID" \
--data "response_type=$RESPONSE_TYPE" \
--data "scope=$SCOPE" \
--data "provision_key=$PROVISION_KEY" \
--data "authenticated_userid=$USER_ID"`;
    const values = {
      $SERVICE: 'my-service',
      $CLIENT_ID: 'app',
      $RESPONSE_TYPE: 'code',
      $SCOPE: 'read',
      $PROVISION_KEY: 'the provision key',
      $USER_ID: 'user-1',
    };
    const granted = await printed.curl(line, values);
    expect(granted.status, 'The response can be either a 200 OK').to.equal(200);
    expect(granted.json).to.have.all.keys('redirect_uri');
    const refused = await printed.curl(line, { ...values, $SCOPE: 'nope' });
    expect(refused.status, 'or 400 Bad Request').to.equal(400);
    expect(refused.json).to.have.all.keys('redirect_uri');
  });

  describe('Here’s how it works', () => {
    let person: Browser;
    let shown: Shown;
    let back: URL;
    before(() => {
      person = browser(page);
    });

    it('The client application redirects the end user to the authorization page, passing client_id, response_type, and scope', async () => {
      shown = await person.open('/authorize?client_id=app&response_type=code&scope=read');
      expect(shown.status).to.equal(200);
    });

    it('The web application ensures that the user is logged in, then shows the authorization page', async () => {
      expect(shown.form).to.include({ action: '/login' });
      const { location } = await person.submit(shown.form!, { name: 'ada', password: 'any' });
      shown = await person.open(location!);
      expect(shown.body).to.include('<b>app</b> by alice');
    });

    it('the form submits the client_id, response_type, and scope that were placed in hidden input fields', async () => {
      expect(shown.form!.fields).to.include({ client_id: 'app', response_type: 'code', scope: 'read' });
      expect(shown.body).not.to.include('the provision key');
      shown = await person.submit(shown.form!, { answer: 'allow' });
    });

    it('and the user is redirected to whatever URI is being returned in the redirect_uri property', () => {
      back = new URL(shown.location!);
      expect(back.origin + back.pathname).to.equal('https://app.example/cb');
    });

    it('the client app exchanges the authorization code for an access token, makes requests, and renews it', async () => {
      const client = { client_id: 'app', client_secret: 's3cret' };
      const tokens = await gate.post('/api/oauth2/token', {
        grant_type: 'authorization_code',
        ...client,
        code: back.searchParams.get('code')!,
      });
      const { body } = await gate.get('/api/x', tokens.body.access_token);
      expect(body.headers).to.include({ 'x-authenticated-userid': 'user-1', 'x-authenticated-scope': 'read' });
      const renewed = await gate.post('/api/oauth2/token', {
        grant_type: 'refresh_token',
        ...client,
        refresh_token: tokens.body.refresh_token,
      });
      expect((await gate.get('/api/x', renewed.body.access_token)).status).to.equal(200);
    });
  });
});
