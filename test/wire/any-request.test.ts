/** What holds of both endpoints, whatever they are sent. */
import { expect } from 'chai';
import fc from 'fast-check';
import type { OAuthResponse } from '../../src/wire/response.ts';
import { issuer as anyIssuer } from '../support/machines.ts';
import { type AnyRequest, anyAuthorizationRequest, anyTokenRequest } from '../support/requests.ts';
import {
  answeredIn,
  authorizationForm,
  bothProfiles,
  encoded,
  type Form,
  issuers,
  makeWorld,
  now,
  printer,
  provisionKey,
  registered,
  secretOf,
  verifier,
} from '../support/world.ts';

/** RFC 6749 §5.2. A rate limited client gets the error of §4.1.2.1, with 429. */
const tokenErrors = [
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
];
/** RFC 6749 §4.1.2.1. */
const redirectedErrors = [
  'invalid_request',
  'unauthorized_client',
  'access_denied',
  'unsupported_response_type',
  'invalid_scope',
  'server_error',
  'temporarily_unavailable',
];

type Endpoint = 'token' | 'authorize';

const issuer = (profile: (typeof bothProfiles)[number]) =>
  fc.oneof(
    fc.constant(issuers[profile]),
    anyIssuer.map((one) => ({ ...one, profile: issuers[profile].profile })),
  );

function forAny(
  endpoint: Endpoint,
  profile: (typeof bothProfiles)[number],
  look: (response: OAuthResponse) => void,
  runs = 300,
): void {
  const requests: fc.Arbitrary<AnyRequest> = endpoint === 'token' ? anyTokenRequest : anyAuthorizationRequest;
  fc.assert(
    fc.property(issuer(profile), requests, (issuer, request) => {
      const world = makeWorld();
      const code = now(world.code(issuers[profile], printer));
      const { body } = now(world.redeem(issuers[profile], now(world.code(issuers[profile], printer)), printer));
      const refreshToken = String(body['refresh_token']);
      look(now(world.server[endpoint](issuer, request({ code, refreshToken }))));
    }),
    { numRuns: runs },
  );
}

const tellsTokens = ({ body }: OAuthResponse) =>
  'access_token' in body || /[?#&](code|access_token)=/.test(String(body['redirect_uri'] ?? ''));

for (const profile of bothProfiles) {
  for (const endpoint of ['token', 'authorize'] as const) {
    const forAll = (look: (response: OAuthResponse) => void) => () => forAny(endpoint, profile, look);

    describe(`The ${endpoint} endpoint, whatever it is sent, profile ${profile}`, () => {
      it(
        'TK-14, TK-22: responds with a status of its table, never 5xx, and never throws',
        forAll(({ status }) => {
          expect(endpoint === 'token' ? [200, 400, 401, 405, 413] : [200, 400, 405, 413]).to.include(status);
        }),
      );

      it(
        'TK-12: responds with JSON that can be printed',
        forAll(({ body }) => {
          expect(JSON.parse(JSON.stringify(body))).to.be.an('object');
        }),
      );

      it(
        '200 and only 200 tells a token or a code',
        forAll((response) => {
          expect(tellsTokens(response)).to.equal(response.status === 200);
          expect(response.refusal === undefined).to.equal(response.status === 200);
        }),
      );

      it(
        'AZ-27: reflects nothing into a header',
        forAll(({ status, headers }) => {
          const plain = [
            'Cache-Control: no-store',
            'Pragma: no-cache',
            'Allow: POST',
            'WWW-Authenticate: Basic realm="OAuth2.0"',
          ];
          for (const [name, value] of headers) {
            const line = `${name}: ${value}`;
            if (status === 405 && name === 'WWW-Authenticate') {
              expect(line).to.match(/^WWW-Authenticate: Bearer [a-z_]+="[\w ]+",? error_description="[\w ]+"$/);
            } else expect(plain).to.include(line);
          }
        }),
      );

      it(
        'TK-13: must not be stored',
        forAll(({ status, headers }) => {
          const stored = !headers.some(([name, value]) => name === 'Cache-Control' && value === 'no-store');
          expect(stored).to.equal(status === 405 && profile === 'kong');
        }),
      );

      it(
        'TK-23: lets no other origin read it',
        forAll(({ headers }) => {
          expect(headers.filter(([name]) => /^access-control-/i.test(name))).to.deep.equal([]);
        }),
      );

      it(
        'SE-02: repeats no secret in a refusal',
        forAll(({ status, body, refusal }) => {
          if (status === 200) return;
          const { state: _, ...shown } = body;
          const said = JSON.stringify([shown, refusal]);
          for (const secret of [secretOf(printer), provisionKey, verifier]) expect(said).to.not.contain(secret);
        }),
      );

      it(
        'SE-02: gives the log no client_id but one that is registered',
        forAll(({ clientId }) => {
          const known = registered.map(({ clientId }) => clientId);
          expect([undefined, ...known]).to.include(clientId);
        }),
      );

      it(
        'SE-06: changes no prototype',
        forAll(() => {
          expect(({} as Record<string, unknown>)['polluted']).to.equal(undefined);
        }),
      );

      it(
        'AZ-06, AZ-07: sends the browser to registered redirect URIs alone',
        forAll(({ body }) => {
          if (!('redirect_uri' in body)) return;
          const uris = registered.flatMap(({ redirectUris }) => redirectUris ?? []);
          const to = String(body['redirect_uri']);
          expect(uris.some((uri) => to.startsWith(`${uri}?`) || to.startsWith(`${uri}#`))).to.equal(true);
        }),
      );

      it(
        'AZ-27: writes a redirect in characters that a URI may have',
        forAll(({ body }) => {
          if ('redirect_uri' in body) expect(body['redirect_uri']).to.match(/^[\w:/.?&=%#-]*$/);
        }),
      );
    });
  }

  describe(`Values of a million characters, profile ${profile}`, () => {
    // Where anything took the square of the length, each of these would take minutes.
    for (const character of ['%', '[', '=', 'é']) {
      const long = `${character.repeat(1_000_000)}x`;
      const statusFor = (endpoint: Endpoint, form: Form, more: string) => {
        const body = Buffer.from(`${Buffer.from(encoded(form)).toString()}&${more}`);
        const world = makeWorld();
        return now(
          endpoint === 'token'
            ? world.token(issuers[profile], {}, form['client_id'] === undefined ? printer : undefined, { body })
            : world.authorize(issuers[profile], {}, { body }),
        ).status;
      };

      it(`SE-09, TK-22: of ${JSON.stringify(character)}, wherever a caller may put them`, () => {
        const { code_challenge: _, ...authorization } = authorizationForm(printer);
        expect([200, 400]).to.include(statusFor('authorize', authorizationForm(printer), `state=${long}`));
        expect([200, 400]).to.include(statusFor('authorize', authorization, `code_challenge=${long}`));
        const forms = { scope: 'client_credentials', code: 'authorization_code', refresh_token: 'refresh_token' };
        for (const [name, grantType] of Object.entries(forms)) {
          expect(statusFor('token', { grant_type: grantType }, `${name}=${long}`)).to.equal(400);
        }
        expect(statusFor('token', { client_id: '', grant_type: 'foo' }, `client_secret=${long}`)).to.equal(400);
        expect(statusFor('token', { grant_type: 'client_credentials' }, `${long}=1`)).to.equal(200);
      });
    }
  });
}

describe('Whatever is sent, profile rfc9700', () => {
  it('TK-14: the token endpoint responds with 400 or 401 with an error code of the list', () =>
    forAny(
      'token',
      'rfc9700',
      ({ status, body }) => {
        if (status !== 200) expect(tokenErrors).to.include(body['error']);
      },
      600,
    ));

  it('AZ-14: the authorization endpoint redirects with an error code of the list', () =>
    forAny(
      'authorize',
      'rfc9700',
      (response) => {
        if (response.status === 200 || !('redirect_uri' in response.body)) return;
        expect(redirectedErrors).to.include(answeredIn(response).get('error'));
      },
      600,
    ));

  it('AZ-15: error_description has only the characters it may have', () => {
    for (const endpoint of ['token', 'authorize'] as const) {
      forAny(endpoint, 'rfc9700', (response) => {
        if (response.status === 200) return;
        const shown =
          'redirect_uri' in response.body
            ? answeredIn(response).get('error_description')
            : (response.body['error_description'] as string);
        expect(shown).to.match(/^[\x20\x21\x23-\x5B\x5D-\x7E]+$/);
      });
    }
  });

  it('AZ-16: every token response says its scope if there is one, and it is on offer', () =>
    forAny('token', 'rfc9700', ({ status, body }) => {
      if (status === 200) expect(body['scope'] ?? 'email').to.match(/^((email|profile|address)( |$))+$/);
    }));

  it('RS-24: the response to a malformed request contains no code and no token', () => {
    // A body of another type, and parameters that are repeated.
    const world = makeWorld();
    const form = { grant_type: 'client_credentials' };
    const json = { contentType: 'application/json' };
    expect(tellsTokens(now(world.token(issuers.rfc9700, form, printer, json)))).to.equal(false);
    const body = Buffer.concat([encoded(form), Buffer.from('&grant_type=client_credentials')]);
    expect(tellsTokens(now(world.token(issuers.rfc9700, form, printer, { body })))).to.equal(false);
  });
});

describe('The requests that these tests send', () => {
  it('are good often enough to reach everything, and bad often enough to be refused', () => {
    for (const profile of bothProfiles) {
      for (const endpoint of ['token', 'authorize'] as const) {
        let good = 0;
        let all = 0;
        forAny(endpoint, profile, ({ status }) => {
          all++;
          if (status === 200) good++;
        });
        expect(good / all, `${endpoint} ${profile}`).to.be.within(0.01, 0.7);
      }
    }
  });
});
