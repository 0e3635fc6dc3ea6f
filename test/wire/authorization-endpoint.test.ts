import { expect } from 'chai';
import fc from 'fast-check';
import type { EndpointRequest, OAuthResponse } from '../../src/wire/response.ts';
import {
  answeredIn,
  authorizationForm,
  bothProfiles,
  callback,
  client,
  clientsOf,
  codeIn,
  type Form,
  issuers,
  makeWorld,
  now,
  otherCallback,
  phone,
  printer,
  robot,
} from '../support/world.ts';

function endpoint(profile: (typeof bothProfiles)[number], world = makeWorld()) {
  const issuer = issuers[profile];
  const ask = (form: Form, request?: Partial<EndpointRequest>) =>
    now(world.authorize(issuer, { ...authorizationForm(printer), ...form }, request));
  return { issuer, world, ask };
}
const errorOf = ({ status, body }: OAuthResponse) => [status, body['error']];
const isForCaller = ({ body }: OAuthResponse) => !('redirect_uri' in body);

for (const profile of bothProfiles) {
  describe(`The authorization endpoint (RFC 6749 §3.1), profile ${profile}`, () => {
    it('takes POST alone, from the login page', () => {
      for (const method of ['GET', 'PUT', 'HEAD', 'OPTIONS']) {
        expect(endpoint(profile).ask({}, { method })).to.include({ status: 405 });
      }
    });

    it('TK-25: TLS is demanded', () => {
      const response = endpoint(profile).ask({ state: 's' }, { transport: 'plain' });
      expect(errorOf(response)).to.deep.equal([400, profile === 'kong' ? 'access_denied' : 'invalid_request']);
      expect(response.body['state']).to.equal('s');
    });

    it('returns the URL to redirect the browser to, which must not be stored', () => {
      const response = endpoint(profile).ask({});
      expect(response).to.include({ status: 200, clientId: 'printer' });
      expect(response.headers).to.deep.equal([
        ['Cache-Control', 'no-store'],
        ['Pragma', 'no-cache'],
      ]);
      expect(response.body['redirect_uri']).to.match(/^https:\/\/printer\.example\/cb\?code=/);
    });

    it('AZ-02: unknown parameters are ignored', () => {
      const name = fc.string({ unit: 'grapheme', minLength: 1 }).map((name) => `x_${name}`);
      fc.assert(
        fc.property(fc.dictionary(name, fc.string({ unit: 'grapheme' })), (unknown) => {
          expect(endpoint(profile).ask(unknown).body).to.deep.equal(endpoint(profile).ask({}).body);
        }),
      );
    });

    it('AZ-05: a wrong response type gives an error and never a code', () => {
      for (const responseType of ['foo', 'code foo', 'CODE', undefined]) {
        const parameters = answeredIn(endpoint(profile).ask({ response_type: responseType }));
        expect(parameters.get('error')).to.equal('unsupported_response_type');
        expect(parameters.has('code')).to.equal(false);
      }
    });

    it('AZ-06: an unknown client is reported to the caller only', () => {
      for (const clientId of ['unknown', '', undefined, robot.clientId]) {
        const response = endpoint(profile).ask({ client_id: clientId });
        expect([errorOf(response), isForCaller(response)]).to.deep.equal([[400, 'invalid_client'], true]);
      }
    });

    it('AZ-06, AZ-07: no response redirects to a URI that is not registered', () => {
      for (const redirectUri of ['https://evil.example/', `${callback}/`, `${callback}?x=1`, `${callback}#x`]) {
        const response = endpoint(profile).ask({ redirect_uri: redirectUri });
        expect(response.status).to.equal(400);
        // Kong tells it to the first one that is registered.
        if (!isForCaller(response))
          expect(response.body['redirect_uri']).to.match(/^https:\/\/printer\.example\/cb\?error=/);
        expect(isForCaller(response)).to.equal(profile === 'rfc9700');
      }
    });

    it('AZ-11: the query of a redirect URI is kept, each parameter once', () => {
      const uri = 'https://query.example/cb?x=1&y=%C3%A9&z=a%2Bb';
      const queried = client('queried', 'confidential', [uri]);
      const world = makeWorld({ clients: clientsOf([queried]) });
      for (const form of [{}, { scope: 'admin' }]) {
        const response = now(world.authorize(issuers[profile], { ...authorizationForm(queried), ...form }));
        const parameters = answeredIn(response);
        expect(['x', 'y', 'z'].map((name) => parameters.getAll(name))).to.deep.equal([['1'], ['é'], ['a+b']]);
        expect(parameters.has(form.scope === undefined ? 'code' : 'error')).to.equal(true);
      }
    });

    it('AZ-13: "The exact value received from the client", with a code and with an error', () => {
      const printable = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 });
      const awkward = fc.string({
        unit: fc.constantFrom('+', '%', '&', '=', '#', ' ', '"', '\\', '<', 'é', '😀'),
        minLength: 1,
        maxLength: 200,
      });
      const long = fc.constantFrom('x'.repeat(2048), '%'.repeat(2048), 'é'.repeat(1024));
      fc.assert(
        fc.property(fc.oneof(printable, awkward, long), fc.constantFrom(undefined, 'admin'), (state, scope) => {
          expect(answeredIn(endpoint(profile).ask({ state, scope })).get('state')).to.equal(state);
        }),
      );
    });

    it('AZ-13: in a response to the caller as well', () => {
      expect(endpoint(profile).ask({ client_id: 'unknown', state: 's+%&=é' }).body['state']).to.equal('s+%&=é');
    });

    it('no state, no state', () => {
      expect(answeredIn(endpoint(profile).ask({})).has('state')).to.equal(false);
    });

    it('AZ-14: errors go to the redirect URI with a code of the list (§4.1.2.1)', () => {
      for (const [form, error] of [
        [{ scope: 'admin' }, 'invalid_scope'],
        [{ response_type: 'foo' }, 'unsupported_response_type'],
        [{ code_challenge_method: 'plain' }, 'invalid_request'],
        [{ code_challenge: undefined }, 'invalid_request'],
      ] as const) {
        const response = endpoint(profile).ask(form);
        expect([response.status, answeredIn(response).get('error')]).to.deep.equal([400, error]);
        expect(response).to.deep.include({ clientId: 'printer', headers: endpoint(profile).ask({}).headers });
      }
    });

    it('AZ-18: the order of scope tokens makes no difference to the grant', () => {
      const grantOf = (scope: string) => {
        const { world, issuer, ask } = endpoint(profile);
        const { body } = now(world.redeem(issuer, codeIn(ask({ scope })), printer));
        const outcome = now(world.check(body['access_token'], issuer.audience, ['email', 'profile']));
        return outcome.state;
      };
      expect([grantOf('email profile'), grantOf('profile email')]).to.deep.equal(['admitted', 'admitted']);
    });

    it('AZ-19: iss names the server of the response', () => {
      for (const form of [{}, { scope: 'admin' }, { state: 's' }]) {
        const parameters = answeredIn(endpoint(profile).ask(form));
        expect(parameters.getAll('iss')).to.deep.equal(profile === 'kong' ? [] : ['https://gate.example']);
      }
    });

    it('AZ-27: line breaks and markup in any parameter come back encoded, or as text of a JSON value', () => {
      const wicked = '"><script>\r\nSet-Cookie: x=1';
      for (const name of [
        'client_id',
        'redirect_uri',
        'response_type',
        'scope',
        'state',
        'code_challenge',
        'code_challenge_method',
      ]) {
        const { headers, body } = endpoint(profile).ask({ [name]: wicked });
        const uri = String(body['redirect_uri'] ?? '');
        expect(uri + String(body['error_description'] ?? ''), name).to.not.match(/[<>\r\n"\\]/);
        expect(JSON.stringify(headers), name).to.not.contain('Set-Cookie');
      }
    });

    it('AZ-32: request_uri fetches nothing', () => {
      const response = endpoint(profile).ask({ request_uri: 'http://127.0.0.1:1/', request: 'a.b.c' });
      // Kong does not know it; rfc9700 says so.
      expect(response.status).to.equal(profile === 'kong' ? 200 : 400);
      if (profile === 'rfc9700') expect(response.body['error_description']).to.equal('request is not supported');
    });
  });
}

describe('The authorization endpoint, profile rfc9700', () => {
  const { ask } = endpoint('rfc9700');
  const parameters = [
    'client_id',
    'response_type',
    'redirect_uri',
    'scope',
    'state',
    'code_challenge',
    'code_challenge_method',
    'provision_key',
    'authenticated_userid',
  ];

  it('AZ-03: a parameter without a value counts as absent', () => {
    for (const name of parameters) {
      const { body: empty } = endpoint('rfc9700').ask({ [name]: '' });
      expect(empty, name).to.deep.equal(endpoint('rfc9700').ask({ [name]: undefined }).body);
    }
  });

  it('AZ-04: a parameter that is repeated is an error, in body, query or both, in whatever spelling', () => {
    for (const name of parameters) {
      const twice = { [name]: ['a', 'a'] };
      const responses = [
        ask(twice),
        ask({ [name]: 'a', [`${name}[]`]: 'a' }),
        ask({ [`${name}[0]`]: 'a' }),
        ask({ [name]: 'a' }, { query: `${name}=a` }),
      ];
      for (const response of responses) {
        expect([errorOf(response), isForCaller(response)], name).to.deep.equal([[400, 'invalid_request'], true]);
      }
    }
  });

  it('AZ-08: a loopback redirect URI may have any port', () => {
    const form = { ...authorizationForm(phone), redirect_uri: 'http://127.0.0.1:51004/cb' };
    expect(ask(form).body['redirect_uri']).to.match(/^http:\/\/127\.0\.0\.1:51004\/cb\?code=/);
  });

  it('AZ-12: of several redirect URIs one must be named', () => {
    const response = ask({ redirect_uri: undefined });
    expect([errorOf(response), isForCaller(response)]).to.deep.equal([[400, 'invalid_request'], true]);
  });

  it('AZ-25: the response has no access token', () => {
    expect(answeredIn(ask({ response_type: 'token' })).get('error')).to.equal('unsupported_response_type');
  });

  it('AZ-11: what is added comes after what was there, whatever that ended with', () => {
    for (const [uri, joint] of [
      ['https://q.example/cb', '?'],
      ['https://q.example/cb?', ''],
      ['https://q.example/cb?x=1', '&'],
      ['https://q.example/cb?x=1&', ''],
      ['https://q.example/cb?x', '&'],
    ]) {
      const queried = client('queried', 'confidential', [uri!]);
      const response = now(
        makeWorld({ clients: clientsOf([queried]) }).authorize(issuers.rfc9700, authorizationForm(queried)),
      );
      expect(String(response.body['redirect_uri'])).to.match(
        new RegExp(`^${`${uri}${joint}code=`.replace(/[?.]/g, '\\$&')}`),
      );
    }
  });

  it('AZ-24: the provision key is checked first, so that no other caller causes a redirect', () => {
    expect(isForCaller(ask({ provision_key: 'guess', scope: 'admin' }))).to.equal(true);
    expect(isForCaller(ask({ authenticated_userid: undefined, scope: 'admin' }))).to.equal(true);
  });
});

describe('The authorization endpoint in profile kong', () => {
  const { ask } = endpoint('kong');

  it('parameters are sorted by name, in lower-case hex, the query of the redirect URI among them', () => {
    const queried = client('queried', 'confidential', ['https://q.example/cb?z=1&a=%C3%A9']);
    const world = makeWorld({ clients: clientsOf([queried]) });
    const response = now(world.authorize(issuers.kong, { ...authorizationForm(queried), state: 'a,b c' }));
    expect(String(response.body['redirect_uri'])).to.match(
      /^https:\/\/q\.example\/cb\?a=%c3%a9&code=\w+&state=a%2cb%20c&z=1$/,
    );
  });

  it('an empty parameter of the redirect URI is written as its bare name, a bare one as true', () => {
    const queried = client('queried', 'confidential', ['https://q.example/cb?z=&flag']);
    const world = makeWorld({ clients: clientsOf([queried]) });
    const response = now(world.authorize(issuers.kong, authorizationForm(queried)));
    expect(String(response.body['redirect_uri'])).to.match(/^https:\/\/q\.example\/cb\?code=\w+&flag=true&z$/);
  });

  it('a parameter of the same name in the query of the redirect URI is replaced', () => {
    const queried = client('queried', 'confidential', ['https://q.example/cb?code=old&state=old']);
    const world = makeWorld({ clients: clientsOf([queried]) });
    const parameters = answeredIn(now(world.authorize(issuers.kong, { ...authorizationForm(queried), state: 'new' })));
    expect([parameters.getAll('state'), parameters.getAll('code').length]).to.deep.equal([['new'], 1]);
  });

  it('state may be anything JSON has', () => {
    const stateOf = (state: unknown) => {
      const body = Buffer.from(JSON.stringify({ ...authorizationForm(printer), state }));
      const uri = String(ask({}, { contentType: 'application/json', body }).body['redirect_uri']);
      return uri.replace(/^.*\?code=\w+&?/, '');
    };
    expect(stateOf(5)).to.equal('state=5');
    expect(stateOf(true)).to.equal('state=true');
    expect(stateOf({ a: 1 })).to.equal('state%2ea=1');
    expect(stateOf(['1', '2'])).to.equal('state%5b1%5d=1&state%5b2%5d=2');
    expect(stateOf(null)).to.equal('state=');
    expect(stateOf('')).to.equal('state');
    expect(stateOf([])).to.equal('');
    expect(stateOf('\ud800')).to.equal('state=%ef%bf%bd');
  });

  it('the first redirect URI is used when the request has none', () => {
    expect(ask({ redirect_uri: undefined }).body['redirect_uri']).to.match(/^https:\/\/printer\.example\/cb\?/);
    expect(ask({ redirect_uri: otherCallback }).body['redirect_uri']).to.match(/^https:\/\/printer\.example\/other\?/);
  });

  it('the implicit grant: the token is in the fragment, the query stays', () => {
    const queried = client('queried', 'confidential', ['https://q.example/cb?x=1']);
    const world = makeWorld({ clients: clientsOf([queried]) });
    const form = { ...authorizationForm(queried), response_type: 'token', state: 's' };
    const response = now(world.authorize(issuers.kong, form));
    expect(String(response.body['redirect_uri'])).to.match(
      /^https:\/\/q\.example\/cb\?x=1#access_token=\w+&expires_in=600&state=s&token_type=bearer$/,
    );
  });

  it('the implicit grant: a token that never expires has no expires_in', () => {
    const issuer = { ...issuers.kong, accessTokenLifetime: 0 };
    const form = { ...authorizationForm(printer), response_type: 'token' };
    const response = now(makeWorld().authorize(issuer, form));
    expect(String(response.body['redirect_uri'])).to.match(
      /^https:\/\/printer\.example\/cb#access_token=\w+&token_type=bearer$/,
    );
  });

  it('a public client needs a challenge (lax); the error goes to its redirect URI', () => {
    const bare = { ...authorizationForm(phone), code_challenge: undefined, code_challenge_method: undefined };
    const response = now(makeWorld().authorize(issuers.kong, bare));
    expect(answeredIn(response).get('error_description')).to.equal('code_challenge is required for public clients');
  });

  it('TK-22: JSON in the place of a string is refused in words', () => {
    const wicked = { toString: 1, valueOf: 1 };
    for (const name of Object.keys(authorizationForm(printer))) {
      const body = Buffer.from(JSON.stringify({ ...authorizationForm(printer), [name]: wicked }));
      expect(ask({}, { contentType: 'application/json', body }).status, name).to.equal(400);
    }
  });
});
