import { expect } from 'chai';
import { isGoodAt, needsChallenge, scopeGranted } from '../../src/oauth/issuer.ts';
import { grantOf } from '../support/token-request.ts';
import { bothProfiles, issuers } from '../support/world.ts';

describe('Where a token is good (RFC 9700 §2.3)', () => {
  const bound = (boundTo: string) => grantOf(issuers.kong, { boundTo });
  const orders = { boundTo: 'service:orders', serviceId: 'orders' };
  const global = { boundTo: 'global', serviceId: 'orders' };

  it('TK-21: at the service it is bound to', () => {
    expect(isGoodAt(bound('service:orders'), orders)).to.equal('good');
    expect(isGoodAt(bound('service:others'), orders)).to.equal('elsewhere');
  });

  it('TK-21: a global token has its own error where credentials are not global (Kong)', () => {
    expect(isGoodAt(bound('global'), orders)).to.equal('global');
  });

  it('TK-21: where credentials are global, tokens of the service are valid too (Kong)', () => {
    expect(isGoodAt(bound('global'), global)).to.equal('good');
    expect(isGoodAt(bound('service:orders'), global)).to.equal('good');
    expect(isGoodAt(bound('service:others'), global)).to.equal('elsewhere');
  });

  it('TK-21: a route without a service takes no token of a service', () => {
    expect(isGoodAt(bound('service:orders'), { boundTo: 'global', serviceId: undefined })).to.equal('elsewhere');
  });

  it('a group that shares tokens takes those of the group alone', () => {
    const apis = { boundTo: 'apis', serviceId: 'orders' };
    expect(isGoodAt(bound('apis'), apis)).to.equal('good');
    expect(isGoodAt(bound('service:orders'), apis)).to.equal('elsewhere');
    expect(isGoodAt(bound('apis'), orders)).to.equal('elsewhere');
  });
});

for (const profile of bothProfiles) {
  describe(`The scope a request is granted (RFC 6749 §3.3), profile ${profile}`, () => {
    const issuer = issuers[profile];

    it('is what was asked for, if it is on offer', () => {
      expect(scopeGranted(issuer, 'email address')).to.deep.equal({ scope: ['email', 'address'] });
    });

    it('AZ-18: is refused as a whole if a part is not on offer', () => {
      expect(scopeGranted(issuer, 'email Email')).to.deep.equal({ reason: 'scope_unknown', detail: 'Email' });
    });

    it('AZ-18: is refused with a wrong blank in it', () => {
      expect(scopeGranted(issuer, 'email\u00a0profile')).to.deep.equal({ reason: 'scope_unknown', detail: '' });
    });

    it('AZ-17: is nothing when nothing is asked for and nothing must be', () => {
      expect(scopeGranted(issuer, undefined)).to.deep.equal({ scope: [] });
    });
  });
}

describe('Who needs a challenge', () => {
  it('PK-05: all clients in rfc9700, whatever the plugin says', () => {
    for (const pkce of ['none', 'lax', 'strict'] as const) {
      expect(needsChallenge({ ...issuers.rfc9700, pkce }, 'public')).to.equal(true);
      expect(needsChallenge({ ...issuers.rfc9700, pkce }, 'confidential')).to.equal(true);
    }
  });

  it('PK-04, PK-05: in Kong no client (none), public clients (lax) or all clients (strict)', () => {
    const asked = (pkce: 'none' | 'lax' | 'strict') =>
      (['public', 'confidential'] as const).map((type) => needsChallenge({ ...issuers.kong, pkce }, type));
    expect([asked('none'), asked('lax'), asked('strict')]).to.deep.equal([
      [false, false],
      [true, false],
      [true, true],
    ]);
  });
});
