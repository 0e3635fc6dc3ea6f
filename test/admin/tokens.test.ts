import { expect } from 'chai';
import { type Gate, gate, nowhere } from './gate.ts';

describe('The Admin API: tokens', () => {
  let admin: Gate;
  let credential: string;
  let service: string;
  beforeEach(async () => {
    admin = await gate();
    service = (await admin.make('POST /services', { name: 'a', host: 'h' })).id;
    await admin.make('POST /consumers', { username: 'bob' });
    credential = (await admin.make('POST /consumers/bob/oauth2', { name: 'n', client_id: 'c' })).id;
  });
  afterEach(() => admin.close());

  it('have the strings that were sent, or new ones, and a refresh token only if it was sent', async () => {
    const made = await admin.make('POST /oauth2_tokens', { credential: { id: credential }, expires_in: 10 });
    expect(made).to.deep.include({ token_type: 'bearer', refresh_token: null, ttl: null, expires_in: 10 });
    expect(made.access_token).to.match(/^token/);
    const form = `credential.client_id=c&service.name=a&expires_in=7200&access_token=AT&refresh_token=RT&scope=email`;
    expect(await admin.make('POST /oauth2_tokens', form)).to.deep.include({
      access_token: 'AT',
      refresh_token: 'RT',
      scope: 'email',
      service: { id: service },
    });
    const grant = await admin.options.grants.byAccessToken('AT');
    expect(grant).to.deep.include({ credentialId: credential, boundTo: `service:${service}`, scope: ['email'] });
    expect(grant!.expiresAt).to.equal(admin.clock.at + 7_200_000);
  });

  it('are found by id and by access token', async () => {
    const made = await admin.make('POST /oauth2/c/oauth2_tokens', { expires_in: 10, access_token: 'AT' });
    expect((await admin.call(`GET /oauth2_tokens/${made.id}`)).body).to.deep.equal(made);
    expect((await admin.call('GET /oauth2_tokens/AT')).body).to.deep.equal(made);
    expect((await admin.call('GET /oauth2_tokens/AT/credential')).body).to.include({ client_id: 'c' });
    expect((await admin.call('GET /oauth2_tokens/AT/service')).status).to.equal(404);
    expect((await admin.call('GET /oauth2_tokens/nope')).status).to.equal(404);
  });

  it('SE-10: the id of a row is not a token', async () => {
    const { id } = await admin.make('POST /oauth2/c/oauth2_tokens', { expires_in: 10 });
    expect(await admin.options.grants.byAccessToken(id)).to.equal(undefined);
  });

  it('SE-02: an error response repeats no secret, neither a duplicate nor an unknown one', async () => {
    await admin.make('POST /oauth2/c/oauth2_tokens', { expires_in: 10, access_token: 'AT', refresh_token: 'a-secret' });
    await admin.make('POST /consumers/bob/key-auth', { key: 'a-secret' });
    await admin.make('POST /oauth2_tokens', { credential: { id: credential }, expires_in: 1, access_token: 'other' });
    for (const [line, body, status, field] of [
      ['POST /oauth2/c/oauth2_tokens', { expires_in: 10, refresh_token: 'a-secret' }, 409, 'refresh_token'],
      ['PATCH /oauth2_tokens/other', { refresh_token: 'a-secret' }, 409, 'refresh_token'],
      ['PATCH /oauth2_tokens/a-secret', { expires_in: 10 }, 404, 'access_token'],
      ['POST /consumers/bob/key-auth', { key: 'a-secret' }, 409, 'key'],
      ['PATCH /key-auths/no-secret', { ttl: 10 }, 404, 'key'],
    ] as const) {
      const refused = await admin.call(line, body);
      expect([refused.status, refused.body.fields], line).to.deep.equal([status, { [field]: '…' }]);
      expect(JSON.stringify(refused.body), line).not.to.match(/a-secret|no-secret/);
    }
  });

  it('are refused with a duplicate string or a reference to a missing row', async () => {
    await admin.make('POST /oauth2/c/oauth2_tokens', { expires_in: 10, access_token: 'AT', refresh_token: 'RT' });
    const access = await admin.call('POST /oauth2/c/oauth2_tokens', { expires_in: 10, access_token: 'AT' });
    expect([access.status, access.body.fields]).to.deep.equal([409, { access_token: 'AT' }]);
    const refresh = await admin.call('POST /oauth2/c/oauth2_tokens', { expires_in: 10, refresh_token: 'RT' });
    expect([refresh.status, refresh.body.fields]).to.deep.equal([409, { refresh_token: '…' }]);
    const dangling = await admin.call('POST /oauth2_tokens', { credential: { id: nowhere }, expires_in: 1 });
    expect([dangling.status, dangling.body.code]).to.deep.equal([400, 4]);
    for (const reference of ['credential', 'service']) {
      const changed = await admin.call('PATCH /oauth2_tokens/AT', { [reference]: { id: nowhere } });
      expect([changed.status, changed.body.code], reference).to.deep.equal([400, 4]);
    }
    const without = await admin.call('POST /oauth2_tokens', {});
    expect(without.body.fields).to.deep.equal({
      credential: 'required field missing',
      expires_in: 'required field missing',
    });
  });

  it('have a ttl that is validated after the fields', async () => {
    const wrong = 'must be an integer between 0 and 100000000';
    for (const ttl of [-1, 1.5, 100_000_001, 'x']) {
      const { status, body } = await admin.call('POST /oauth2/c/oauth2_tokens', { expires_in: 10, ttl });
      expect([status, body.code, body.message], `${ttl}`).to.deep.equal([400, 11, `invalid option (ttl: ${wrong})`]);
      expect(body.options).to.deep.equal({ ttl: wrong });
    }
    const both = await admin.call('POST /oauth2/c/oauth2_tokens', { expires_in: 1.5, ttl: -1 });
    expect(both.body.fields).to.deep.equal({ expires_in: 'expected an integer' });
  });

  it('are changed in place', async () => {
    const made = await admin.make('POST /oauth2/c/oauth2_tokens', {
      expires_in: 10,
      access_token: 'AT',
      refresh_token: 'RT',
      ttl: 100,
    });
    admin.clock.at += 2000;
    expect(await admin.make('PATCH /oauth2_tokens/AT', { expires_in: 99 })).to.deep.equal({
      ...made,
      expires_in: 99,
      ttl: 98,
    });
    expect((await admin.options.grants.byAccessToken('AT'))!.expiresAt).to.equal(1_800_000_000_000 + 99_000);
    await admin.make('PATCH /oauth2_tokens/AT', { access_token: 'AT2' });
    expect(await admin.options.grants.byAccessToken('AT')).to.equal(undefined);
    expect((await admin.options.grants.byRefreshToken('RT'))?.found).to.equal('current');
  });

  it('are created and replaced under the access token', async () => {
    const made = await admin.make('PUT /oauth2_tokens/AT9', { credential: { id: credential }, expires_in: 3 });
    expect(made).to.include({ access_token: 'AT9' });
    const again = await admin.make('PUT /oauth2_tokens/AT9', {
      credential: { id: credential },
      expires_in: 5,
      scope: 'a',
    });
    expect(again).to.include({ id: made.id, expires_in: 5, scope: 'a' });
  });

  it('are revoked when they are deleted, and their ids are not used again', async () => {
    const { id } = await admin.make('POST /oauth2/c/oauth2_tokens', {
      expires_in: 10,
      access_token: 'AT',
      refresh_token: 'RT',
    });
    admin.announced.length = 0;
    expect((await admin.call('DELETE /oauth2_tokens/AT')).status).to.equal(204);
    expect(admin.announced).to.deep.equal([{ announces: 'grantChanged', grantId: id }]);
    expect((await admin.call('DELETE /oauth2_tokens/AT')).status).to.equal(204);
    expect(await admin.options.grants.byAccessToken('AT')).to.equal(undefined);
    expect(await admin.options.grants.byRefreshToken('RT')).to.equal(undefined);
    expect((await admin.call('GET /oauth2_tokens')).body).to.deep.equal({ data: [], next: null });
    const again = await admin.call(`PUT /oauth2_tokens/${id}`, { credential: { id: credential }, expires_in: 3 });
    expect([again.status, again.body.code]).to.deep.equal([400, 3]);
  });

  it('are deleted with their service', async () => {
    await admin.make('POST /services/a/oauth2_tokens', {
      credential: { id: credential },
      expires_in: 10,
      access_token: 'OF',
    });
    await admin.make('POST /oauth2/c/oauth2_tokens', { expires_in: 10, access_token: 'GLOBAL' });
    await admin.call('DELETE /services/a');
    expect((await admin.call('GET /oauth2_tokens/OF')).status).to.equal(404);
    expect((await admin.call('GET /oauth2_tokens/GLOBAL')).status).to.equal(200);
  });

  it('are listed page by page, of a client, of a service, or all', async () => {
    for (const name of ['S1', 'G1', 'S2', 'S3', 'G2', 'G3']) {
      const row = { credential: { id: credential }, expires_in: 10, access_token: name };
      await admin.make(name.startsWith('S') ? 'POST /services/a/oauth2_tokens' : 'POST /oauth2_tokens', row);
    }
    const all = async (path: string): Promise<string[]> => {
      const names: string[] = [];
      let next: string | null = `${path}?size=2`;
      while (next !== null) {
        const { body } = await admin.call(`GET ${next}`);
        expect(body.data.length, next).to.be.at.most(2);
        names.push(...body.data.map((row: { access_token: string }) => row.access_token));
        // As with Kong, the address of the next page of a nested list has no size.
        next = body.next === null || body.next.includes('size=') ? body.next : `${body.next}&size=2`;
      }
      return names.sort();
    };
    expect(await all('/oauth2_tokens')).to.deep.equal(['G1', 'G2', 'G3', 'S1', 'S2', 'S3']);
    expect(await all('/oauth2/c/oauth2_tokens')).to.deep.equal(['G1', 'G2', 'G3', 'S1', 'S2', 'S3']);
    expect(await all('/services/a/oauth2_tokens')).to.deep.equal(['S1', 'S2', 'S3']);
  });

  it('SE-02: that are stored as a digest are listed with a hint, and can be deleted but not changed', async () => {
    const digest = {
      grant: {
        ...(await opened()),
        tokenStorage: 'digest' as const,
        refreshExpiresAt: admin.clock.at + 1_000_000,
      },
      accessToken: undefined,
      refreshToken: undefined,
      hint: 'abcd',
    };
    const { grants } = admin.options;
    const revocations: (number | undefined)[] = [];
    const revoke: typeof grants.revoke = (grantId, until) => {
      revocations.push(until);
      return grants.revoke(grantId, until);
    };
    const keeping = await gate({
      ...admin.options,
      grants: { ...grants, revoke, get: () => digest, page: () => ({ rows: [digest], next: undefined }) },
    });
    try {
      const listed = await keeping.call('GET /oauth2_tokens');
      expect(listed.body.data[0]).to.include({ access_token: 'abcd…', refresh_token: null });
      const changed = await keeping.call(`PATCH /oauth2_tokens/${digest.grant.grantId}`, { expires_in: 5 });
      expect([changed.status, Object.keys(changed.body.fields)]).to.deep.equal([400, ['access_token']]);
      expect((await keeping.call(`DELETE /oauth2_tokens/${digest.grant.grantId}`)).status).to.equal(204);
      expect(await grants.byAccessToken('AT')).to.equal(undefined);
      // The refresh token of a digest is not shown. The revocation is remembered until it has expired, too.
      expect(revocations).to.have.length(1);
      expect(revocations[0]).to.be.at.least(digest.grant.refreshExpiresAt);
    } finally {
      await keeping.close();
    }
  });

  async function opened() {
    await admin.make('POST /oauth2/c/oauth2_tokens', { expires_in: 10, access_token: 'AT' });
    return (await admin.options.grants.byAccessToken('AT'))!;
  }
});
