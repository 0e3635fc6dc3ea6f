/** Single use under races, from outside: a whole gate with the embedded store, real sockets, many concurrent clients. */
import { expect } from 'chai';
import { newCode, redeem, refresh } from '../support/gate-requests.ts';
import { guardedApi, openTestGate, type TestGate } from '../support/open-test-gate.ts';

/** A thousand with `npm run test:races`. */
const rounds = Number(process.env['PORTCULLIS_RACE_ROUNDS'] ?? 12);
const atOnce = 64;

for (const profile of ['kong', 'rfc9700'] as const) {
  describe(`TK-08, RF-05: one code, one refresh token, ${atOnce} clients at once (profile ${profile})`, function () {
    this.timeout(60_000 + rounds * 2_000);
    let gate: TestGate;
    before(async () => {
      gate = await openTestGate();
      await guardedApi(gate, { profile });
    });
    after(() => gate.close());

    const many = <T>(call: () => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: atOnce }, call));

    it(`a code has one winner, ${rounds} times`, async () => {
      for (let round = 0; round < rounds; round++) {
        const code = await newCode(gate);
        const responses = await many(() => redeem(gate, code));
        expect(responses.filter(({ status }) => status === 200)).to.have.length(1);
        expect(responses.filter(({ status }) => status >= 500)).to.have.length(0);
      }
    });

    it(`a refresh token has one successor, ${rounds} times`, async () => {
      for (let round = 0; round < rounds; round++) {
        const first = await redeem(gate, await newCode(gate));
        const responses = await many(() => refresh(gate, first.body.refresh_token));
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
