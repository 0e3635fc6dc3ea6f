import { expect } from 'chai';
import { type RefreshTokenRequest, refreshTokenGrant } from '../../src/grants/refresh-token.ts';
import type { Event } from '../../src/machine/machine.ts';
import type { Grant } from '../../src/oauth/tokens.ts';
import { authenticated, deferred, grantOf, rejected, tokenRequest, tokens } from '../support/token-request.ts';
import { reached } from '../support/walk.ts';
import {
  at as atService,
  beginning,
  bothProfiles,
  everywhere,
  issuers,
  phone,
  printer,
  robot,
  till,
} from '../support/world.ts';

function at(profile: (typeof bothProfiles)[number]) {
  const issuer = issuers[profile];
  const grant = grantOf(issuer);
  const request: RefreshTokenRequest = { ...tokenRequest(issuer), refreshToken: 'refresh-0' };
  const walk = (...events: Event[]) => reached(refreshTokenGrant, request, ...events);
  const walkWith = (changes: Partial<RefreshTokenRequest>, ...events: Event[]) =>
    reached(refreshTokenGrant, { ...request, ...changes }, ...events);
  const found = (changes: Partial<Grant> = {}): Event =>
    ({
      event: 'refreshTokenFound',
      grant: { ...grant, ...changes },
    }) as Event;
  const rotated = { event: 'refreshTokenRotated', grant, tokens };
  const reused = { event: 'refreshTokenReused', grant };
  return { issuer, grant, request, walk, walkWith, found, rotated, reused };
}
const unknown = { event: 'refreshTokenUnknown' };

for (const profile of bothProfiles) {
  const { issuer, grant, request, walk, walkWith, found, rotated } = at(profile);

  describe(`Refreshing an Access Token (RFC 6749 §6), profile ${profile}`, () => {
    it('RF-10: authenticates the client first', () => {
      expect(walk().awaits).to.deep.equal({ effect: 'authenticateClient', authentication: request.authentication });
    });

    it('RF-10: refuses a client that is not authenticated', () => {
      expect(walk(rejected(printer))).to.include({ reason: 'client_authentication_failed' });
    });

    it('CA-08: refuses an unknown client with the same error', () => {
      expect(walk(rejected())).to.deep.equal(walk(rejected(printer)));
    });

    it('CA-09: refuses a public client that sends a secret', () => {
      expect(walk(rejected(phone))).to.include({ reason: 'client_secret_disallowed' });
    });

    it('CA-06: rate limits a client whose secret could not be checked now', () => {
      expect(walk(deferred)).to.include({ reason: 'client_rate_limited', retryAfter: 7 });
    });

    it('TK-14: refuses a request without a refresh token as one that lacks it', () => {
      for (const refreshToken of [undefined, '']) {
        expect(walkWith({ refreshToken }, authenticated(printer))).to.include({ reason: 'refresh_token_missing' });
      }
    });

    it('TK-22: refuses a refresh token that is not one string', () => {
      for (const refreshToken of [true, 7, null, ['a', 'b'], {}]) {
        expect(walkWith({ refreshToken }, authenticated(printer))).to.include({
          reason: 'parameter_malformed',
          detail: 'refresh_token',
        });
      }
    });

    it('then finds the grant of the refresh token', () => {
      expect(walk(authenticated(printer)).awaits).to.deep.equal({
        effect: 'findRefreshToken',
        refreshToken: 'refresh-0',
      });
    });

    it('§5.2: refuses an unknown refresh token', () => {
      expect(walk(authenticated(printer), unknown)).to.deep.equal({
        state: 'refused',
        reason: 'refresh_token_invalid',
      });
    });

    it('RF-01: "the refresh token is bound to the client to which it was issued"', () => {
      expect(walk(authenticated(till), found())).to.deep.equal({
        state: 'refused',
        reason: 'refresh_token_of_another_client',
      });
    });

    it('RF-11: refuses a refresh token of another service as an unknown one', () => {
      const elsewhere = found({ boundTo: 'service:others', serviceId: 'others' });
      expect(walk(authenticated(printer), elsewhere)).to.deep.equal(walk(authenticated(printer), unknown));
    });

    it('RF-01: does not mention another client if the refresh token belongs to another service', () => {
      const elsewhere = found({ boundTo: 'service:others', serviceId: 'others' });
      expect(walk(authenticated(till), elsewhere)).to.deep.equal(walk(authenticated(printer), unknown));
    });

    it('refuses on a route without a service', () => {
      const nowhere = { ...issuer, audience: { boundTo: '', serviceId: undefined } };
      const state = walkWith({ issuer: nowhere }, authenticated(printer), found({ boundTo: '' }));
      expect(state).to.include({ reason: 'service_missing' });
    });

    it('RF-03, RF-08: replaces the current pair by the next one, with new lifetimes, in one effect', () => {
      expect(walk(authenticated(printer), found()).awaits).to.deep.equal({
        effect: 'rotateRefreshToken',
        refreshToken: 'refresh-0',
        successor: 'fresh',
        by: {
          attempt: request.attempt,
          at: beginning,
          credentialId: printer.id,
          from: 'service:orders',
          boundTo: 'service:orders',
          serviceId: 'orders',
          accessScope: ['email', 'profile'],
          expiresAt: beginning + 600_000,
          refreshExpiresAt: beginning + 86_400_000,
          grace: 0,
        },
      });
    });

    it('ends with the new pair', () => {
      expect(walk(authenticated(printer), found(), rotated)).to.deep.equal({ state: 'granted', grant, tokens });
    });

    it('refuses when the token expired, or its grant was revoked, in between', () => {
      expect(walk(authenticated(printer), found(), unknown)).to.include({ reason: 'refresh_token_invalid' });
    });

    it('RF-06: with a grace period the successor is derived from the token, so that a repeated refresh gets the same', () => {
      const state = walkWith({ issuer: { ...issuer, refreshTokenGrace: 30_000 } }, authenticated(printer), found());
      expect(state).to.have.nested.property('awaits.successor', 'derived');
      expect(state).to.have.nested.property('awaits.by.grace', 30_000);
    });

    it('keeps the refresh token of a confidential client where the plugin reuses it (Kong)', () => {
      const state = walkWith({ issuer: { ...issuer, reusesRefreshToken: true } }, authenticated(printer), found());
      expect(state).to.have.nested.property('awaits.successor', 'kept');
    });

    it('a refresh token that is kept also keeps its expiry, if the issuer sets none now (Kong)', () => {
      const forever = { ...issuer, refreshTokenLifetime: 0 };
      const kept = walkWith({ issuer: { ...forever, reusesRefreshToken: true } }, authenticated(printer), found());
      expect(kept).to.have.nested.property('awaits.by.refreshExpiresAt', grant.refreshExpiresAt);
      const rotated = walkWith({ issuer: forever }, authenticated(printer), found());
      expect(rotated).to.have.nested.property('awaits.by.refreshExpiresAt', undefined);
    });

    it('SE-04: an access token that never expires ends without a refresh token (Kong)', () => {
      const state = walkWith({ issuer: { ...issuer, accessTokenLifetime: 0 } }, authenticated(printer), found());
      expect(state).to.have.nested.property('awaits.successor', 'none');
      expect(state).to.have.property('awaits').that.has.property('by').that.includes({
        expiresAt: undefined,
        refreshExpiresAt: undefined,
      });
    });

    it('RF-02: refuses if the issuer no longer offers the granted scope', () => {
      const state = walkWith({ issuer: { ...issuer, scopes: ['email'] } }, authenticated(printer), found());
      expect(state).to.include({ reason: 'scope_exceeds_grant' });
    });

    it('RF-02: does not check the scope if the issuer lists none', () => {
      const state = walkWith({ issuer: { ...issuer, scopes: undefined } }, authenticated(printer), found());
      expect(state).to.have.deep.nested.property('awaits.by.accessScope', ['email', 'profile']);
    });
  });
}

describe('Refreshing an Access Token, where the profiles differ', () => {
  const { issuer, grant, walk, walkWith, found, reused } = at('rfc9700');
  const kong = at('kong');

  it('RF-02: the scope may shrink', () => {
    const state = walkWith({ scope: 'email' }, authenticated(printer), found());
    expect(state).to.have.deep.nested.property('awaits.by.accessScope', ['email']);
  });

  it('RF-02: it may grow again to what was granted, after it shrank', () => {
    const state = walkWith({ scope: 'profile email' }, authenticated(printer), found({ accessScope: ['email'] }));
    expect(state).to.have.deep.nested.property('awaits.by.accessScope', ['profile', 'email']);
  });

  it('§6: "if omitted is treated as equal to the scope originally granted"', () => {
    for (const scope of [undefined, ' ']) {
      const state = walkWith({ scope }, authenticated(printer), found({ accessScope: ['email'] }));
      expect(state).to.have.deep.nested.property('awaits.by.accessScope', ['email', 'profile']);
    }
  });

  it('RF-02: "MUST NOT include any scope not originally granted by the resource owner"', () => {
    const state = walkWith({ scope: 'email address' }, authenticated(printer), found());
    expect(state).to.include({ reason: 'scope_exceeds_grant' });
  });

  it('TK-22: a scope that is not one string is malformed', () => {
    for (const scope of [['email'], 7, null]) {
      expect(walkWith({ scope }, authenticated(printer), found())).to.include({ reason: 'scope_malformed' });
    }
  });

  it('Kong does not look at the scope of a refresh', () => {
    for (const scope of ['email', 'address', 'admin', ['x'], 7]) {
      const state = kong.walkWith({ scope }, authenticated(printer), kong.found());
      expect(state).to.have.deep.nested.property('awaits.by.accessScope', ['email', 'profile']);
    }
  });

  it('RF-04: the reuse of a refresh token revokes its grant (RFC 9700 §4.14.2)', () => {
    expect(walk(authenticated(printer), found(), reused).awaits).to.deep.equal({
      effect: 'revokeGrant',
      grantId: grant.grantId,
      until: beginning + 86_400_000,
    });
  });

  it('RF-04: the reuse is refused once the grant is revoked', () => {
    expect(walk(authenticated(printer), found(), reused, { event: 'grantRevoked' })).to.deep.equal({
      state: 'refused',
      reason: 'refresh_token_invalid',
    });
  });

  it('RF-04: the revocation is remembered until every token has expired that exists or may be saved late', () => {
    const until = (changes: Partial<Grant>, settings: Partial<typeof issuer> = {}) => {
      const event = { event: 'refreshTokenReused', grant: { ...grant, ...changes } };
      const state = walkWith({ issuer: { ...issuer, ...settings } }, authenticated(printer), found(), event);
      return state.awaits?.effect === 'revokeGrant' ? state.awaits.until : 'not ended';
    };
    const late = beginning + 999_999_999;
    expect(until({ refreshExpiresAt: late })).to.equal(late);
    expect(until({ expiresAt: late })).to.equal(late);
    expect(until({ refreshExpiresAt: undefined })).to.equal(undefined);
    expect(until({ expiresAt: undefined })).to.equal(undefined);
    expect(until({}, { refreshTokenLifetime: 0 })).to.equal(undefined);
    expect(until({}, { accessTokenLifetime: 0 })).to.equal(undefined);
  });

  it('Kong refuses a reuse and leaves the grant alone', () => {
    expect(kong.walk(authenticated(printer), kong.found(), kong.reused)).to.deep.equal({
      state: 'refused',
      reason: 'refresh_token_invalid',
    });
  });

  it('RF-03: refresh tokens of public clients always rotate (RFC 9700 §2.2.2)', () => {
    const reusing = { ...issuer, reusesRefreshToken: true };
    const state = walkWith({ issuer: reusing }, authenticated(phone), found({ credentialId: phone.id }));
    expect(state).to.have.nested.property('awaits.successor', 'fresh');
  });

  it('Kong keeps those of public clients too, if it is set to', () => {
    const reusing = { ...kong.issuer, reusesRefreshToken: true };
    const state = kong.walkWith({ issuer: reusing }, authenticated(phone), kong.found({ credentialId: phone.id }));
    expect(state).to.have.nested.property('awaits.successor', 'kept');
  });

  it('Kong carries a grant of one service to an issuer with global credentials', () => {
    const global = everywhere(kong.issuer);
    const state = kong.walkWith({ issuer: global }, authenticated(printer), kong.found());
    expect(state).to.have.property('awaits').that.has.property('by').that.includes({
      from: undefined,
      boundTo: 'global',
      serviceId: undefined,
    });
  });

  it('Kong does not carry a global grant to one service', () => {
    const state = kong.walk(authenticated(printer), kong.found({ boundTo: 'global', serviceId: undefined }));
    expect(state).to.include({ reason: 'refresh_token_invalid' });
  });

  it('RF-11: a grant stays where it is bound', () => {
    for (const other of [everywhere(issuer), atService('others', issuer)]) {
      expect(walkWith({ issuer: other }, authenticated(printer), found())).to.include({
        reason: 'refresh_token_invalid',
      });
    }
  });

  it('Kong: a client without redirect URIs is refused as unknown; in rfc9700 it is one', () => {
    expect(kong.walk(authenticated(robot))).to.include({ reason: 'client_authentication_failed' });
    expect(walk(authenticated(robot)).state).to.equal('awaitingRefreshToken');
  });

  it('Kong compares even here a redirect_uri with those registered; in rfc9700 it means nothing', () => {
    const strange = { redirectUri: 'https://evil.example/' };
    expect(kong.walkWith(strange, authenticated(printer))).to.include({ reason: 'redirect_uri_unregistered' });
    expect(walkWith(strange, authenticated(printer)).state).to.equal('awaitingRefreshToken');
  });
});
