import { expect } from 'chai';
import { type AuthorizationRequest, authorizationEndpoint } from '../../src/authorization/authorization-endpoint.ts';
import type { AuthorizationOutcome } from '../../src/authorization/vocabulary.ts';
import type { Event } from '../../src/machine/machine.ts';
import type { Client } from '../../src/oauth/client.ts';
import { grantOpened, tokens } from '../support/token-request.ts';
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
  provisionKey,
  robot,
  till,
} from '../support/world.ts';

const found = (client: Client) => ({ event: 'clientFound', client });
const unknown = { event: 'clientUnknown' };

function at(profile: (typeof bothProfiles)[number]) {
  const issuer = issuers[profile];
  const request: AuthorizationRequest = {
    issuer,
    clientId: printer.clientId,
    responseType: 'code',
    redirectUri: callback,
    scope: 'email',
    codeChallenge: challenge,
    codeChallengeMethod: 'S256',
    provisionKey,
    authenticatedUserid: 'alice',
    receivedAt: beginning,
    grantId: 'grant-1',
  };
  const walk = (...events: Event[]) => reached(authorizationEndpoint, request, ...events);
  const walkWith = (changes: Partial<AuthorizationRequest>, ...events: Event[]) =>
    reached(authorizationEndpoint, { ...request, ...changes }, ...events);
  return { issuer, request, walk, walkWith };
}

for (const profile of bothProfiles) {
  const { issuer, walk, walkWith } = at(profile);

  describe(`The authorization endpoint (RFC 6749 §3.1), as the login page calls it, profile ${profile}`, () => {
    it('refuses every request without the provision key', () => {
      for (const wrong of [undefined, '', 'guess', [provisionKey], null, true]) {
        expect(walkWith({ provisionKey: wrong })).to.deep.equal({
          state: 'refused',
          reason: 'provision_key_wrong',
          redirectUri: undefined,
        });
      }
    });

    it('requires the resource owner', () => {
      for (const authenticatedUserid of [undefined, '', ' \t']) {
        expect(walkWith({ authenticatedUserid })).to.include({ reason: 'authenticated_userid_missing' });
      }
    });

    it('TK-22: refuses a resource owner that is not one string', () => {
      for (const authenticatedUserid of [7, true, ['a', 'b'], {}]) {
        expect(walkWith({ authenticatedUserid })).to.include({ reason: 'parameter_malformed' });
      }
    });

    it('asks for the client that was named', () => {
      expect(walk().awaits).to.deep.equal({ effect: 'findClient', clientId: 'printer' });
    });

    it('looks no further than that for a client that is not named by one string', () => {
      for (const clientId of [undefined, true, ['printer', 'printer'], null, {}]) {
        expect(walkWith({ clientId }).awaits).to.deep.equal({ effect: 'findClient', clientId: '' });
      }
    });

    it('AZ-06: reports an unknown client to the caller only', () => {
      expect(walk(unknown)).to.deep.equal({
        state: 'refused',
        reason: 'client_authentication_failed',
        redirectUri: undefined,
      });
    });

    it('AZ-06: a client that never registered a redirect URI is none here', () => {
      expect(walk(found(robot))).to.deep.equal(walk(unknown));
    });

    it('AZ-29, AZ-30: saves a code bound to client, service, redirect URI and challenge, for a short while', () => {
      expect(walk(found(printer)).awaits).to.deep.equal({
        effect: 'saveAuthorizationCode',
        record: {
          grantId: 'grant-1',
          credentialId: printer.id,
          boundTo: 'service:orders',
          serviceId: 'orders',
          subject: 'alice',
          scope: ['email'],
          redirectUri: callback,
          redirectUriSent: true,
          codeChallenge: challenge,
          issuedAt: beginning,
          expiresAt: beginning + (profile === 'kong' ? 300_000 : 60_000),
        },
      });
    });

    it('§4.1.2: ends with the code and the redirect URI', () => {
      const saved = { event: 'authorizationCodeSaved', code: 'c' };
      expect(walk(found(printer), saved)).to.deep.equal({
        state: 'codeGranted',
        redirectUri: callback,
        code: 'c',
      });
    });

    it('binds the code of an issuer with global credentials to that issuer (Kong)', () => {
      const state = walkWith({ issuer: everywhere(issuer) }, found(printer));
      expect(state).to.have.nested.property('awaits.record.boundTo', 'plugin:plugin-orders');
    });

    it('§3.1.2.3: takes the only redirect URI that is registered when none is named', () => {
      const state = walkWith({ redirectUri: undefined }, found(till));
      expect(state).to.have.nested.property('awaits.record.redirectUri', 'https://till.example/cb');
      expect(state).to.have.nested.property('awaits.record.redirectUriSent', false);
    });

    it('AZ-07: refuses a redirect URI that is not registered, and never sends a browser there', () => {
      const state = walkWith({ redirectUri: 'https://evil.example/' }, found(printer));
      expect(state).to.include({
        reason: 'redirect_uri_unregistered',
        redirectUri: profile === 'kong' ? callback : undefined,
      });
    });

    it('AZ-06: redirects nowhere if no redirect URI is registered', () => {
      for (const redirectUri of [undefined, callback]) {
        const state = walkWith({ redirectUri }, found({ ...printer, redirectUris: [] }));
        expect(state).to.include({ reason: 'redirect_uri_unregistered', redirectUri: undefined });
      }
    });

    it('AZ-05: issues no code but for the one response type, spelt right', () => {
      for (const responseType of [undefined, '', 'foo', 'code foo', 'CODE', ['code', 'code'], null]) {
        expect(walkWith({ responseType }, found(printer))).to.deep.equal({
          state: 'refused',
          reason: 'response_type_unsupported',
          redirectUri: callback,
        });
      }
    });

    it('AZ-05: issues no code where the grant is switched off', () => {
      const off = { ...issuer, grantTypes: { ...issuer.grantTypes, authorizationCode: false } };
      expect(walkWith({ issuer: off }, found(printer))).to.include({ reason: 'response_type_unsupported' });
    });

    it('AZ-14: sends a refused scope back to the client', () => {
      expect(walkWith({ scope: 'email admin' }, found(printer))).to.deep.equal({
        state: 'refused',
        reason: 'scope_unknown',
        detail: 'admin',
        redirectUri: callback,
      });
    });

    it('AZ-17: without a scope and a default the request fails if a scope is mandatory', () => {
      const mandatory = { ...issuer, mandatoryScope: true };
      expect(walkWith({ issuer: mandatory, scope: undefined }, found(printer))).to.include({
        reason: 'scope_missing',
      });
    });

    it('refuses where a code could be bound to nothing', () => {
      const nowhere = { ...issuer, codesBoundTo: '' };
      expect(walkWith({ issuer: nowhere }, found(printer))).to.include({ reason: 'service_missing' });
    });

    it('PK-03: refuses any challenge method but S256', () => {
      for (const codeChallengeMethod of ['plain', 'S512', '', null, ['S256'], { toString: 1 }]) {
        const state = walkWith({ codeChallengeMethod }, found(printer));
        const nameless = codeChallengeMethod === null && profile === 'kong';
        if (nameless) expect(state.state).to.equal('awaitingCode');
        else expect(state).to.include({ reason: 'code_challenge_method_unsupported' });
      }
    });

    it('PK-04: "Public clients MUST use PKCE" (RFC 9700 §2.1.1)', () => {
      const bare = { codeChallenge: undefined, codeChallengeMethod: undefined, redirectUri: undefined };
      expect(walkWith(bare, found(phone))).to.include({ reason: 'code_challenge_missing', detail: 'public' });
    });

    it('PK-06: refuses a method without a challenge', () => {
      expect(walkWith({ codeChallenge: undefined }, found(printer))).to.include({
        reason: 'code_challenge_without_value',
      });
    });

    it('PK-10: refuses a challenge that is empty or not one string', () => {
      for (const codeChallenge of ['', [challenge, challenge], 7, null, {}]) {
        expect(walkWith({ codeChallenge }, found(printer))).to.include({ reason: 'code_challenge_malformed' });
      }
    });
  });
}

describe('The authorization endpoint, where several things are wrong', () => {
  const { walk, walkWith } = at('kong');
  const reasonOf = (state: ReturnType<typeof walk>) => (state as AuthorizationOutcome & { reason?: string }).reason;
  const wrong: Partial<AuthorizationRequest> = { responseType: 'foo' };
  const scope = { ...wrong, scope: 'admin' };
  const uri = { ...scope, redirectUri: 'https://evil.example/' };
  const pkce = { ...uri, codeChallengeMethod: 'plain' };

  it('the last one found is reported, as in Kong: response_type, scope, client and redirect_uri, PKCE', () => {
    expect(reasonOf(walkWith(wrong, found(printer)))).to.equal('response_type_unsupported');
    expect(reasonOf(walkWith(scope, found(printer)))).to.equal('scope_unknown');
    expect(reasonOf(walkWith(uri, found(printer)))).to.equal('redirect_uri_unregistered');
    expect(reasonOf(walkWith(scope, unknown))).to.equal('client_authentication_failed');
    expect(reasonOf(walkWith(pkce, found(printer)))).to.equal('code_challenge_method_unsupported');
    expect(reasonOf(walkWith(pkce, unknown))).to.equal('code_challenge_method_unsupported');
  });

  it('AZ-05: the first one is reported in profile rfc9700', () => {
    const strict = at('rfc9700');
    expect(reasonOf(strict.walkWith(pkce, found(printer)))).to.equal('response_type_unsupported');
    expect(reasonOf(strict.walkWith({ ...pkce, responseType: 'code' }, unknown))).to.equal('scope_unknown');
    const named = { ...pkce, responseType: 'code', scope: 'email' };
    expect(reasonOf(strict.walkWith(named, found(printer)))).to.equal('redirect_uri_unregistered');
    expect(reasonOf(strict.walkWith(named, unknown))).to.equal('client_authentication_failed');
    // A wrong redirect_uri is reported to the caller only, whatever else is wrong (RFC 6749 §4.1.2.1).
    expect(strict.walkWith(pkce, found(printer))).to.include({ redirectUri: undefined });
  });

  it('AZ-25: response_type=token without a challenge is an unsupported response type in profile rfc9700', () => {
    const bare = { responseType: 'token', codeChallenge: undefined, codeChallengeMethod: undefined };
    const state = at('rfc9700').walkWith(bare, found(printer));
    expect(reasonOf(state)).to.equal('response_type_unsupported');
  });
});

describe('Implicit Grant, the authorization request (RFC 6749 §4.2.1), as Kong has it', () => {
  const { issuer, walkWith } = at('kong');
  const implicit = { responseType: 'token' };

  it('opens a grant without a refresh token', () => {
    const { awaits } = walkWith(implicit, found(printer));
    expect(awaits).to.include({ effect: 'openGrant', withRefreshToken: false });
    expect(awaits)
      .to.have.property('grant')
      .that.deep.includes({ grantId: 'grant-1', subject: 'alice', scope: ['email'] });
  });

  it('§4.2.2: ends with the token and the redirect URI', () => {
    const state = walkWith(implicit, found(printer), grantOpened);
    expect(state).to.deep.include({ state: 'accessTokenGranted', redirectUri: callback, tokens });
  });

  it('refuses if the grant was revoked before it was opened', () => {
    expect(walkWith(implicit, found(printer), { event: 'grantAlreadyRevoked' })).to.deep.equal({
      state: 'refused',
      reason: 'response_type_unsupported',
      redirectUri: callback,
    });
  });

  it('refuses if the plugin disables it', () => {
    const off = { ...issuer, grantTypes: { ...issuer.grantTypes, implicit: false } };
    expect(walkWith({ ...implicit, issuer: off }, found(printer))).to.include({ reason: 'response_type_unsupported' });
  });

  it('refuses on a route without a service', () => {
    const nowhere = { ...issuer, audience: { boundTo: '', serviceId: undefined } };
    expect(walkWith({ ...implicit, issuer: nowhere }, found(printer))).to.include({ reason: 'service_missing' });
  });

  it('AZ-25: is not there in profile rfc9700', () => {
    expect(at('rfc9700').walkWith(implicit, found(printer))).to.include({ reason: 'response_type_unsupported' });
  });
});

describe('The authorization endpoint, where the profiles differ', () => {
  const { issuer, walkWith } = at('rfc9700');
  const kong = at('kong');
  const bare = { codeChallenge: undefined, codeChallengeMethod: undefined };

  it('PK-05: rfc9700 demands a challenge of confidential clients too, whatever the plugin says', () => {
    for (const pkce of ['none', 'lax', 'strict'] as const) {
      const state = walkWith({ ...bare, issuer: { ...issuer, pkce } }, found(printer));
      expect(state).to.include({ reason: 'code_challenge_missing' });
    }
  });

  it('PK-04: Kong requires it from public clients (lax), from all (strict) or from none (none)', () => {
    const demanded = (pkce: 'none' | 'lax' | 'strict', client: Client) =>
      kong.walkWith({ ...bare, redirectUri: undefined, issuer: { ...kong.issuer, pkce } }, found(client)).state ===
      'refused';
    expect([demanded('none', phone), demanded('none', printer)]).to.deep.equal([false, false]);
    expect([demanded('lax', phone), demanded('lax', printer)]).to.deep.equal([true, false]);
    expect([demanded('strict', phone), demanded('strict', printer)]).to.deep.equal([true, true]);
  });

  it('PK-03: rfc9700 takes a missing method for plain (RFC 7636 §4.3) and refuses it', () => {
    expect(walkWith({ codeChallengeMethod: undefined }, found(printer))).to.include({
      reason: 'code_challenge_method_unsupported',
    });
  });

  it('Kong takes a missing method for S256, and s256 as well', () => {
    for (const codeChallengeMethod of [undefined, 's256']) {
      const state = kong.walkWith({ codeChallengeMethod }, found(printer));
      expect(state).to.have.nested.property('awaits.record.codeChallenge', challenge);
    }
  });

  it('PK-10: a challenge has 43 base64url characters in rfc9700', () => {
    for (const wrong of [challenge.slice(1), `${challenge}A`, `${challenge}=`, `+${challenge.slice(1)}`]) {
      expect(walkWith({ codeChallenge: wrong }, found(printer))).to.include({ reason: 'code_challenge_malformed' });
    }
  });

  it('Kong takes a challenge with padding for the one without', () => {
    const state = kong.walkWith({ codeChallenge: `${challenge}==` }, found(printer));
    expect(state).to.have.nested.property('awaits.record.codeChallenge', challenge);
  });

  it('AZ-12: of several redirect URIs the request must name one in rfc9700', () => {
    expect(walkWith({ redirectUri: undefined }, found(printer))).to.deep.equal({
      state: 'refused',
      reason: 'redirect_uri_missing',
      redirectUri: undefined,
    });
  });

  it('Kong takes the first one registered', () => {
    const state = kong.walkWith({ redirectUri: undefined }, found(printer));
    expect(state).to.have.nested.property('awaits.record.redirectUri', callback);
  });

  it('both take any one that is registered', () => {
    for (const { walkWith } of [at('kong'), at('rfc9700')]) {
      const state = walkWith({ redirectUri: otherCallback }, found(printer));
      expect(state).to.have.nested.property('awaits.record.redirectUri', otherCallback);
    }
  });

  it('AZ-08: a loopback redirect URI may have any port in rfc9700, and the code is bound to that one', () => {
    const redirectUri = 'http://127.0.0.1:51004/cb';
    expect(walkWith({ redirectUri }, found(phone))).to.have.nested.property('awaits.record.redirectUri', redirectUri);
    expect(kong.walkWith({ redirectUri }, found(phone))).to.include({ reason: 'redirect_uri_unregistered' });
  });

  it('a JSON null means no resource owner (Kong)', () => {
    const state = kong.walkWith({ authenticatedUserid: null }, found(printer));
    expect(state).to.have.nested.property('awaits.record.subject', undefined);
  });
});
