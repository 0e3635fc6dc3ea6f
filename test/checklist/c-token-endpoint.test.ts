/** Group C of the security checklist: the token endpoint, asked of a whole gate. */
import { expect } from 'chai';
import { rawCall, statusOf } from '../support/sockets.ts';
import { app, appUris, basic, type ChecklistGate, openChecklistGate, other, phone, profileNames } from './world.ts';

/** RFC 6749 §5.2 */
const listed = [
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
];

for (const profile of profileNames) {
  const kong = profile === 'kong';
  describe(`C. Token endpoint, profile ${profile}`, () => {
    let there: ChecklistGate;
    before(async () => {
      there = await openChecklistGate();
    });
    after(() => there.gate.close());
    const url = () => `${there.gate.proxy}/${profile}/oauth2/token`;
    const clientCredentials = { grant_type: 'client_credentials', ...app };

    it('TK-01: takes POST and nothing else', async () => {
      for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD']) {
        const response = await fetch(url(), { method });
        expect(response.status, method).to.equal(405);
        if (!kong) expect(response.headers.get('allow')).to.equal('POST');
        await response.body?.cancel();
      }
    });

    it('TK-02: takes forms alone; in kong JSON and multipart, too, as in Kong', async () => {
      const form = new FormData();
      for (const [name, value] of Object.entries(clientCredentials)) form.set(name, value);
      for (const init of [
        { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(clientCredentials) },
        { body: form },
      ]) {
        expect((await fetch(url(), { method: 'POST', ...init })).status).to.equal(kong ? 200 : 400);
      }
      const text = { headers: { 'Content-Type': 'text/plain' }, body: String(new URLSearchParams(clientCredentials)) };
      expect((await fetch(url(), { method: 'POST', ...text })).status).to.equal(400);
      expect((await fetch(url(), { method: 'POST' })).status).to.equal(400);
    });

    it('TK-04, TK-07: a code that never was, or was redeemed, is refused', async () => {
      const error = kong ? 'invalid_request' : 'invalid_grant';
      expect((await there.redeem(profile, app, 'x'.repeat(32))).body.error).to.equal(error);
      const code = await there.code(profile, app);
      expect((await there.redeem(profile, app, code)).status).to.equal(200);
      const again = await there.redeem(profile, app, code);
      expect(again.status).to.equal(400);
      expect(again.body.error).to.equal(error);
    });

    it('TK-05, TK-11: a code is for its client alone, and the attempt of another client does not change it', async () => {
      for (const [owner, thief] of [
        [app, other],
        [phone, app],
        [app, phone],
      ] as const) {
        const code = await there.code(profile, owner);
        const uri = owner === app ? { redirect_uri: appUris[0] } : {};
        expect((await there.redeem(profile, thief, code, uri)).status).to.equal(400);
        expect((await there.redeem(profile, owner, code)).status).to.equal(200);
      }
    });

    it(`TK-06, TK-10: another registered redirect_uri than the one of the code ${kong ? 'is refused' : 'is refused, and uses the code up'}`, async () => {
      const code = await there.code(profile, app);
      expect((await there.redeem(profile, app, code, { redirect_uri: appUris[1] })).status).to.equal(400);
      expect((await there.redeem(profile, app, code)).status).to.equal(kong ? 200 : 400);
    });

    it(`TK-09: a second use of a code ${kong ? 'changes nothing, as in Kong' : 'revokes all its tokens'}`, async () => {
      const code = await there.code(profile, app);
      const { body } = await there.redeem(profile, app, code);
      await there.redeem(profile, app, code);
      expect(await there.use(profile, body.access_token)).to.equal(kong ? 200 : 401);
      expect((await there.refresh(profile, app, body.refresh_token)).status).to.equal(kong ? 200 : 400);
    });

    it('TK-12, TK-13: the response is JSON with token, type and lifetime, and no cache may keep it; nor a refusal', async () => {
      const granted = await there.token(profile, clientCredentials);
      expect(granted.headers.get('content-type')).to.match(/^application\/json/);
      expect(granted.body).to.include({ token_type: 'bearer', expires_in: 7200 });
      expect(granted.body.access_token).to.match(/^[A-Za-z0-9]{32}$/);
      const refused = await there.token(profile, { ...clientCredentials, client_secret: 'wrong' });
      for (const { headers } of [granted, refused]) {
        expect(headers.get('cache-control')).to.equal('no-store');
        expect(headers.get('pragma')).to.equal('no-cache');
      }
    });

    it('TK-15: failed authentication by header is 401 with a challenge', async () => {
      const response = await there.token(
        profile,
        { grant_type: 'authorization_code', code: 'x' },
        basic({ ...app, client_secret: 'wrong' }),
      );
      expect(response.status).to.equal(401);
      expect(response.headers.get('www-authenticate')).to.match(/^Basic /);
      expect(response.body.error).to.equal('invalid_client');
    });

    it('TK-14, TK-16, TK-19: a grant that is not offered is unsupported; errors are those of the RFC', async () => {
      for (const grantType of ['password', 'urn:x', 'implicit', '__proto__']) {
        const { status, body } = await there.token(profile, { ...clientCredentials, grant_type: grantType });
        expect(status).to.equal(400);
        expect(body.error, grantType).to.equal('unsupported_grant_type');
        expect(body.error).to.be.oneOf(listed);
      }
    });

    it(`TK-17: client credentials ${kong ? 'are Kong’s for public clients, too' : 'are for confidential clients alone'}`, async () => {
      const { status, body } = await there.token(profile, { grant_type: 'client_credentials', ...phone });
      expect(status).to.equal(kong ? 200 : 400);
      if (!kong) expect(body.error).to.be.oneOf(['unauthorized_client', 'invalid_client']);
    });

    it('TK-18: no refresh token comes with client credentials', async () => {
      expect((await there.token(profile, clientCredentials)).body).not.to.have.property('refresh_token');
    });

    it('TK-20: of two hundred tokens no two are equal, and no place of them is always the same', async () => {
      const tokens: string[] = [];
      for (let n = 0; n < 10; n++) {
        const responses = await Promise.all(Array.from({ length: 20 }, () => there.token(profile, clientCredentials)));
        tokens.push(...responses.map(({ body }) => body.access_token));
      }
      expect(new Set(tokens).size).to.equal(tokens.length);
      // 32 characters out of 62 are 190 bits; of 200 draws at one place about 60 different ones are seen.
      for (let place = 0; place < 32; place++) {
        expect(new Set(tokens.map((token) => token[place])).size).to.be.greaterThan(35);
      }
    });

    it('TK-21, RS-14: a token is valid at the service that it was issued for, and at no other', async () => {
      const { body } = await there.token(profile, clientCredentials);
      expect(await there.use(profile, body.access_token)).to.equal(200);
      expect(await there.use('other', body.access_token)).to.equal(401);
    });

    it('TK-23: no page of another site may read a response', async () => {
      const response = await there.token(profile, clientCredentials, { Origin: 'https://evil.example' });
      expect([...response.headers.keys()].filter((name) => name.startsWith('access-control'))).to.deep.equal([]);
    });

    it('TK-24: secrets in the query prove nothing in rfc9700; in kong they count as if they were in the body', async () => {
      const response = await there.gate.post(`/${profile}/oauth2/token?${new URLSearchParams(clientCredentials)}`, {});
      expect(response.status).to.equal(kong ? 200 : 400);
    });

    it('TK-25: plain HTTP is refused unless the client is on this machine, whatever an untrusted peer claims', async () => {
      const body = String(new URLSearchParams(clientCredentials));
      const call = (lines: readonly string[]) =>
        rawCall(
          Number(new URL(there.gate.proxy).port),
          [
            `POST /${profile}/oauth2/token HTTP/1.1`,
            ...lines,
            'Connection: close',
            'Content-Type: application/x-www-form-urlencoded',
            `Content-Length: ${body.length}`,
            '',
            body,
          ].join('\r\n'),
        );
      for (const lines of [
        ['Host: api.example'],
        ['Host: api.example', 'X-Forwarded-Proto: https'],
        ['Host: 127.0.0.1', 'X-Forwarded-For: 203.0.113.7'],
        ['Host: 127.0.0.1', 'Forwarded: for=203.0.113.7;proto=https'],
      ]) {
        const response = await call(lines);
        expect(statusOf(response), lines.join(', ')).to.equal(400);
        expect(response).to.include('HTTPS').and.not.include('access_token');
      }
      expect(statusOf(await call(['Host: 127.0.0.1']))).to.equal(200);
    });
  });
}
