import { createHash, createHmac } from 'node:crypto';
import { expect } from 'chai';
import { beginning, type Call, call, compiled, pluginWorld, refusedSettings } from './world.ts';

const now = new Date(beginning).toUTCString();
const secret = 'sécret';

function guarded(config = {}, tools: Parameters<typeof pluginWorld>[0] = {}) {
  const world = pluginWorld(tools);
  const alice = world.insert('consumers', { username: 'alice' });
  world.insert('hmacauth_credentials', { consumer: { id: alice.id }, username: 'al', secret });
  return { world, alice, hooks: [compiled('hmac-auth', config, world)] };
}

function signed(
  lines: readonly string[],
  headers: string,
  { username = 'al', algorithm = 'hmac-sha256', key = secret } = {},
): string {
  const hash = algorithm.replace('hmac-', '');
  const value = createHmac(hash, key)
    .update(Buffer.from(lines.join('\n'), 'utf8'))
    .digest('base64');
  return `hmac username="${username}", algorithm="${algorithm}", headers="${headers}", signature="${value}"`;
}

const dated = (also: object = {}) => ({
  headers: { 'X-Date': now, Authorization: signed([`x-date: ${now}`], 'x-date'), ...also },
});

describe('hmac-auth', () => {
  it('sends the consumer upstream', async () => {
    const { hooks, alice } = guarded();
    const { response, upstream } = await call(hooks, 'GET /a', dated());
    expect(response).to.equal(undefined);
    expect(upstream.headers).to.include({ 'x-consumer-id': alice.id, 'x-credential-identifier': 'al' });
    expect(upstream.headers).to.have.property('authorization');
  });

  it('SE-14: compares the date with the clock of the machine, not with the one that never goes back', async () => {
    const { hooks } = guarded({}, { now: () => beginning + 3_600_000 });
    expect((await call(hooks, 'GET /a', dated())).response).to.equal(undefined);
  });

  for (const algorithm of ['hmac-sha1', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512']) {
    it(`accepts ${algorithm} if the settings allow it`, async () => {
      const given = dated({ Authorization: signed([`x-date: ${now}`], 'x-date', { algorithm }) });
      expect((await call(guarded().hooks, 'GET /a', given)).response).to.equal(undefined);
      const others = ['hmac-sha1', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512'].filter((one) => one !== algorithm);
      expect((await call(guarded({ algorithms: others }).hooks, 'GET /a', given)).response?.status).to.equal(401);
    });
  }

  it('verifies the target, the request line and headers with any octets, in the order that the client names', async () => {
    const lines = [
      '@request-target: post /a?b=1',
      `date: ${now}`,
      'x-name: grün',
      'x-not-there:',
      'POST /a?b=1 HTTP/1.1',
    ];
    const headers = { Date: now, 'X-Name': 'grün', 'Proxy-Authorization': '' };
    headers['Proxy-Authorization'] = signed(lines, '@request-target date x-name x-not-there request-line');
    expect((await call(guarded().hooks, 'POST /a?b=1', { headers })).response).to.equal(undefined);
    expect((await call(guarded().hooks, 'POST /a?b=2', { headers })).response?.status).to.equal(401);
    expect((await call(guarded().hooks, 'PUT /a?b=1', { headers })).response?.status).to.equal(401);
    expect(
      (await call(guarded().hooks, 'POST /a?b=1', { headers: { ...headers, 'X-Name': 'rot' } })).response?.status,
    ).to.equal(401);
  });

  const verified = 'HMAC signature cannot be verified';
  const cases: readonly (readonly [string, Call, string])[] = [
    ['no header', {}, 'Unauthorized'],
    ['a wrong secret', dated({ Authorization: signed([`x-date: ${now}`], 'x-date', { key: 'x' }) }), verified],
    [
      'a user that is not there',
      dated({ Authorization: signed([`x-date: ${now}`], 'x-date', { username: 'bo' }) }),
      verified,
    ],
    [
      'an empty secret',
      dated({ Authorization: signed([`x-date: ${now}`], 'x-date', { username: 'bo', key: '' }) }),
      verified,
    ],
    ['another scheme', dated({ Authorization: 'Bearer x' }), verified],
    ['no date', { headers: { Authorization: signed([], '') } }, `${verified}, a valid date`],
    ['a date that is none', dated({ 'X-Date': 'today' }), `${verified}, a valid date`],
    [
      'a date too long ago',
      dated({ 'X-Date': new Date(beginning - 300_001).toUTCString() }),
      `${verified}, a valid date`,
    ],
  ];
  for (const [what, given, message] of cases) {
    it(`refuses ${what}`, async () => {
      const { response } = await call(guarded({ realm: 'r' }).hooks, 'GET /a', given);
      expect(response?.status).to.equal(401);
      expect(response?.headers['www-authenticate']).to.equal('hmac realm="r"');
      expect(JSON.parse(response!.body).message).to.match(new RegExp(`^${message}`));
    });
  }

  it('accepts a recent Date although X-Date is not one, and the other way round', async () => {
    const { hooks } = guarded();
    const old = new Date(beginning - 300_001).toUTCString();
    const byDate = { Date: now, Authorization: signed([`date: ${now}`], 'date') };
    for (const wrong of ['today', old]) {
      expect((await call(hooks, 'GET /a', { headers: { ...byDate, 'X-Date': wrong } })).response).to.equal(undefined);
      expect((await call(hooks, 'GET /a', dated({ Date: wrong }))).response).to.equal(undefined);
    }
    const both = { 'X-Date': 'today', Date: old, Authorization: byDate.Authorization };
    expect((await call(hooks, 'GET /a', { headers: both })).response?.status).to.equal(401);
  });

  it('ignores a credential for a proxy, hides only its own, and refuses where neither header has a signature', async () => {
    const { hooks } = guarded({ hide_credentials: true });
    const { response, upstream } = await call(hooks, 'GET /a', dated({ 'Proxy-Authorization': 'Basic YTpi' }));
    expect(response).to.equal(undefined);
    expect(upstream.headers).to.include({ 'proxy-authorization': 'Basic YTpi' }).and.not.have.property('authorization');
    const neither = dated({ 'Proxy-Authorization': 'Basic YTpi', Authorization: 'Bearer x' });
    expect((await call(hooks, 'GET /a', neither)).response?.status).to.equal(401);
  });

  it('requires signatures over enforce_headers', async () => {
    const { hooks } = guarded({ enforce_headers: ['X-Date', '@request-target'] });
    expect((await call(hooks, 'GET /a', dated())).response?.status).to.equal(401);
    const lines = [`x-date: ${now}`, '@request-target: get /a'];
    const given = dated({ Authorization: signed(lines, 'x-date @request-target') });
    expect((await call(hooks, 'GET /a', given)).response).to.equal(undefined);
  });

  it('requires the digest of a body with validate_request_body', async () => {
    const { hooks } = guarded({ validate_request_body: true });
    const digest = `SHA-256=${createHash('sha256').update('body').digest('base64')}`;
    expect((await call(hooks, 'POST /a', { ...dated({ Digest: digest }), body: 'body' })).response).to.equal(undefined);
    expect((await call(hooks, 'POST /a', dated())).response).to.equal(undefined);
    for (const given of [
      { ...dated({ Digest: digest }), body: 'other' },
      { ...dated(), body: 'body' },
    ]) {
      expect((await call(hooks, 'POST /a', given)).response?.body).to.contain('HMAC signature does not match');
    }
  });

  it('removes the signature from the upstream request with hide_credentials', async () => {
    const { upstream } = await call(guarded({ hide_credentials: true }).hooks, 'GET /a', dated());
    expect(upstream.headers).to.not.have.property('authorization');
  });

  it('refuses unknown algorithms as a setting', () => {
    expect(refusedSettings('hmac-auth', { algorithms: ['hmac-md5'] })).to.have.nested.property('config.algorithms');
    expect(refusedSettings('hmac-auth', { clock_skew: 0 })).to.have.nested.property('config.clock_skew');
  });
});
