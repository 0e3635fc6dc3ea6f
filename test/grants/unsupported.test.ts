import { expect } from 'chai';
import { unsupportedGrant } from '../../src/grants/unsupported.ts';
import type { Event } from '../../src/machine/machine.ts';
import { authenticated, deferred, rejected, tokenRequest } from '../support/token-request.ts';
import { reached } from '../support/walk.ts';
import { bothProfiles, issuers, phone, printer, robot } from '../support/world.ts';

for (const profile of bothProfiles) {
  const request = { ...tokenRequest(issuers[profile]), grantTypeMissing: false };
  const walk = (...events: Event[]) => reached(unsupportedGrant, request, ...events);

  describe(`An unknown grant type (RFC 6749 §4.5), profile ${profile}`, () => {
    it('TK-16: is unsupported', () => {
      expect(walk(authenticated(printer))).to.deep.equal({ state: 'refused', reason: 'grant_type_unsupported' });
    });

    it('a missing one has its own error', () => {
      const state = reached(unsupportedGrant, { ...request, grantTypeMissing: true }, authenticated(printer));
      expect(state).to.deep.equal({ state: 'refused', reason: 'grant_type_missing' });
    });

    it('is reported only to an authenticated client', () => {
      expect(walk(rejected(printer))).to.include({ reason: 'client_authentication_failed' });
      expect(walk(rejected())).to.deep.equal(walk(rejected(printer)));
      expect(walk(rejected(phone))).to.include({ reason: 'client_secret_disallowed' });
      expect(walk(deferred)).to.include({ reason: 'client_rate_limited' });
    });
  });
}

describe('An unknown grant type, requested by a client without redirect URIs', () => {
  it('TK-16: is unsupported in rfc9700', () => {
    const request = { ...tokenRequest(issuers.rfc9700), grantTypeMissing: false };
    expect(reached(unsupportedGrant, request, authenticated(robot))).to.include({ reason: 'grant_type_unsupported' });
  });

  it('Kong does not know such a client', () => {
    const request = { ...tokenRequest(issuers.kong), grantTypeMissing: false };
    expect(reached(unsupportedGrant, request, authenticated(robot))).to.include({
      reason: 'client_authentication_failed',
    });
  });
});
