/** Guesses of attackers: at client ids, and at the provision key. */
import { request } from 'node:http';
import { expect } from 'chai';
import { type Body, guardedApi, openTestGate, type TestGate } from '../support/open-test-gate.ts';

describe('Guesses of attackers', () => {
  let gate: TestGate;

  beforeEach(async () => {
    gate = await openTestGate({ PORTCULLIS_TRUSTED_IPS: '127.0.0.3' });
    await guardedApi(gate, { profile: 'rfc9700' });
    await gate.setUp('POST', '/consumers/alice/oauth2', {
      name: 'hashed',
      client_id: 'hashed',
      client_secret: 'right',
      hash_secret: true,
      redirect_uris: ['https://app.example/cb'],
    });
  });
  afterEach(() => gate.close());

  const token = (id: string, secret: string, from?: string) =>
    post(gate, '/api/oauth2/token', { grant_type: 'client_credentials', client_id: id, client_secret: secret }, from);

  it('at 300 unknown clients at once, from its own address, delay no client with a hashed secret', async function () {
    this.timeout(60_000);
    const flood = Array.from({ length: 300 }, (_, n) => token(`unknown-${n}`, 'x'));
    const right = Array.from({ length: 19 }, () => token('hashed', 'right'));
    expect((await Promise.all(right)).map(({ status }) => status)).to.deep.equal(Array(19).fill(200));
    const statuses = new Set((await Promise.all(flood)).map(({ status }) => status));
    expect([...statuses], 'none of them is limited').to.deep.equal([400]);
    expect((await token('hashed', 'right')).status).to.equal(200);
  });

  it('get the same status and text for known and unknown clients, after many failures too', async function () {
    this.timeout(60_000);
    const of = async (id: string) => {
      const all: unknown[] = [];
      for (let n = 0; n < 12; n++) {
        const { status, body } = await token(id, `wrong ${n}`);
        all.push([status, body]);
      }
      return all;
    };
    const unknown = await of('unknown');
    expect(await of('hashed')).to.deep.equal(unknown);
    expect(await of('app')).to.deep.equal(unknown);
    expect(unknown.at(-1)).to.have.property('0', 429);
  });

  it('at the provision key are limited by address; the login page at another address is not', async function () {
    this.timeout(60_000);
    const authorize = (key: string, from: string) =>
      post(
        gate,
        '/api/oauth2/authorize',
        {
          client_id: 'app',
          response_type: 'code',
          redirect_uri: 'https://app.example/cb',
          scope: 'read',
          provision_key: key,
          authenticated_userid: 'alice',
          code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
          code_challenge_method: 'S256',
        },
        from,
      );
    const guesses = await Promise.all(Array.from({ length: 200 }, (_, n) => authorize(`guess ${n}`, '127.0.0.2')));
    const count = (status: number) => guesses.filter((guess) => guess.status === status).length;
    expect([count(400), count(429)]).to.deep.equal([10, 190]);
    const limited = await authorize('the provision key', '127.0.0.2');
    expect([limited.status, limited.body.error]).to.deep.equal([429, 'temporarily_unavailable']);
    expect(limited.retryAfter).to.match(/^[1-9]\d?$/);
    for (let n = 0; n < 20; n++) expect((await authorize('the provision key', '127.0.0.1')).status).to.equal(200);
  });
});

function post(
  gate: TestGate,
  path: string,
  form: Record<string, string>,
  localAddress = '127.0.0.1',
): Promise<{ readonly status: number | undefined; readonly retryAfter: string | undefined; readonly body: Body }> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const sending = request(gate.proxy + path, { method: 'POST', localAddress, headers }, async (response) => {
      const text = (await response.setEncoding('utf8').toArray()).join('');
      resolve({
        status: response.statusCode,
        retryAfter: response.headers['retry-after'],
        body: JSON.parse(text),
      });
    });
    sending.on('error', reject);
    sending.end(new URLSearchParams(form).toString());
  });
}
