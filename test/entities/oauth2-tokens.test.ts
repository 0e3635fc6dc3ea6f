import { expect } from 'chai';
import fc from 'fast-check';
import { grantOfRow, oauth2Tokens, rowOfGrant } from '../../src/entities/oauth2-tokens.ts';
import type { Grant } from '../../src/oauth/tokens.ts';
import type { Entity } from '../../src/ports/entity-store.ts';
import { draftChange, draftInsert, finished, violationsOf } from '../../src/schema/draft.ts';

const id = '00000000-0000-4000-8000-000000000001';
const credential = '00000000-0000-4000-8000-000000000002';
const service = '00000000-0000-4000-8000-000000000003';
const now = 1_800_000_000_500;
const auto = { now, uuid: id, tokens: ['made'] };

const grant: Grant = {
  grantId: id,
  credentialId: credential,
  boundTo: `service:${service}`,
  serviceId: service,
  subject: 'u1',
  scope: ['email', 'profile'],
  tokenStorage: 'encrypted',
  grantedAt: now - 60_000,
  generation: 3,
  accessScope: ['email'],
  issuedAt: now - 10_000,
  expiresAt: now + 90_000,
  refreshExpiresAt: now + 1_000_000,
};
const kept = { grant, accessToken: 'AT', refreshToken: 'RT', hint: undefined };

describe('A grant, printed as a row of oauth2_tokens', () => {
  it('has times in seconds, from milliseconds', () => {
    expect(rowOfGrant(kept, now)).to.deep.equal({
      id,
      created_at: Math.floor(grant.issuedAt / 1000),
      service: { id: service },
      credential: { id: credential },
      token_type: 'bearer',
      expires_in: 100,
      access_token: 'AT',
      refresh_token: 'RT',
      authenticated_userid: 'u1',
      scope: 'email',
      ttl: 1000,
    });
  });

  it('has null for missing values, and expires_in 0 for a token that never expires', () => {
    const bare = {
      ...grant,
      serviceId: undefined,
      subject: undefined,
      accessScope: [],
      expiresAt: undefined,
      refreshExpiresAt: undefined,
    };
    expect(rowOfGrant({ ...kept, grant: bare, refreshToken: undefined }, now)).to.deep.include({
      service: null,
      authenticated_userid: null,
      scope: null,
      expires_in: 0,
      refresh_token: null,
      ttl: null,
    });
  });

  it('SE-02: shows no token if only a digest is stored', () => {
    const row = rowOfGrant({ grant, accessToken: undefined, refreshToken: undefined, hint: 'abcd' }, now);
    expect(row).to.deep.include({ access_token: 'abcd…', refresh_token: null });
  });

  it('cannot be changed if only a digest is stored, since its tokens would be lost', () => {
    const row = rowOfGrant({ grant, accessToken: undefined, refreshToken: undefined, hint: 'abcd' }, now);
    expect(violationsOf(draftChange(oauth2Tokens, { expires_in: 5 }, row, now))).to.have.property('access_token');
  });
});

describe('A row of oauth2_tokens, read as a grant', () => {
  const read = (sent: object, before?: Parameters<typeof grantOfRow>[2]) => {
    const draft = draftInsert(oauth2Tokens, { credential: { id: credential }, expires_in: 10, ...sent }, auto);
    expect(violationsOf(draft)).to.equal(undefined);
    return grantOfRow(finished(draft), now, before);
  };

  it('has an access token, and a refresh token only if one was sent', () => {
    const { grant, tokens } = read({});
    expect(tokens).to.deep.equal({ accessToken: 'made', refreshToken: undefined });
    expect(grant).to.deep.equal({
      grantId: id,
      credentialId: credential,
      boundTo: 'global',
      serviceId: undefined,
      subject: undefined,
      scope: [],
      tokenStorage: 'encrypted',
      grantedAt: now,
      generation: 1,
      accessScope: [],
      issuedAt: now,
      expiresAt: now + 10_000,
      refreshExpiresAt: undefined,
    });
  });

  it('is bound to the service', () => {
    expect(read({ service: { id: service } }).grant).to.deep.include({
      serviceId: service,
      boundTo: `service:${service}`,
    });
  });

  it('counts from the time of creation that was sent', () => {
    expect(read({ created_at: 1000 }).grant).to.deep.include({ issuedAt: 1_000_000, expiresAt: 1_010_000 });
  });

  it('never expires with 0', () => {
    expect(read({ expires_in: 0 }).grant.expiresAt).to.equal(undefined);
    expect(read({ ttl: 0 }).grant.refreshExpiresAt).to.equal(undefined);
    expect(read({ ttl: 5 }).grant.refreshExpiresAt).to.equal(now + 5000);
  });

  it('and printed and read again is the same grant, to the millisecond', () => {
    const row = rowOfGrant(kept, now);
    expect(grantOfRow(row, now, { grant, row })).to.deep.equal({
      grant,
      tokens: { accessToken: 'AT', refreshToken: 'RT' },
    });
  });

  it('changes only what was changed', () => {
    const before = rowOfGrant(kept, now);
    const row = (sent: { [field: string]: unknown }): Entity =>
      finished(draftChange(oauth2Tokens, sent as never, before, now));
    const changed = (sent: { [field: string]: unknown }) => grantOfRow(row(sent), now, { grant, row: before }).grant;
    expect(changed({ expires_in: 5 })).to.deep.equal({ ...grant, expiresAt: grant.issuedAt + 5000 });
    expect(changed({ ttl: 7 })).to.deep.equal({ ...grant, refreshExpiresAt: now + 7000 });
    expect(changed({ scope: 'x y' })).to.deep.equal({ ...grant, scope: ['x', 'y'], accessScope: ['x', 'y'] });
    expect(changed({ service: null })).to.deep.equal({ ...grant, serviceId: undefined, boundTo: 'global' });
  });

  it('and printed again is the same row, for any row', () => {
    const sent = fc.record(
      {
        expires_in: fc.integer({ min: 0, max: 1e6 }),
        scope: fc.constantFrom(null, 'a', 'a b'),
        authenticated_userid: fc.constantFrom(null, 'u'),
        refresh_token: fc.constantFrom(null, 'r'),
        service: fc.constantFrom(null, { id: service }),
        created_at: fc.integer({ min: 1, max: 2 ** 31 }),
        ttl: fc.constantFrom(null, 1, 100),
      },
      { requiredKeys: ['expires_in'] },
    );
    fc.assert(
      fc.property(sent, (input) => {
        const row = finished(draftInsert(oauth2Tokens, { credential: { id: credential }, ...input }, auto));
        const { grant, tokens } = grantOfRow(row, now);
        expect(rowOfGrant({ grant, ...tokens, hint: undefined }, now)).to.deep.equal(row);
      }),
    );
  });
});
