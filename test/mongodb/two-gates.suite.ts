/** Two whole gates on one database, seen from outside: a change on one of them takes effect on the other. */
import { expect } from 'chai';
import { newCode, redeem, refresh, soon } from '../support/gate-requests.ts';
import { guardedApi, openTestGate, type TestGate } from '../support/open-test-gate.ts';
import { cleanUp, newDatabase } from './database.ts';

const rounds = Number(process.env['PORTCULLIS_RACE_ROUNDS'] ?? 5);
const atOnce = 64;
for (const profile of ['kong', 'rfc9700'] as const) {
  describe(`Two gates on one MongoDB database, profile ${profile}`, function () {
    this.timeout(60_000 + rounds * 10_000);
    let [a, b] = [] as unknown as [TestGate, TestGate];
    before(async () => {
      const store = { PORTCULLIS_STORE: await newDatabase(), PORTCULLIS_STORE_TIMEOUT: '20' };
      a = await openTestGate(store);
      b = await openTestGate(store);
      await guardedApi(a, { profile });
      await soon(async () => (await b.get('/api/x')).status === 401);
    });
    after(async () => {
      await a?.close();
      await b?.close();
      await cleanUp();
    });

    const manyOverBoth = <T>(call: (gate: TestGate) => Promise<T>): Promise<T[]> =>
      Promise.all(Array.from({ length: atOnce }, (_, n) => call(n % 2 === 0 ? a : b)));

    it('a token issued on one is admitted by the other at once', async () => {
      for (let round = 0; round < 10; round++) {
        const { body } = await redeem(a, await newCode(b));
        expect((await b.get('/api/x', body.access_token)).status).to.equal(200);
        expect((await a.get('/api/x', body.access_token)).status).to.equal(200);
      }
    });

    it(`TK-08: of ${atOnce} redemptions of one code over both one wins, ${rounds} times`, async () => {
      for (let round = 0; round < rounds; round++) {
        const one = await newCode(a);
        const responses = await manyOverBoth((gate) => redeem(gate, one));
        const winners = responses.filter(({ status }) => status === 200);
        expect(responses.filter(({ status }) => status >= 500)).to.have.length(0);
        if (profile === 'kong') expect(winners).to.have.length(1);
        else {
          // A replay revokes the grant (RFC 9700 §4.2.4), maybe before the winner could open it on the other gate.
          expect(winners.length).to.be.at.most(1);
          for (const gate of [a, b]) {
            for (const { body } of winners) {
              await soon(async () => (await gate.get('/api/x', body.access_token)).status === 401);
            }
          }
        }
      }
    });

    it(`RF-05: ${atOnce} refreshes at once over both leave one successor, ${rounds} times`, async () => {
      for (let round = 0; round < rounds; round++) {
        const first = await redeem(a, await newCode(b));
        const responses = await manyOverBoth((gate) => refresh(gate, first.body.refresh_token));
        const winners = responses.filter(({ status }) => status === 200);
        expect(winners).to.have.length(1);
        expect(responses.filter(({ status }) => status >= 500)).to.have.length(0);
        for (const gate of [a, b]) {
          await soon(async () => (await gate.get('/api/x', first.body.access_token)).status === 401);
        }
        // The second request used a copy: in rfc9700 it revokes the grant (RFC 9700 §4.14.2).
        const expected = profile === 'kong' ? 200 : 401;
        for (const gate of [a, b]) {
          await soon(async () => (await gate.get('/api/x', winners[0]!.body.access_token)).status === expected);
        }
      }
    });

    it('RV-03: a token that was deleted on one is rejected by the other, although it was remembered there', async () => {
      const { body } = await redeem(a, await newCode(a));
      expect((await b.get('/api/x', body.access_token)).status).to.equal(200);
      const { data } = await a.setUp('GET', '/oauth2_tokens?size=1000');
      for (const { id } of data) await a.setUp('DELETE', `/oauth2_tokens/${id}`);
      await soon(async () => (await b.get('/api/x', body.access_token)).status === 401);
    });

    it('a service and a route that were written on one take effect on the other', async () => {
      await a.setUp('POST', '/services', { name: 'more', url: a.upstream });
      await a.setUp('POST', '/services/more/routes', { name: 'more', paths: ['/more'] });
      await soon(async () => (await b.get('/more')).status === 200);
      await b.setUp('DELETE', '/routes/more');
      await soon(async () => (await a.get('/more')).status === 404);
    });

    it('the tokens of a client that was deleted on one are rejected by the other', async () => {
      await a.setUp('POST', '/consumers/alice/oauth2', {
        name: 'other',
        client_id: 'other',
        client_secret: 'other',
        redirect_uris: ['https://app.example/cb'],
      });
      const { body } = await b.post('/api/oauth2/token', {
        grant_type: 'client_credentials',
        client_id: 'other',
        client_secret: 'other',
      });
      expect((await b.get('/api/x', body.access_token)).status).to.equal(200);
      const { data } = await a.setUp('GET', '/oauth2?size=1000');
      const other = data.find(({ client_id }: { client_id: string }) => client_id === 'other');
      await a.setUp('DELETE', `/consumers/alice/oauth2/${other.id}`);
      await soon(async () => (await b.get('/api/x', body.access_token)).status === 401);
    });
  });
}
