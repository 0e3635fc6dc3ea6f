import { expect } from 'chai';
import type { Client } from '../../src/oauth/client.ts';
import type { Issuer } from '../../src/oauth/issuer.ts';
import { codeChallengeOf } from '../../src/oauth/pkce.ts';
import type { EndpointRequest, OAuthResponse } from '../../src/wire/response.ts';
import {
  at,
  basic,
  beginning,
  bothProfiles,
  callback,
  challenge,
  clientsOf,
  clockAt,
  encoded,
  everywhere,
  type Form,
  issuers,
  makeWorld,
  now,
  otherCallback,
  phone,
  printer,
  provisionKey,
  robot,
  secretOf,
  till,
  verifier,
  type World,
} from '../support/world.ts';

/** The token endpoint of a fresh world, asked at once. */
function endpoint(profile: (typeof bothProfiles)[number], world: World = makeWorld()) {
  const issuer = issuers[profile];
  const ask = (form: Form, as?: Client, request?: Partial<EndpointRequest>) =>
    now(world.token(issuer, form, as, request));
  const code = (client: Client, form?: Form) => now(world.code(issuer, client, form));
  const redeem = (code: string, client: Client, form?: Form) => now(world.redeem(issuer, code, client, form));
  const refresh = (token: unknown, client: Client, form?: Form) =>
    now(world.refresh(issuer, token as string, client, form));
  const pair = (client: Client, form?: Form) => redeem(code(client, form), client).body;
  const passes = (token: unknown, audience = issuer.audience) => now(world.check(token, audience)).state === 'admitted';
  return { issuer, world, ask, code, redeem, refresh, pair, passes };
}

const errorOf = ({ status, body }: OAuthResponse) => [status, body['error']];
const header = ({ headers }: OAuthResponse, name: string) => headers.find(([one]) => one === name)?.[1];
const clientCredentials = { grant_type: 'client_credentials' };

for (const profile of bothProfiles) {
  const invalidGrant = profile === 'kong' ? 'invalid_request' : 'invalid_grant';

  describe(`The token endpoint (RFC 6749 §3.2), profile ${profile}`, () => {
    it('TK-01: "The client MUST use the HTTP "POST" method"', () => {
      for (const method of ['GET', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH', 'post', 'PO ST']) {
        const response = endpoint(profile).ask(clientCredentials, printer, { method });
        expect(errorOf(response)).to.deep.equal([405, profile === 'kong' ? 'invalid_method' : 'invalid_request']);
        expect(header(response, 'WWW-Authenticate')).to.match(/^Bearer error=/);
        expect(header(response, 'Allow')).to.equal(profile === 'kong' ? undefined : 'POST');
      }
    });

    it('TK-25: TLS is demanded, after the method and before all else', () => {
      const response = endpoint(profile).ask({}, undefined, { transport: 'plain' });
      expect(errorOf(response)).to.deep.equal([400, profile === 'kong' ? 'access_denied' : 'invalid_request']);
      expect(errorOf(endpoint(profile).ask({}, undefined, { transport: 'plain', method: 'GET' }))[0]).to.equal(405);
    });

    it('TK-25: a proxy that says two things about it is not believed', () => {
      expect(endpoint(profile).ask(clientCredentials, printer, { transport: 'ambiguous' }).refusal).to.deep.equal({
        reason: 'forwarded_proto_ambiguous',
      });
    });

    it('TK-12, TK-13: a token response is JSON that must not be stored', () => {
      const { ask } = endpoint(profile);
      const response = ask({ ...clientCredentials, scope: 'email' }, printer);
      expect(response).to.include({ status: 200, clientId: 'printer' });
      expect(response.headers).to.deep.equal([
        ['Cache-Control', 'no-store'],
        ['Pragma', 'no-cache'],
      ]);
      expect(response.body).to.include({ token_type: 'bearer', expires_in: 600 });
      expect(response.body['access_token']).to.be.a('string');
    });

    it('TK-13: no cache may store an error', () => {
      const response = endpoint(profile).ask({ grant_type: 'foo' }, printer);
      expect(header(response, 'Cache-Control')).to.equal('no-store');
    });

    it('PK-01, PK-02: a code is redeemed for both tokens with its verifier', () => {
      for (const client of [printer, phone]) {
        const { code, redeem, passes } = endpoint(profile);
        const { status, body } = redeem(code(client), client);
        expect([status, passes(body['access_token'])]).to.deep.equal([200, true]);
        expect(body['refresh_token']).to.be.a('string').and.not.equal(body['access_token']);
      }
    });

    it('TK-14: "The request is missing a required parameter" (RFC 6749 §5.2): code, refresh_token', () => {
      const { ask } = endpoint(profile);
      for (const [grantType, parameter] of [
        ['authorization_code', 'code'],
        ['refresh_token', 'refresh_token'],
      ] as const) {
        for (const form of [{}, { [parameter]: '' }]) {
          const { status, body, refusal } = ask({ grant_type: grantType, ...form }, printer);
          expect([status, body['error'], body['error_description']]).to.deep.equal([
            400,
            'invalid_request',
            profile === 'kong' ? `Invalid ${parameter}` : `${parameter} is missing`,
          ]);
          expect(refusal).to.deep.equal({ reason: `${parameter}_missing` });
        }
      }
    });

    it('TK-04: an unknown code is refused', () => {
      expect(errorOf(endpoint(profile).redeem('nope', printer))).to.deep.equal([400, invalidGrant]);
    });

    it('AZ-29: a code is valid until its expiry and no millisecond longer', () => {
      const lifetime = profile === 'kong' ? 300_000 : 60_000;
      for (const [age, status] of [
        [lifetime - 1, 200],
        [lifetime, 400],
        [lifetime + 1, 400],
      ] as const) {
        const { world, code, redeem } = endpoint(profile);
        const asked = code(printer);
        world.clock.advance(age);
        expect(redeem(asked, printer).status, `${age} ms`).to.equal(status);
      }
    });

    it('TK-05: another client cannot use the code of a client, and the code stays valid', () => {
      for (const owner of [printer, till, phone]) {
        for (const another of [printer, till, phone].filter((client) => client !== owner)) {
          const { code, redeem } = endpoint(profile);
          const asked = code(owner);
          expect(errorOf(redeem(asked, another))).to.deep.equal([400, invalidGrant]);
          expect(redeem(asked, owner).status, `after ${another.clientId}`).to.equal(200);
        }
      }
    });

    it('TK-11: the code stays valid after another client sent it with a wrong verifier or redirect URI', () => {
      const { code, redeem } = endpoint(profile);
      const asked = code(printer);
      redeem(asked, till, { code_verifier: 'v'.repeat(43), redirect_uri: undefined });
      expect(redeem(asked, printer).status).to.equal(200);
    });

    it('CA-05: nor a client that is not authenticated', () => {
      const { world, issuer, code, redeem } = endpoint(profile);
      const asked = code(printer);
      const authorization = basic(printer, 'wrong', issuer);
      now(world.token(issuer, { grant_type: 'authorization_code', code: asked }, printer, { authorization }));
      expect(redeem(asked, printer).status).to.equal(200);
    });

    it('TK-21: a code of one service is no code at another', () => {
      const { world, issuer, code, redeem } = endpoint(profile);
      const asked = code(printer);
      expect(errorOf(now(world.redeem(at('others', issuer), asked, printer)))).to.deep.equal([400, invalidGrant]);
      expect(redeem(asked, printer).status).to.equal(200);
    });

    it('TK-07: a code is good once', () => {
      const { code, redeem } = endpoint(profile);
      const asked = code(printer);
      expect(redeem(asked, printer).status).to.equal(200);
      expect(errorOf(redeem(asked, printer))).to.deep.equal([400, invalidGrant]);
    });

    it('PK-06: a code with a challenge is refused without its verifier', () => {
      const { code, redeem } = endpoint(profile);
      expect(errorOf(redeem(code(printer), printer, { code_verifier: undefined }))).to.deep.equal([400, invalidGrant]);
    });

    it('PK-07: and with the wrong one', () => {
      const { code, redeem } = endpoint(profile);
      expect(errorOf(redeem(code(printer), printer, { code_verifier: 'v'.repeat(43) }))).to.deep.equal([
        400,
        'invalid_grant',
      ]);
    });

    it('PK-09: and with one that is malformed, which is said', () => {
      const reserved = profile === 'kong' ? [] : [`${'v'.repeat(42)}!`];
      for (const wrong of ['v'.repeat(42), 'v'.repeat(129), ...reserved]) {
        const { code, redeem } = endpoint(profile);
        expect(errorOf(redeem(code(printer), printer, { code_verifier: wrong }))).to.deep.equal([
          400,
          'invalid_request',
        ]);
      }
    });

    it('PK-09: verifiers of 43 and 128 characters are good', () => {
      for (const length of [43, 128]) {
        const { code, redeem } = endpoint(profile);
        const codeVerifier = 'v'.repeat(length);
        const asked = code(printer, { code_challenge: codeChallengeOf(codeVerifier) });
        expect(redeem(asked, printer, { code_verifier: codeVerifier }).status).to.equal(200);
      }
    });

    it('TK-16: an unknown grant type is unsupported', () => {
      expect(errorOf(endpoint(profile).ask({ grant_type: 'foo' }, printer))).to.deep.equal([
        400,
        'unsupported_grant_type',
      ]);
    });

    it('TK-18: client credentials bring no refresh token', () => {
      const { body } = endpoint(profile).ask(clientCredentials, robot);
      expect(body).to.not.have.property('refresh_token');
    });

    it('CA-02: the secret is taken in the body', () => {
      const form = { ...clientCredentials, client_id: 'printer', client_secret: secretOf(printer) };
      expect(endpoint(profile).ask(form).status).to.equal(200);
    });

    it('CA-05: confidential clients must authenticate, whatever the grant', () => {
      for (const grantType of ['authorization_code', 'refresh_token', 'client_credentials']) {
        for (const secret of [undefined, '', 'wrong', secretOf(till)]) {
          const form = { grant_type: grantType, client_id: 'printer', client_secret: secret };
          expect(errorOf(endpoint(profile).ask(form))).to.deep.equal([400, 'invalid_client']);
        }
      }
    });

    it('TK-15: a failure by header is 401 with the challenge of the same scheme', () => {
      const { issuer, ask } = endpoint(profile);
      for (const grantType of ['authorization_code', 'refresh_token', 'client_credentials', 'foo']) {
        const authorization = basic(printer, 'wrong', issuer);
        const response = ask({ grant_type: grantType }, undefined, { authorization });
        expect(errorOf(response)).to.deep.equal([401, 'invalid_client']);
        expect(header(response, 'WWW-Authenticate')).to.equal('Basic realm="OAuth2.0"');
      }
    });

    it('CA-08: an unknown client and a wrong secret look alike, and make the same calls', () => {
      for (const grantType of ['authorization_code', 'refresh_token', 'password', 'foo']) {
        const calls: string[] = [];
        const world = makeWorld({ clients: counted(calls) });
        const { issuer, ask } = endpoint(profile, world);
        const response = (clientId: string) => {
          const before = calls.length;
          const authorization = basic({ clientId }, 'wrong', issuer);
          const { clientId: _, ...rest } = ask({ grant_type: grantType }, undefined, { authorization });
          return { rest, calls: calls.slice(before) };
        };
        expect(response('unknown')).to.deep.equal(response('printer'));
      }
    });

    it('CA-09: a public client that sends a secret gets nothing', () => {
      const { code, redeem } = endpoint(profile);
      const response = redeem(code(phone), phone, { client_secret: 'x' });
      expect(errorOf(response)).to.deep.equal([400, profile === 'kong' ? 'invalid_request' : 'invalid_client']);
    });

    it('CA-09: by header neither', () => {
      const { issuer, ask } = endpoint(profile);
      const response = ask({ grant_type: 'refresh_token' }, undefined, { authorization: basic(phone, 'x', issuer) });
      expect(errorOf(response)).to.deep.equal(profile === 'kong' ? [400, 'invalid_request'] : [401, 'invalid_client']);
    });

    it('CA-06: a rate limited client gets the time to wait', () => {
      const deferring = {
        ...clientsOf([printer]),
        authenticate: () => ({ client: undefined, proof: 'rateLimited', retryAfter: 7 }) as const,
      };
      const response = endpoint(profile, makeWorld({ clients: deferring })).ask(clientCredentials, printer);
      expect(errorOf(response)).to.deep.equal([429, 'temporarily_unavailable']);
      expect(header(response, 'Retry-After')).to.equal('7');
    });

    it('SE-09: a body that is too large is 413', () => {
      expect(endpoint(profile).ask({}, printer, { body: undefined })).to.include({ status: 413 });
    });

    it('RF-01: a refresh token of one client is none for another, and costs the first nothing', () => {
      for (const owner of [printer, till, phone]) {
        for (const another of [printer, till, phone].filter((client) => client !== owner)) {
          const { pair, refresh, passes } = endpoint(profile);
          const { access_token: access, refresh_token: token } = pair(owner);
          const response = refresh(token, another);
          expect(errorOf(response)).to.deep.equal([400, profile === 'kong' ? 'invalid_client' : 'invalid_grant']);
          expect([passes(access), refresh(token, owner).status]).to.deep.equal([true, 200]);
        }
      }
    });

    it('RF-03: a refresh returns a new pair, and the old one is invalid at once', () => {
      const { pair, refresh, passes } = endpoint(profile);
      const first = pair(printer);
      const { status, body: second } = refresh(first['refresh_token'], printer);
      expect(status).to.equal(200);
      expect(second['refresh_token']).to.not.equal(first['refresh_token']);
      expect([passes(first['access_token']), passes(second['access_token'])]).to.deep.equal([false, true]);
    });

    it('RF-08: a refresh token expires if it is not used in time, to the millisecond', () => {
      for (const [age, status] of [
        [86_399_999, 200],
        [86_400_000, 400],
        [86_400_001, 400],
      ] as const) {
        const { world, pair, refresh } = endpoint(profile);
        const { refresh_token: token } = pair(printer);
        world.clock.advance(age);
        expect(refresh(token, printer).status, `${age} ms`).to.equal(status);
      }
    });

    it('RF-08: each use starts its lifetime again', () => {
      const { world, pair, refresh } = endpoint(profile);
      let { refresh_token: token } = pair(printer);
      for (let day = 0; day < 5; day++) {
        world.clock.advance(80_000_000);
        const { status, body } = refresh(token, printer);
        expect(status).to.equal(200);
        token = body['refresh_token'];
      }
    });

    it('RF-07: neither token is taken for the other', () => {
      const { pair, refresh, passes } = endpoint(profile);
      const { access_token: access, refresh_token: token } = pair(printer);
      expect(passes(token)).to.equal(false);
      expect(errorOf(refresh(access, printer))).to.deep.equal([400, invalidGrant]);
      expect(passes(access)).to.equal(true);
    });

    it('RF-07: a code is neither', () => {
      const { code, refresh, passes } = endpoint(profile);
      const asked = code(printer);
      expect([passes(asked), refresh(asked, printer).status]).to.deep.equal([false, 400]);
    });

    it('SE-10: the id of a grant is no token', () => {
      const { world, issuer, pair, passes } = endpoint(profile);
      const { access_token: access } = pair(printer);
      const outcome = now(world.check(access, issuer.audience));
      if (outcome.state !== 'admitted') throw new Error('not admitted');
      expect(passes(outcome.bearer.grant.grantId)).to.equal(false);
    });

    it('RF-09: nothing of a grant is good after it was ended', () => {
      const { world, issuer, pair, refresh, passes } = endpoint(profile);
      const { access_token: access, refresh_token: token } = pair(printer);
      const outcome = now(world.check(access, issuer.audience));
      if (outcome.state !== 'admitted') throw new Error('not admitted');
      now(world.ports.grants.revoke(outcome.bearer.grant.grantId, undefined));
      expect([passes(access), refresh(token, printer).status]).to.deep.equal([false, 400]);
    });

    it('CA-12, RF-09: nothing of a client is good after its grants were removed', () => {
      const { world, pair, refresh, passes } = endpoint(profile);
      const mine = pair(printer);
      const other = pair(till);
      now(world.ports.grants.removeOf([{ credentialId: printer.id }]));
      expect([passes(mine['access_token']), refresh(mine['refresh_token'], printer).status]).to.deep.equal([
        false,
        400,
      ]);
      expect(passes(other['access_token'])).to.equal(true);
    });

    it('RS-14, TK-21: a token of one service is none at another', () => {
      const { issuer, pair, passes } = endpoint(profile);
      const { access_token: access } = pair(printer);
      expect(passes(access, at('others', issuer).audience)).to.equal(false);
    });

    it('TK-21: a token of an issuer with global credentials is good wherever credentials are global', () => {
      const { world, issuer, passes } = endpoint(profile);
      const { body } = now(world.token(everywhere(issuer), clientCredentials, printer));
      expect(passes(body['access_token'], everywhere(at('others', issuer)).audience)).to.equal(true);
      expect(passes(body['access_token'])).to.equal(false);
    });

    it('RS-17: an access token is valid until its expiry and no millisecond longer', () => {
      for (const [age, admitted] of [
        [599_999, true],
        [600_000, false],
        [600_001, false],
      ] as const) {
        const { world, pair, passes } = endpoint(profile);
        const { access_token: access } = pair(printer);
        world.clock.advance(age);
        expect(passes(access), `${age} ms`).to.equal(admitted);
      }
    });

    it('TK-26: a store that fails after the code was used leaves neither a token nor a live code', async () => {
      const world = makeWorld();
      const gone = { ...world.ports.grants, open: () => Promise.reject(new Error('the store is gone')) };
      const failing = makeWorld({ ...world.ports, clock: world.clock, grants: gone });
      const asked = now(world.code(issuers[profile], printer));
      const error = await Promise.resolve(failing.redeem(issuers[profile], asked, printer)).catch((error) => error);
      expect(error).to.be.an('error').with.property('message', 'the store is gone');
      expect(errorOf(now(world.redeem(issuers[profile], asked, printer)))).to.deep.equal([400, invalidGrant]);
    });

    it('RS-22: no request is admitted while the store cannot be reached', async () => {
      const grants = { ...makeWorld().ports.grants, byAccessToken: () => Promise.reject(new Error('gone')) };
      const world = makeWorld({ grants });
      const outcome = await Promise.resolve(world.check('abc')).catch((error: Error) => error);
      expect(outcome).to.be.an('error');
    });

    it('TK-24, CA-03: a secret in the query of a token request', () => {
      const query = new URLSearchParams({ client_id: 'printer', client_secret: secretOf(printer) }).toString();
      const response = endpoint(profile).ask(clientCredentials, undefined, { query });
      // Kong takes it; rfc9700 does not even look.
      expect(errorOf(response)).to.deep.equal(profile === 'kong' ? [200, undefined] : [400, 'invalid_client']);
    });
  });
}

describe('The token endpoint, profile rfc9700', () => {
  const { issuer } = endpoint('rfc9700');

  it('TK-02: takes forms alone', () => {
    const body = Buffer.from(
      JSON.stringify({ ...clientCredentials, client_id: 'printer', client_secret: secretOf(printer) }),
    );
    const response = endpoint('rfc9700').ask({}, undefined, { contentType: 'application/json', body });
    expect(errorOf(response)).to.deep.equal([400, 'invalid_request']);
  });

  it('TK-03: a repeated parameter is refused before the client is authenticated', () => {
    const response = endpoint('rfc9700').ask({ grant_type: ['client_credentials', 'client_credentials'] }, undefined);
    expect(errorOf(response)).to.deep.equal([400, 'invalid_request']);
  });

  it('a missing grant_type has its own error', () => {
    expect(errorOf(endpoint('rfc9700').ask({}, printer))).to.deep.equal([400, 'invalid_request']);
  });

  it('TK-19: knows no password grant', () => {
    const form = { grant_type: 'password', provision_key: provisionKey, authenticated_userid: 'alice' };
    expect(errorOf(endpoint('rfc9700').ask(form, printer))).to.deep.equal([400, 'unsupported_grant_type']);
  });

  it('TK-17: knows no client credentials of a public client', () => {
    expect(errorOf(endpoint('rfc9700').ask(clientCredentials, phone))).to.deep.equal([400, 'unauthorized_client']);
  });

  it('TK-06, TK-10: a redirect URI other than the one the code was sent to costs the code', () => {
    for (const redirectUri of [otherCallback, 'https://evil.example/', `${callback}/`, undefined]) {
      const { code, redeem } = endpoint('rfc9700');
      const asked = code(printer);
      expect(errorOf(redeem(asked, printer, { redirect_uri: redirectUri }))).to.deep.equal([400, 'invalid_grant']);
      expect(errorOf(redeem(asked, printer))).to.deep.equal([400, 'invalid_grant']);
    }
  });

  it('TK-06: it need not be named again where it was not named before (§4.1.3)', () => {
    const { code, redeem } = endpoint('rfc9700');
    expect(redeem(code(till, { redirect_uri: undefined }), till, { redirect_uri: undefined }).status).to.equal(200);
  });

  it('AZ-08: the port of a loopback redirect URI is bound to the code like the rest of it', () => {
    const { code, redeem } = endpoint('rfc9700');
    const redirect = (port: number) => ({ redirect_uri: `http://127.0.0.1:${port}/cb` });
    expect(redeem(code(phone, redirect(50_001)), phone, redirect(50_001)).status).to.equal(200);
    expect(redeem(code(phone, redirect(50_001)), phone, redirect(50_002)).status).to.equal(400);
  });

  it('PK-11: a wrong verifier costs the code', () => {
    for (const wrong of ['v'.repeat(43), 'short', undefined]) {
      const { code, redeem } = endpoint('rfc9700');
      const asked = code(printer);
      redeem(asked, printer, { code_verifier: wrong });
      expect(errorOf(redeem(asked, printer))).to.deep.equal([400, 'invalid_grant']);
    }
  });

  it('PK-08: a verifier for a code without a challenge is refused, and no verifier as well', () => {
    for (const codeVerifier of ['v'.repeat(43), undefined]) {
      // As after the profile of a plugin was changed.
      const { world, redeem } = endpoint('rfc9700');
      const bare = { code_challenge: undefined, code_challenge_method: undefined };
      const asked = now(world.code(issuers.kong, printer, bare));
      expect(errorOf(redeem(asked, printer, { code_verifier: codeVerifier }))).to.deep.equal([400, 'invalid_grant']);
    }
  });

  it('PK-14: a verifier is compared by its digest alone: no port ever sees it', () => {
    const seen: unknown[] = [];
    const { ports } = makeWorld();
    const codes = {
      ...ports.codes,
      redeem: (code: string, by: Parameters<typeof ports.codes.redeem>[1]) => {
        seen.push(by);
        return ports.codes.redeem(code, by);
      },
    };
    const { code, redeem } = endpoint('rfc9700', makeWorld({ ...ports, codes }));
    expect(redeem(code(printer), printer).status).to.equal(200);
    expect(seen).to.have.length(1);
    expect(JSON.stringify(seen)).to.contain(challenge);
    expect(JSON.stringify(seen)).to.not.contain(verifier);
  });

  it('TK-09: a replay ends the grant of the code: no token of it passes any more', () => {
    const { code, redeem, refresh, passes } = endpoint('rfc9700');
    const asked = code(printer);
    const { access_token: first, refresh_token: token } = redeem(asked, printer).body;
    const { access_token: second } = refresh(token, printer).body;
    redeem(asked, printer);
    expect([passes(first), passes(second), refresh(token, printer).status]).to.deep.equal([false, false, 400]);
  });

  it('TK-11: a replay by another client ends nothing', () => {
    const { code, redeem, passes } = endpoint('rfc9700');
    const asked = code(printer);
    const { access_token: access } = redeem(asked, printer).body;
    redeem(asked, till);
    expect(passes(access)).to.equal(true);
  });

  it('RF-04: the reuse of a refresh token revokes its grant', () => {
    const { pair, refresh, passes } = endpoint('rfc9700');
    const first = pair(printer);
    const second = refresh(first['refresh_token'], printer).body;
    expect(errorOf(refresh(first['refresh_token'], printer))).to.deep.equal([400, 'invalid_grant']);
    expect([passes(second['access_token']), refresh(second['refresh_token'], printer).status]).to.deep.equal([
      false,
      400,
    ]);
  });

  it('RF-04: one that was reused long after is noticed all the same', () => {
    const { pair, refresh, passes } = endpoint('rfc9700');
    const first = pair(printer);
    let current = first;
    for (let times = 0; times < 20; times++) current = refresh(current['refresh_token'], printer).body;
    refresh(first['refresh_token'], printer);
    expect(passes(current['access_token'])).to.equal(false);
  });

  it('RF-06: within the grace period a repeated refresh returns the same pair, with the rest of its lifetime', () => {
    const graceful: Issuer = { ...issuer, refreshTokenGrace: 30_000 };
    for (const [later, same] of [
      [0, true],
      [29_999, true],
      [30_000, false],
      [30_001, false],
    ] as const) {
      const { world, pair } = endpoint('rfc9700');
      const { refresh_token: token } = pair(printer);
      const once = now(world.refresh(graceful, token as string, printer));
      world.clock.advance(later);
      const again = now(world.refresh(graceful, token as string, printer));
      if (!same) expect(errorOf(again), `${later} ms`).to.deep.equal([400, 'invalid_grant']);
      else expect(again.body).to.deep.equal({ ...once.body, expires_in: Math.floor(600 - later / 1000) });
    }
  });

  it('RF-06: once the successor was used, the token before it is a reuse even within the grace', () => {
    const graceful: Issuer = { ...issuer, refreshTokenGrace: 30_000 };
    const { world, pair, passes } = endpoint('rfc9700');
    const { refresh_token: first } = pair(printer);
    const second = now(world.refresh(graceful, first as string, printer)).body;
    const third = now(world.refresh(graceful, second['refresh_token'] as string, printer)).body;
    expect(errorOf(now(world.refresh(graceful, first as string, printer)))).to.deep.equal([400, 'invalid_grant']);
    expect(passes(third['access_token'])).to.equal(false);
  });

  it('RF-02: a refresh may narrow the scope, and says so; the next may have all of it again', () => {
    const { pair, refresh } = endpoint('rfc9700');
    const first = pair(printer, { scope: 'email profile' });
    expect(first['scope']).to.equal('email profile');
    const second = refresh(first['refresh_token'], printer, { scope: 'email' }).body;
    expect(second['scope']).to.equal('email');
    expect(refresh(second['refresh_token'], printer).body['scope']).to.equal('email profile');
  });

  it('RF-02: it may not widen it, and a refused refresh costs nothing', () => {
    const { pair, refresh } = endpoint('rfc9700');
    const { refresh_token: token } = pair(printer, { scope: 'email' });
    expect(errorOf(refresh(token, printer, { scope: 'email profile' }))).to.deep.equal([400, 'invalid_scope']);
    expect(refresh(token, printer).status).to.equal(200);
  });

  it('AZ-16: every token response with a scope contains it (RFC 6749 §3.3 has no empty scope)', () => {
    expect(endpoint('rfc9700').ask(clientCredentials, printer).body).to.not.have.property('scope');
    expect(endpoint('rfc9700').ask({ ...clientCredentials, scope: 'email' }, printer).body).to.include({
      scope: 'email',
    });
  });

  it('state means nothing here', () => {
    expect(endpoint('rfc9700').ask({ ...clientCredentials, state: 's' }, printer).body).to.not.have.property('state');
    expect(endpoint('rfc9700').ask({ grant_type: 'foo', state: 's' }, printer).body).to.not.have.property('state');
  });

  it('CA-04: two methods of authentication are refused', () => {
    const form = { ...clientCredentials, client_id: 'printer', client_secret: secretOf(printer) };
    expect(errorOf(endpoint('rfc9700').ask(form, printer))).to.deep.equal([400, 'invalid_request']);
  });

  it('CA-06: the address of the caller goes with its attempt, unless failures are not limited', () => {
    const seen: unknown[] = [];
    const inner = clientsOf([printer]);
    const clients = {
      ...inner,
      authenticate: (said: Parameters<typeof inner.authenticate>[0]) => {
        seen.push(said.from);
        return inner.authenticate(said);
      },
    };
    const world = makeWorld({ clients });
    for (const limitsFailures of [true, false])
      now(world.token({ ...issuer, limitsFailures }, clientCredentials, printer));
    expect(seen).to.deep.equal(['192.0.2.1', undefined]);
  });
});

describe('The token endpoint, as Kong responds', () => {
  it('takes JSON, multipart and the query', () => {
    const parameters = { ...clientCredentials, client_id: 'printer', client_secret: secretOf(printer) };
    const ask = (request: Partial<EndpointRequest>) => endpoint('kong').ask({}, undefined, request).status;
    expect(ask({ contentType: 'application/json', body: Buffer.from(JSON.stringify(parameters)) })).to.equal(200);
    expect(ask({ query: Buffer.from(encoded(parameters)).toString() })).to.equal(200);
  });

  it('a missing grant_type is an unsupported one', () => {
    expect(errorOf(endpoint('kong').ask({}, printer))).to.deep.equal([400, 'unsupported_grant_type']);
  });

  it('the password grant, with the provision key', () => {
    const form = { grant_type: 'password', provision_key: provisionKey, authenticated_userid: 'alice', scope: 'email' };
    const { ask, passes } = endpoint('kong');
    const { status, body } = ask(form, printer);
    expect([status, passes(body['access_token'])]).to.deep.equal([200, true]);
    expect(body).to.have.property('refresh_token');
  });

  it('repeats state, whatever it is, with tokens and with errors', () => {
    expect(endpoint('kong').ask({ ...clientCredentials, state: 's' }, printer).body).to.include({ state: 's' });
    expect(endpoint('kong').ask({ grant_type: 'foo', state: 's' }, printer).body).to.include({ state: 's' });
    const body = Buffer.from(JSON.stringify({ ...clientCredentials, state: { a: [1, null] } }));
    const response = endpoint('kong').ask({}, printer, { contentType: 'application/json', body });
    expect(response.body['state']).to.deep.equal({ a: [1, null] });
  });

  it('§5.1: says the scope only where it differs from what was asked for', () => {
    expect(endpoint('kong').ask({ ...clientCredentials, scope: 'email profile' }, printer).body).to.not.have.property(
      'scope',
    );
    const issuer = { ...issuers.kong, defaultScope: ['email'] };
    expect(now(makeWorld().token(issuer, clientCredentials, printer)).body).to.include({ scope: 'email' });
  });

  it('§5.1: says nothing of a scope where none is on offer, whatever JSON asked for', () => {
    const issuer = { ...issuers.kong, scopes: undefined };
    const body = Buffer.from(JSON.stringify({ ...clientCredentials, scope: { toString: 1, valueOf: 1 } }));
    const response = now(makeWorld().token(issuer, {}, printer, { contentType: 'application/json', body }));
    expect([response.status, 'scope' in response.body]).to.deep.equal([200, false]);
  });

  it('tokens that never expire say no expiry and have no refresh token', () => {
    const issuer = { ...issuers.kong, accessTokenLifetime: 0 };
    const world = makeWorld();
    const { body } = now(world.redeem(issuer, now(world.code(issuer, printer)), printer));
    expect(body).to.have.all.keys('access_token', 'token_type');
    world.clock.advance(1e12);
    expect(now(world.check(body['access_token'], issuer.audience)).state).to.equal('admitted');
  });

  it('a wrong verifier or redirect URI costs the code nothing', () => {
    const { code, redeem } = endpoint('kong');
    const asked = code(printer);
    redeem(asked, printer, { code_verifier: 'v'.repeat(43) });
    redeem(asked, printer, { redirect_uri: otherCallback });
    expect(redeem(asked, printer).status).to.equal(200);
  });

  it('TK-06: a redirect URI that is sent must be the one of the code; it may be omitted', () => {
    const { code, redeem } = endpoint('kong');
    expect(errorOf(redeem(code(printer), printer, { redirect_uri: otherCallback }))).to.deep.equal([
      400,
      'invalid_request',
    ]);
    expect(redeem(code(printer), printer, { redirect_uri: undefined }).status).to.equal(200);
  });

  it('a verifier for a code without a challenge means nothing', () => {
    const { code, redeem } = endpoint('kong');
    const asked = code(printer, { code_challenge: undefined, code_challenge_method: undefined });
    expect(redeem(asked, printer, { code_verifier: 'v'.repeat(43) }).status).to.equal(200);
  });

  it('a second use of a code or of a refresh token is refused, and nothing else happens', () => {
    const { code, redeem, refresh, passes } = endpoint('kong');
    const asked = code(printer);
    const first = redeem(asked, printer).body;
    redeem(asked, printer);
    expect(passes(first['access_token'])).to.equal(true);
    const second = refresh(first['refresh_token'], printer).body;
    expect(errorOf(refresh(first['refresh_token'], printer))).to.deep.equal([400, 'invalid_request']);
    expect(passes(second['access_token'])).to.equal(true);
  });

  it('reuse_refresh_token: the same refresh token again, and the previous access token is invalid', () => {
    const issuer = { ...issuers.kong, reusesRefreshToken: true };
    const { world, pair, passes } = endpoint('kong');
    const first = pair(printer);
    const second = now(world.refresh(issuer, first['refresh_token'] as string, printer)).body;
    expect(second['refresh_token']).to.equal(first['refresh_token']);
    expect([passes(first['access_token']), passes(second['access_token'])]).to.deep.equal([false, true]);
    expect(now(world.refresh(issuer, first['refresh_token'] as string, printer)).status).to.equal(200);
  });

  it('a client without redirect URIs gets client credentials and nothing else', () => {
    const { ask } = endpoint('kong');
    expect(ask(clientCredentials, robot).status).to.equal(200);
    expect(errorOf(ask({ grant_type: 'refresh_token' }, robot))).to.deep.equal([401, 'invalid_client']);
  });

  it('an unknown client at client credentials is 400 without a challenge', () => {
    const authorization = basic({ clientId: 'unknown' }, 'x', issuers.kong);
    const response = endpoint('kong').ask(clientCredentials, undefined, { authorization });
    expect([errorOf(response), header(response, 'WWW-Authenticate')]).to.deep.equal([
      [400, 'invalid_client'],
      undefined,
    ]);
  });
});

describe('The clock of the endpoint', () => {
  it('is looked at once for each request, when it comes', () => {
    let looks = 0;
    const clock = { ...clockAt(beginning), now: () => beginning + looks++ };
    const { server } = makeWorld({ clock, ...makeWorld().ports });
    server.token(issuers.kong, {
      method: 'POST',
      transport: 'secure',
      query: '',
      contentType: 'application/x-www-form-urlencoded',
      body: encoded(clientCredentials),
      authorization: basic(printer, secretOf(printer), issuers.kong),
      realm: undefined,
      from: undefined,
    });
    expect(looks).to.equal(1);
  });
});

/** Clients that tell what they were asked. */
function counted(calls: string[]) {
  const inner = clientsOf([printer, till, phone]);
  return {
    find: (clientId: string) => {
      calls.push('find');
      return inner.find(clientId);
    },
    authenticate: (said: Parameters<typeof inner.authenticate>[0]) => {
      calls.push('authenticate');
      return inner.authenticate(said);
    },
  };
}
