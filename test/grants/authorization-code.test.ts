import { expect } from 'chai';
import { type AuthorizationCodeRequest, authorizationCodeGrant } from '../../src/grants/authorization-code.ts';
import type { GrantOutcome } from '../../src/grants/vocabulary.ts';
import type { Event } from '../../src/machine/machine.ts';
import { codeChallengeOf } from '../../src/oauth/pkce.ts';
import {
  authenticated,
  codeRecord,
  deferred,
  grantOpened,
  rejected,
  tokenRequest,
  tokens,
} from '../support/token-request.ts';
import { reached } from '../support/walk.ts';
import {
  beginning,
  bothProfiles,
  callback,
  challenge,
  everywhere,
  issuers,
  otherCallback,
  phone,
  printer,
  robot,
  verifier,
} from '../support/world.ts';

const redeemed = { event: 'codeRedeemed', record: codeRecord };
const replayed = { event: 'codeReplayed', grantId: 'grant-of-the-code', expiresAt: beginning + 42_000 };
const mismatched = (binding: string) => ({ event: 'codeMismatched', binding });

/** A token request at the issuer of a profile, and where it leads. */
function at(profile: (typeof bothProfiles)[number]) {
  const request: AuthorizationCodeRequest = {
    ...tokenRequest(issuers[profile]),
    code: 'the code',
    codeVerifier: verifier,
    redirectUri: callback,
  };
  const walk = (...events: Event[]) => reached(authorizationCodeGrant, request, ...events);
  const walkWith = (changes: Partial<AuthorizationCodeRequest>, ...events: Event[]) =>
    reached(authorizationCodeGrant, { ...request, ...changes }, ...events);
  const withoutTheGrant = {
    ...issuers[profile],
    grantTypes: { ...issuers[profile].grantTypes, authorizationCode: false },
  };
  return { request, walk, walkWith, withoutTheGrant };
}

for (const profile of bothProfiles) {
  const { request, walk, walkWith, withoutTheGrant } = at(profile);

  describe(`Authorization Code Grant, the token request (RFC 6749 §4.1.3), profile ${profile}`, () => {
    it('§3.2.1: authenticates the client first', () => {
      expect(walk().awaits).to.deep.equal({ effect: 'authenticateClient', authentication: request.authentication });
    });

    it('CA-05: refuses a client that is not authenticated, and says which method failed', () => {
      expect(walk(rejected(printer))).to.deep.equal({
        state: 'refused',
        reason: 'client_authentication_failed',
        failedAuthentication: 'client_secret_basic',
      });
    });

    it('CA-08: refuses an unknown client with the same error, whatever else is wrong with the request', () => {
      for (const redirectUri of [undefined, callback, 'https://evil.example/']) {
        const changes = { redirectUri };
        expect(walkWith(changes, rejected())).to.deep.equal(walkWith(changes, rejected(printer)));
      }
    });

    it('CA-09: refuses a public client that sends a secret', () => {
      expect(walk(rejected(phone))).to.include({ state: 'refused', reason: 'client_secret_disallowed' });
    });

    it('CA-06: rate limits a client whose secret could not be checked now, and says for how long', () => {
      expect(walk(deferred)).to.deep.equal({
        state: 'refused',
        reason: 'client_rate_limited',
        retryAfter: 7,
      });
    });

    it('§4.1.3: redeems the code with all its bindings, in one effect', () => {
      expect(walk(authenticated(printer)).awaits).to.deep.equal({
        effect: 'redeemAuthorizationCode',
        code: 'the code',
        by: {
          attempt: request.attempt,
          at: request.receivedAt,
          credentialId: printer.id,
          boundTo: 'service:orders',
          redirectUri: callback,
          redirectUriRequired: profile === 'rfc9700',
          codeChallenge: challenge,
          unchallenged: profile === 'rfc9700' ? 'refuse' : 'accept',
          ownMismatch: profile === 'rfc9700' ? 'invalidates' : 'keeps',
        },
      });
    });

    it('binds the code of an issuer with global credentials to that issuer (Kong)', () => {
      const state = walkWith({ issuer: everywhere(issuers[profile]) }, authenticated(printer));
      expect(state).to.have.nested.property('awaits.by.boundTo', 'plugin:plugin-orders');
    });

    it('TK-14: refuses a request without a code as one that lacks it', () => {
      for (const code of [undefined, '']) {
        expect(walkWith({ code }, authenticated(printer))).to.include({ reason: 'code_missing' });
      }
    });

    it('TK-22: refuses a code that is not one string', () => {
      for (const code of [true, 7, null, ['a', 'b'], { a: 1 }]) {
        expect(walkWith({ code }, authenticated(printer))).to.include({
          reason: 'parameter_malformed',
          detail: 'code',
        });
      }
    });

    it('PK-09: a verifier that does not have 43 to 128 characters (rfc9700: unreserved ones) is not used', () => {
      const reserved = `${'v'.repeat(42)}+`;
      for (const codeVerifier of ['v'.repeat(42), 'v'.repeat(129), '', undefined, ['v'], 7]) {
        const state = walkWith({ codeVerifier }, authenticated(printer));
        expect(state).to.have.nested.property('awaits.by.codeChallenge', undefined);
      }
      const state = walkWith({ codeVerifier: reserved }, authenticated(printer));
      const taken = profile === 'kong' ? codeChallengeOf(reserved) : undefined;
      expect(state).to.have.nested.property('awaits.by.codeChallenge', taken);
    });

    it('PK-09: verifiers of 43 and of 128 characters are checked', () => {
      for (const codeVerifier of ['v'.repeat(43), 'v'.repeat(128), `${'-._~'.repeat(11)}`]) {
        const state = walkWith({ codeVerifier }, authenticated(printer));
        expect(state).to.have.nested.property('awaits.by.codeChallenge', codeChallengeOf(codeVerifier));
      }
    });

    it('PK-04: refuses a code without a challenge if the client needs one', () => {
      const state = walkWith({ redirectUri: undefined }, authenticated(phone));
      expect(state).to.have.nested.property('awaits.by.unchallenged', 'refuse');
    });

    it('§4.1.4: opens the grant of the code, with a refresh token', () => {
      expect(walk(authenticated(printer), redeemed).awaits).to.deep.equal({
        effect: 'openGrant',
        withRefreshToken: true,
        grant: {
          grantId: 'grant-of-the-code',
          credentialId: printer.id,
          subject: 'alice',
          scope: ['email', 'profile'],
          tokenStorage: profile === 'kong' ? 'encrypted' : 'digest',
          grantedAt: beginning,
          generation: 1,
          boundTo: 'service:orders',
          serviceId: 'orders',
          accessScope: ['email', 'profile'],
          issuedAt: beginning,
          expiresAt: beginning + 600_000,
          refreshExpiresAt: beginning + 86_400_000,
        },
      });
    });

    it('SE-04: access tokens that never expire come without a refresh token (Kong)', () => {
      const issuer = { ...issuers[profile], accessTokenLifetime: 0 };
      const { awaits } = walkWith({ issuer }, authenticated(printer), redeemed);
      expect(awaits).to.include({ withRefreshToken: false });
      expect(awaits).to.have.property('grant').that.includes({ expiresAt: undefined, refreshExpiresAt: undefined });
    });

    it('refresh tokens of an issuer that limits only access tokens never expire', () => {
      const issuer = { ...issuers[profile], refreshTokenLifetime: 0 };
      const { awaits } = walkWith({ issuer }, authenticated(printer), redeemed);
      expect(awaits)
        .to.have.property('grant')
        .that.includes({ expiresAt: beginning + 600_000, refreshExpiresAt: undefined });
    });

    it('a global token names no service', () => {
      const { awaits } = walkWith({ issuer: everywhere(issuers[profile]) }, authenticated(printer), redeemed);
      expect(awaits).to.have.property('grant').that.includes({ boundTo: 'global', serviceId: undefined });
    });

    it('§5.1: ends with the grant and its tokens', () => {
      const state = walk(authenticated(printer), redeemed, grantOpened);
      expect(state).to.deep.include({ state: 'granted', tokens });
      expect(state).to.have.nested.property('grant.grantId', 'grant-of-the-code');
    });

    it('TK-09: refuses if the grant was revoked before it was opened', () => {
      const state = walk(authenticated(printer), redeemed, { event: 'grantAlreadyRevoked' });
      expect(state).to.deep.equal({ state: 'refused', reason: 'code_invalid' });
    });

    it('TK-04: refuses an unknown or expired code', () => {
      expect(walk(authenticated(printer), { event: 'codeUnknown' })).to.deep.equal({
        state: 'refused',
        reason: 'code_invalid',
      });
    });

    it('TK-05, TK-21: refuses the code of another client or another service as an unknown one', () => {
      for (const binding of ['client', 'boundTo']) {
        expect(walk(authenticated(printer), mismatched(binding))).to.deep.equal(
          walk(authenticated(printer), { event: 'codeUnknown' }),
        );
      }
    });

    it('TK-06: refuses when the redirect URI is not the one that the code was sent to', () => {
      expect(walk(authenticated(printer), mismatched('redirectUri'))).to.include({
        reason: 'code_redirect_uri_mismatched',
      });
    });

    it('PK-06: refuses when the verifier is missing', () => {
      const state = walkWith({ codeVerifier: undefined }, authenticated(printer), mismatched('codeChallenge'));
      expect(state).to.include({ reason: 'code_verifier_missing' });
    });

    it('PK-07: refuses when the verifier is wrong', () => {
      expect(walk(authenticated(printer), mismatched('codeChallenge'))).to.include({ reason: 'code_verifier_wrong' });
    });

    it('PK-09: says so when the verifier is malformed', () => {
      const state = walkWith({ codeVerifier: 'short' }, authenticated(printer), mismatched('codeChallenge'));
      expect(state).to.include({ reason: 'code_verifier_malformed' });
    });

    it('TK-03: says so when the verifier is not one string', () => {
      const state = walkWith({ codeVerifier: [verifier, 'x'] }, authenticated(printer), mismatched('codeChallenge'));
      expect(state).to.include({ reason: 'code_verifier_not_a_string' });
    });

    it('tells the client of a code only that the code is invalid', () => {
      const outcomes = ['client', 'boundTo', 'redirectUri', 'codeChallenge'].map(
        (binding) => walk(authenticated(printer), mismatched(binding)) as GrantOutcome,
      );
      for (const outcome of outcomes) expect(outcome).to.not.have.property('detail');
    });

    it(
      profile === 'kong'
        ? 'the token endpoint takes codes even where the plugin issues none any more (Kong)'
        : 'TK-16: an issuer without the grant redeems no code either',
      () => {
        const state = walkWith({ issuer: withoutTheGrant }, authenticated(printer));
        if (profile === 'kong') expect(state.state).to.equal('awaitingCode');
        else expect(state).to.include({ reason: 'grant_type_unsupported' });
      },
    );
  });
}

describe('Authorization Code Grant, where the profiles differ', () => {
  const { walk, walkWith } = at('rfc9700');
  const kong = at('kong');

  it('TK-09: a second use "SHOULD revoke [...] all tokens previously issued based on that authorization code" (§4.1.2)', () => {
    const state = walk(authenticated(printer), replayed);
    expect(state.awaits).to.deep.equal({
      effect: 'revokeGrant',
      grantId: 'grant-of-the-code',
      // The other attempt came before the code expired: all its tokens have expired by then.
      until: beginning + 42_000 + 86_400_000,
    });
  });

  it('TK-07: the second use is refused once the grant is revoked', () => {
    expect(walk(authenticated(printer), replayed, { event: 'grantRevoked' })).to.deep.equal({
      state: 'refused',
      reason: 'code_invalid',
    });
  });

  it('TK-09: the revocation of a grant whose tokens may never expire is never forgotten', () => {
    for (const changes of [{ accessTokenLifetime: 0 }, { refreshTokenLifetime: 0 }]) {
      const state = walkWith({ issuer: { ...issuers.rfc9700, ...changes } }, authenticated(printer), replayed);
      expect(state).to.have.nested.property('awaits.until', undefined);
    }
  });

  it('TK-09: the revocation is remembered until the access token expires, if that is later than the refresh token', () => {
    const issuer = { ...issuers.rfc9700, refreshTokenLifetime: 1000 };
    const state = walkWith({ issuer }, authenticated(printer), replayed);
    expect(state).to.have.nested.property('awaits.until', beginning + 42_000 + 600_000);
  });

  it('Kong refuses a second use and leaves the tokens alone', () => {
    expect(kong.walk(authenticated(printer), replayed)).to.deep.equal({ state: 'refused', reason: 'code_invalid' });
  });

  it('Kong compares a redirect_uri at the token endpoint with those registered', () => {
    const state = kong.walkWith({ redirectUri: 'https://evil.example/' }, authenticated(printer));
    expect(state).to.deep.equal({ state: 'refused', reason: 'redirect_uri_unregistered' });
  });

  it('Kong accepts a registered redirect_uri, and a request without any', () => {
    for (const redirectUri of [undefined, callback, otherCallback]) {
      expect(kong.walkWith({ redirectUri }, authenticated(printer)).state).to.equal('awaitingCode');
    }
  });

  it('Kong: a client without redirect URIs is refused as unknown', () => {
    expect(kong.walkWith({ redirectUri: undefined }, authenticated(robot))).to.deep.equal(kong.walk(rejected()));
  });

  it('TK-10: rfc9700 compares any redirect_uri with that of the code; a wrong one uses the code up', () => {
    const state = walkWith({ redirectUri: 'https://evil.example/' }, authenticated(printer));
    expect(state).to.have.nested.property('awaits.by.redirectUri', 'https://evil.example/');
    expect(state).to.have.nested.property('awaits.by.ownMismatch', 'invalidates');
  });

  it('TK-22: a redirect_uri that is not one string is malformed', () => {
    for (const redirectUri of [true, null, [callback], {}]) {
      expect(walkWith({ redirectUri }, authenticated(printer))).to.include({ detail: 'redirect_uri' });
      expect(kong.walkWith({ redirectUri }, authenticated(printer))).to.include({
        reason: 'redirect_uri_unregistered',
      });
    }
  });
});
