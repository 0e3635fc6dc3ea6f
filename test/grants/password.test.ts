import { expect } from 'chai';
import { type PasswordRequest, passwordGrant } from '../../src/grants/password.ts';
import type { Event } from '../../src/machine/machine.ts';
import { authenticated, deferred, grantOpened, rejected, tokenRequest, tokens } from '../support/token-request.ts';
import { reached } from '../support/walk.ts';
import { beginning, callback, issuers, phone, printer, provisionKey, robot } from '../support/world.ts';

const issuer = issuers.kong;
const request: PasswordRequest = { ...tokenRequest(issuer), authenticatedUserid: 'alice', provisionKey };
const walk = (...events: Event[]) => reached(passwordGrant, request, ...events);
const walkWith = (changes: Partial<PasswordRequest>, ...events: Event[]) =>
  reached(passwordGrant, { ...request, ...changes }, ...events);

describe('Resource Owner Password Credentials Grant (RFC 6749 §4.3), as Kong has it', () => {
  it('authenticates the client first', () => {
    expect(walk().awaits).to.deep.equal({ effect: 'authenticateClient', authentication: request.authentication });
  });

  it('CA-05: refuses a client that is not authenticated', () => {
    expect(walk(rejected(printer))).to.include({ reason: 'client_authentication_failed' });
  });

  it('CA-08: refuses an unknown client with the same error', () => {
    expect(walk(rejected())).to.deep.equal(walk(rejected(printer)));
  });

  it('CA-06: rate limits a client whose secret could not be checked now', () => {
    expect(walk(deferred)).to.include({ reason: 'client_rate_limited', retryAfter: 7 });
  });

  it('requires no secret from a public client', () => {
    expect(walk(authenticated(phone)).state).to.equal('awaitingGrant');
  });

  it('a client without redirect URIs is refused as unknown', () => {
    expect(walk(authenticated(robot))).to.include({ reason: 'client_authentication_failed' });
  });

  it('authorize/redirect-uris:7-12: a client with an empty list of redirect URIs matches none', () => {
    expect(walk(authenticated({ ...printer, redirectUris: [] }))).to.include({ reason: 'redirect_uri_unregistered' });
  });

  it('compares even here a redirect_uri with those registered', () => {
    expect(walkWith({ redirectUri: 'https://evil.example/' }, authenticated(printer))).to.include({
      reason: 'redirect_uri_unregistered',
    });
    expect(walkWith({ redirectUri: callback }, authenticated(printer)).state).to.equal('awaitingGrant');
  });

  it('TK-16: refuses if the plugin disables the grant', () => {
    const off = { ...issuer, grantTypes: { ...issuer.grantTypes, password: false } };
    expect(walkWith({ issuer: off }, authenticated(printer))).to.include({ reason: 'grant_type_unsupported' });
  });

  it('needs the provision key, whole and as one string', () => {
    for (const wrong of [undefined, '', 'guess', provisionKey.slice(1), [provisionKey], null]) {
      expect(walkWith({ provisionKey: wrong }, authenticated(printer))).to.include({ reason: 'provision_key_wrong' });
    }
  });

  it('needs a resource owner', () => {
    for (const authenticatedUserid of [undefined, '', '  ']) {
      expect(walkWith({ authenticatedUserid }, authenticated(printer))).to.include({
        reason: 'authenticated_userid_missing',
      });
    }
  });

  it('TK-22: refuses a resource owner that is not a string', () => {
    for (const authenticatedUserid of [7, true, ['a', 'b'], {}]) {
      expect(walkWith({ authenticatedUserid }, authenticated(printer))).to.include({
        reason: 'parameter_malformed',
        detail: 'authenticated_userid',
      });
    }
  });

  it('a JSON null means no resource owner', () => {
    expect(walkWith({ authenticatedUserid: null }, authenticated(printer))).to.have.nested.property(
      'awaits.grant.subject',
      undefined,
    );
  });

  it('§3.3: refuses a scope that is not on offer', () => {
    expect(walkWith({ scope: 'admin' }, authenticated(printer))).to.include({ reason: 'scope_unknown' });
  });

  it('refuses on a route without a service', () => {
    const nowhere = { ...issuer, audience: { boundTo: '', serviceId: undefined } };
    expect(walkWith({ issuer: nowhere }, authenticated(printer))).to.include({ reason: 'service_missing' });
  });

  it('§4.3.3: opens a grant of the resource owner, with a refresh token', () => {
    const { awaits } = walkWith({ scope: 'email' }, authenticated(printer));
    expect(awaits).to.include({ effect: 'openGrant', withRefreshToken: true });
    expect(awaits)
      .to.have.property('grant')
      .that.deep.includes({
        grantId: request.grantId,
        subject: 'alice',
        scope: ['email'],
        refreshExpiresAt: beginning + 86_400_000,
      });
  });

  it('§5.1: ends with both tokens', () => {
    expect(walk(authenticated(printer), grantOpened)).to.deep.include({ state: 'granted', tokens });
  });

  it('refuses if the grant was revoked before it was opened', () => {
    expect(walk(authenticated(printer), { event: 'grantAlreadyRevoked' })).to.include({ state: 'refused' });
  });
});

describe('Resource Owner Password Credentials Grant in profile rfc9700', () => {
  it('TK-19: "MUST NOT be used" (RFC 9700 §2.4), whatever the plugin says', () => {
    const state = walkWith({ issuer: issuers.rfc9700 }, authenticated(printer));
    expect(state).to.deep.equal({ state: 'refused', reason: 'grant_type_unsupported' });
  });

  it('CA-05: still reports this only to an authenticated client', () => {
    expect(walkWith({ issuer: issuers.rfc9700 }, rejected(printer))).to.include({
      reason: 'client_authentication_failed',
    });
  });

  it('TK-19: returns the same error to a client without redirect URIs', () => {
    expect(walkWith({ issuer: issuers.rfc9700 }, authenticated(robot))).to.include({
      reason: 'grant_type_unsupported',
    });
  });
});
