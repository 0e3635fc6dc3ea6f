import { expect } from 'chai';
import { type ImplicitRequest, implicitGrant } from '../../src/grants/implicit.ts';
import { grantOpened, tokens } from '../support/token-request.ts';
import { reached } from '../support/walk.ts';
import { beginning, issuers, phone } from '../support/world.ts';

const request: ImplicitRequest = {
  issuer: issuers.kong,
  credentialId: phone.id,
  subject: 'alice',
  scope: ['email'],
  grantId: 'grant-1',
  receivedAt: beginning,
};

describe('Implicit Grant (RFC 6749 §4.2), as Kong has it', () => {
  it('§4.2.2: "MUST NOT issue a refresh token"', () => {
    const { awaits } = reached(implicitGrant, request);
    expect(awaits).to.include({ effect: 'openGrant', withRefreshToken: false });
    expect(awaits)
      .to.have.property('grant')
      .that.deep.includes({
        subject: 'alice',
        scope: ['email'],
        accessScope: ['email'],
        expiresAt: beginning + 600_000,
        refreshExpiresAt: beginning + 600_000,
      });
  });

  it('ends with the access token', () => {
    expect(reached(implicitGrant, request, grantOpened)).to.deep.include({ state: 'granted', tokens });
  });

  it('refuses if the grant was revoked before it was opened', () => {
    expect(reached(implicitGrant, request, { event: 'grantAlreadyRevoked' })).to.include({ state: 'refused' });
  });

  it('AZ-25: refuses if the plugin disables it', () => {
    const off = { ...issuers.kong, grantTypes: { ...issuers.kong.grantTypes, implicit: false } };
    expect(reached(implicitGrant, { ...request, issuer: off })).to.include({ reason: 'response_type_unsupported' });
  });

  it('refuses on a route without a service', () => {
    const nowhere = { ...issuers.kong, audience: { boundTo: '', serviceId: undefined } };
    expect(reached(implicitGrant, { ...request, issuer: nowhere })).to.include({ reason: 'service_missing' });
  });

  it('AZ-25: profile rfc9700 does not have it, whatever the plugin says (RFC 9700 §2.1.2)', () => {
    expect(reached(implicitGrant, { ...request, issuer: issuers.rfc9700 })).to.include({
      reason: 'response_type_unsupported',
    });
  });
});
