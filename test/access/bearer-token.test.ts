import { expect } from 'chai';
import { type AccessRequest, bearerToken } from '../../src/access/bearer-token.ts';
import type { Event } from '../../src/machine/machine.ts';
import type { Grant } from '../../src/oauth/tokens.ts';
import { grantOf } from '../support/token-request.ts';
import { reached } from '../support/walk.ts';
import { alice, beginning, issuers, printer } from '../support/world.ts';

const request: AccessRequest = {
  accessToken: 'access-1',
  audience: issuers.kong.audience,
  requiredScope: [],
  receivedAt: beginning,
};
const bearer = (changes: Partial<Grant> = {}) => ({
  grant: grantOf(issuers.kong, changes),
  client: printer,
  consumer: alice,
});
const found = (changes: Partial<Grant> = {}) => ({ event: 'accessTokenFound', bearer: bearer(changes) });
const walk = (...events: Event[]) => reached(bearerToken, request, ...events);
const walkWith = (changes: Partial<AccessRequest>, ...events: Event[]) =>
  reached(bearerToken, { ...request, ...changes }, ...events);
const invalid = { state: 'denied', reason: 'token_invalid', requiredScope: [] };

describe('The bearer check (RFC 6750 §3.1)', () => {
  it('finds the bearer of the token, in one effect', () => {
    expect(walk().awaits).to.deep.equal({ effect: 'findAccessToken', accessToken: 'access-1' });
  });

  it('admits a valid token, and returns its bearer', () => {
    expect(walk(found())).to.deep.equal({ state: 'admitted', bearer: bearer() });
  });

  it('RS-06: denies a request without a token before any effect', () => {
    expect(walkWith({ accessToken: undefined })).to.deep.equal({
      state: 'denied',
      reason: 'token_missing',
      requiredScope: [],
    });
  });

  it('RS-07: denies an unknown or revoked token', () => {
    expect(walk({ event: 'accessTokenUnknown' })).to.deep.equal(invalid);
  });

  it('RS-17: admits no token at its expiry or after it, and each one before', () => {
    expect(walk(found({ expiresAt: beginning + 1 }))).to.include({ state: 'admitted' });
    expect(walk(found({ expiresAt: beginning }))).to.deep.equal(invalid);
    expect(walk(found({ expiresAt: beginning - 1 }))).to.deep.equal(invalid);
  });

  it('SE-04: a token without expiry is valid until it is revoked (Kong)', () => {
    expect(walk(found({ expiresAt: undefined }))).to.include({ state: 'admitted' });
  });

  it('RS-14, TK-21: denies the token of another service as an unknown one', () => {
    expect(walk(found({ boundTo: 'service:others', serviceId: 'others' }))).to.deep.equal(invalid);
  });

  it('RS-14: denies a global token where credentials are not global, and says why (Kong)', () => {
    expect(walk(found({ boundTo: 'global', serviceId: undefined }))).to.include({ reason: 'token_global' });
  });

  it('RS-17: an expired global token is just invalid there', () => {
    expect(walk(found({ boundTo: 'global', expiresAt: beginning }))).to.deep.equal(invalid);
  });

  it('RS-14: where credentials are global, admits global tokens and those of its service', () => {
    const audience = { boundTo: 'global', serviceId: 'orders' };
    expect(walkWith({ audience }, found({ boundTo: 'global' }))).to.include({ state: 'admitted' });
    expect(walkWith({ audience }, found({ boundTo: 'service:orders' }))).to.include({ state: 'admitted' });
    expect(walkWith({ audience }, found({ boundTo: 'service:others' }))).to.deep.equal(invalid);
  });

  it('RS-14: a group that shares tokens is a separate audience', () => {
    const audience = { boundTo: 'apis', serviceId: 'orders' };
    expect(walkWith({ audience }, found({ boundTo: 'apis' }))).to.include({ state: 'admitted' });
    expect(walkWith({ audience }, found({ boundTo: 'service:orders' }))).to.deep.equal(invalid);
  });

  it('RS-08: denies a token that lacks a scope that the resource requires, and names the required scope', () => {
    const requiredScope = ['email', 'address'];
    expect(walkWith({ requiredScope }, found())).to.deep.equal({
      state: 'denied',
      reason: 'scope_insufficient',
      detail: 'email address',
      requiredScope,
    });
  });

  it('RS-08: counts the scope of this token, not all that was granted', () => {
    expect(walkWith({ requiredScope: ['profile'] }, found({ accessScope: ['email'] }))).to.include({
      reason: 'scope_insufficient',
    });
  });

  it('RS-08: admits a token that has the scope', () => {
    expect(walkWith({ requiredScope: ['profile', 'email'] }, found())).to.include({ state: 'admitted' });
  });
});
