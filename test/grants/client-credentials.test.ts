import { expect } from 'chai';
import { type ClientCredentialsRequest, clientCredentialsGrant } from '../../src/grants/client-credentials.ts';
import type { Event } from '../../src/machine/machine.ts';
import type { Issuer } from '../../src/oauth/issuer.ts';
import { authenticated, deferred, rejected, tokenRequest, tokens } from '../support/token-request.ts';
import { reached } from '../support/walk.ts';
import { beginning, bothProfiles, everywhere, issuers, phone, printer, provisionKey, robot } from '../support/world.ts';

const opened = { event: 'grantOpened', tokens: { ...tokens, refreshToken: undefined } };

function at(profile: (typeof bothProfiles)[number]) {
  const issuer = issuers[profile];
  const request: ClientCredentialsRequest = {
    ...tokenRequest(issuer),
    authenticatedUserid: undefined,
    provisionKey: undefined,
  };
  const walk = (...events: Event[]) => reached(clientCredentialsGrant, request, ...events);
  const walkWith = (changes: Partial<ClientCredentialsRequest>, ...events: Event[]) =>
    reached(clientCredentialsGrant, { ...request, ...changes }, ...events);
  return { issuer, request, walk, walkWith };
}

for (const profile of bothProfiles) {
  const { issuer, request, walk, walkWith } = at(profile);

  describe(`Client Credentials Grant (RFC 6749 §4.4), profile ${profile}`, () => {
    it('§4.4.2: "The client MUST authenticate with the authorization server"', () => {
      expect(walk().awaits).to.deep.equal({ effect: 'authenticateClient', authentication: request.authentication });
    });

    it('CA-05: refuses a known client that is not authenticated', () => {
      expect(walk(rejected(printer))).to.include({
        reason: 'client_authentication_failed',
        failedAuthentication: 'client_secret_basic',
      });
    });

    it('CA-09: refuses a public client that sends a secret', () => {
      expect(walk(rejected(phone))).to.include({ reason: 'client_secret_disallowed' });
    });

    it('CA-06: rate limits a client whose secret could not be checked now', () => {
      expect(walk(deferred)).to.include({ reason: 'client_rate_limited', retryAfter: 7 });
    });

    it('TK-18: "A refresh token SHOULD NOT be included." (§4.4.3)', () => {
      expect(walk(authenticated(printer)).awaits).to.deep.equal({
        effect: 'openGrant',
        withRefreshToken: false,
        grant: {
          grantId: request.grantId,
          credentialId: printer.id,
          subject: undefined,
          scope: [],
          tokenStorage: profile === 'kong' ? 'encrypted' : 'digest',
          grantedAt: beginning,
          generation: 1,
          boundTo: 'service:orders',
          serviceId: 'orders',
          accessScope: [],
          issuedAt: beginning,
          expiresAt: beginning + 600_000,
          refreshExpiresAt: beginning + 600_000,
        },
      });
    });

    it('requires no redirect URI, and ignores one', () => {
      const state = walkWith({ redirectUri: 'https://evil.example/' }, authenticated(robot));
      expect(state.state).to.equal('awaitingGrant');
    });

    it('ends with the access token', () => {
      expect(walk(authenticated(printer), opened)).to.deep.include({ state: 'granted', tokens: opened.tokens });
    });

    it('refuses if the grant was revoked before it was opened', () => {
      expect(walk(authenticated(printer), { event: 'grantAlreadyRevoked' })).to.include({ state: 'refused' });
    });

    it('TK-16: refuses if the plugin disables the grant', () => {
      const off = { ...issuer, grantTypes: { ...issuer.grantTypes, clientCredentials: false } };
      expect(walkWith({ issuer: off }, authenticated(printer))).to.include({ reason: 'grant_type_unsupported' });
    });

    it('§3.3: grants the scope that was asked for, each token once', () => {
      expect(walkWith({ scope: 'profile email  profile' }, authenticated(printer))).to.have.deep.nested.property(
        'awaits.grant.scope',
        ['profile', 'email'],
      );
    });

    it('§3.3: refuses a scope that is not on offer, and names it', () => {
      expect(walkWith({ scope: 'email admin' }, authenticated(printer))).to.include({
        reason: 'scope_unknown',
        detail: 'admin',
      });
    });

    it('AZ-15: does not repeat what is no scope token', () => {
      expect(walkWith({ scope: '"><script>' }, authenticated(printer))).to.include({
        reason: 'scope_unknown',
        detail: '',
      });
    });

    it('TK-22: refuses a scope that is not one string', () => {
      for (const scope of [['email'], 7, null, { a: 1 }]) {
        expect(walkWith({ scope }, authenticated(printer))).to.include({ reason: 'scope_malformed' });
      }
    });

    it('AZ-17: without a scope the default is granted', () => {
      const withDefault = { ...issuer, defaultScope: ['email'], mandatoryScope: true };
      expect(walkWith({ issuer: withDefault }, authenticated(printer))).to.have.deep.nested.property(
        'awaits.grant.scope',
        ['email'],
      );
    });

    it('AZ-17: without a scope and a default the request fails if a scope is mandatory', () => {
      const mandatory = { ...issuer, mandatoryScope: true };
      expect(walkWith({ issuer: mandatory }, authenticated(printer))).to.include({ reason: 'scope_missing' });
    });

    it('grants no scope if none is offered, whatever the request asks for (Kong)', () => {
      for (const scope of ['email', ['email'], 7]) {
        const state = walkWith({ issuer: { ...issuer, scopes: undefined }, scope }, authenticated(printer));
        expect(state).to.have.deep.nested.property('awaits.grant.scope', []);
      }
    });

    it('names a resource owner only with the provision key (Kong)', () => {
      const named = { authenticatedUserid: 'alice' };
      expect(walkWith(named, authenticated(printer))).to.include({ reason: 'provision_key_wrong' });
      expect(walkWith({ ...named, provisionKey: 'guess' }, authenticated(printer))).to.include({
        reason: 'provision_key_wrong',
      });
      expect(walkWith({ ...named, provisionKey }, authenticated(printer))).to.have.nested.property(
        'awaits.grant.subject',
        'alice',
      );
    });

    it('TK-22: refuses a resource owner that is not a string', () => {
      expect(walkWith({ authenticatedUserid: 7, provisionKey }, authenticated(printer))).to.include({
        detail: 'authenticated_userid',
      });
    });

    it('a JSON null means no resource owner (Kong)', () => {
      expect(walkWith({ authenticatedUserid: null, provisionKey }, authenticated(printer))).to.have.nested.property(
        'awaits.grant.subject',
        undefined,
      );
    });

    it('refuses on a route without a service', () => {
      const nowhere = { ...issuer, audience: { boundTo: '', serviceId: undefined } };
      expect(walkWith({ issuer: nowhere }, authenticated(printer))).to.include({ reason: 'service_missing' });
    });

    it('a token of an issuer with global credentials is valid everywhere', () => {
      expect(walkWith({ issuer: everywhere(issuer) }, authenticated(printer))).to.have.nested.property(
        'awaits.grant.boundTo',
        'global',
      );
    });
  });
}

describe('Client Credentials Grant, where the profiles differ', () => {
  const { issuer, walk, walkWith } = at('rfc9700');
  const kong = at('kong');

  it('TK-17: "MUST only be used by confidential clients" (§4.4)', () => {
    expect(walk(authenticated(phone))).to.include({ reason: 'client_unauthorized' });
  });

  it('Kong allows public clients to use it', () => {
    expect(kong.walk(authenticated(phone)).state).to.equal('awaitingGrant');
  });

  it('TK-15: an unknown client is refused like one with a wrong secret', () => {
    expect(walk(rejected())).to.deep.equal(walk(rejected(printer)));
  });

  it('Kong sends an unknown client no challenge', () => {
    expect(kong.walk(rejected())).to.deep.equal({ state: 'refused', reason: 'client_authentication_failed' });
  });

  it('where the grant is disabled, the error for an unknown client says so in Kong, and that the client is unknown by the RFC', () => {
    const off = (issuer: Issuer) => ({ ...issuer, grantTypes: { ...issuer.grantTypes, clientCredentials: false } });
    expect(kong.walkWith({ issuer: off(kong.issuer) }, rejected())).to.include({
      reason: 'grant_type_unsupported',
      clientUnknown: true,
    });
    expect(walkWith({ issuer: off(issuer) }, rejected())).to.include({ reason: 'client_authentication_failed' });
    expect(kong.walkWith({ issuer: off(kong.issuer) }, rejected(printer))).to.include({
      reason: 'client_authentication_failed',
    });
  });

  it('AZ-17: a blank scope counts as omitted', () => {
    const mandatory = { ...issuer, mandatoryScope: true };
    for (const scope of ['', ' ']) {
      expect(walkWith({ issuer: mandatory, scope }, authenticated(printer))).to.include({ reason: 'scope_missing' });
    }
  });

  it('Kong: an empty scope asks for none, and satisfies mandatory_scope', () => {
    const mandatory = { ...kong.issuer, mandatoryScope: true };
    const state = kong.walkWith({ issuer: mandatory, scope: '' }, authenticated(printer));
    expect(state).to.have.deep.nested.property('awaits.grant.scope', []);
  });
});
