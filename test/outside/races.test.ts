/** Single use under races, from outside: a whole gate with the embedded store, real sockets, many concurrent clients. */
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { guardedApi, openTestGate, type TestGate } from '../support/open-test-gate.ts';

/** A thousand with `npm run test:races`. */
const rounds = Number(process.env['PORTCULLIS_RACE_ROUNDS'] ?? 12);
const atOnce = 64;
const verifier = 'v'.repeat(43);
const challenge = createHash('sha256').update(verifier).digest('base64url');

for (const profile of ['kong', 'rfc9700'] as const) {
  describe(`TK-08, RF-05: one code, one refresh token, ${atOnce} clients at once (profile ${profile})`, function () {
    this.timeout(60_000 + rounds * 2_000);
    let gate: TestGate;
    before(async () => {
      gate = await openTestGate();
      await guardedApi(gate, { profile });
    });
    after(() => gate.close());

    const client = { client_id: 'app', client_secret: 's3cret' };
    async function code(): Promise<string> {
      const response = await gate.post('/api/oauth2/authorize', {
        client_id: 'app',
        response_type: 'code',
        provision_key: 'the provision key',
        authenticated_userid: 'ada',
        code_challenge: challenge,
        code_challenge_method: 'S256',
      });
      return new URL(response.body.redirect_uri).searchParams.get('code')!;
    }
    const redeem = (code: string) =>
      gate.post('/api/oauth2/token', { grant_type: 'authorization_code', ...client, code, code_verifier: verifier });
    const refresh = (refreshToken: string) =>
      gate.post('/api/oauth2/token', { grant_type: 'refresh_token', ...client, refresh_token: refreshToken });
    const many = <T>(call: () => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: atOnce }, call));

    it(`a code has one winner, ${rounds} times`, async () => {
      for (let round = 0; round < rounds; round++) {
        const one = await code();
        const responses = await many(() => redeem(one));
        expect(responses.filter(({ status }) => status === 200)).to.have.length(1);
        expect(responses.filter(({ status }) => status >= 500)).to.have.length(0);
      }
    });

    it(`a refresh token has one successor, ${rounds} times`, async () => {
      for (let round = 0; round < rounds; round++) {
        const first = await redeem(await code());
        const responses = await many(() => refresh(first.body.refresh_token));
        const winners = responses.filter(({ status }) => status === 200);
        expect(winners).to.have.length(1);
        expect((await gate.get('/api/x', first.body.access_token)).status).to.equal(401);
        // The second request used a copy: in rfc9700 that revokes the grant (RFC 9700 §4.14.2).
        const expected = profile === 'kong' ? 200 : 401;
        expect((await gate.get('/api/x', winners[0]!.body.access_token)).status).to.equal(expected);
      }
    });
  });
}
