/** A database that is slow, gone, or loses an answer; and what a gate does about it, seen from outside. */
import { expect } from 'chai';
import { type Cable, layCable } from '../support/cable.ts';
import { guardedApi, openTestGate, type TestGate } from '../support/open-test-gate.ts';
import { cleanUp, databaseAt, newDatabase } from './database.ts';
import { newCode, ofClient, redeem, refresh, soon } from './gates.ts';

describe('When the database', function () {
  this.timeout(60_000);
  let url: string;
  let cable: Cable;
  /** By way of the cable. */
  let gate: TestGate;
  /** With a cable of its own. */
  let other: TestGate;
  const limit = 3;

  before(async () => {
    url = await newDatabase();
    cable = await layCable(url);
    gate = await openTestGate({
      PORTCULLIS_STORE: cable.url,
      PORTCULLIS_STORE_TIMEOUT: '1',
      PORTCULLIS_STALENESS_LIMIT: String(limit),
    });
    await guardedApi(gate);
    other = await openTestGate({ PORTCULLIS_STORE: url });
  });
  afterEach(async () => {
    cable.mend();
    await soon(async () => (await ofClient(gate)).status === 200, 15);
    // A reading of events that was under way may fail yet, and the first that does not empties the caches.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
  });
  after(async () => {
    await gate?.close();
    await other?.close();
    cable?.close();
    await cleanUp();
  });

  async function knownToken(): Promise<string> {
    const { body } = await ofClient(gate);
    // What is read while an announcement comes in is not remembered.
    for (let n = 0; n < 2; n++) {
      expect((await gate.get('/api/x', body.access_token)).status).to.equal(200);
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    return body.access_token;
  }

  function isUnavailable({ status, headers }: { readonly status: number; readonly headers: Headers }): void {
    expect(status).to.equal(503);
    expect(Number(headers.get('retry-after'))).to.be.greaterThan(0);
  }

  for (const [how, fails] of [
    ['is gone', () => cable.cut()],
    ['does not answer', () => cable.silence()],
    ['answers too late', () => cable.slowDown(3_000)],
  ] as const) {
    describe(how, () => {
      it('known tokens pass until the limit; unknown ones get 503 with Retry-After; nothing is issued', async () => {
        const token = await knownToken();
        const unknown = (await ofClient(gate)).body.access_token;
        const code = await newCode(gate);
        fails();
        expect((await gate.get('/api/x', token)).status).to.equal(200);
        const answers = await Promise.all([
          gate.get('/api/x', unknown),
          gate.get('/api/x', 'never issued by anybody'),
          ofClient(gate),
          redeem(gate, code),
        ]);
        for (const answer of answers) isUnavailable(answer);
        for (const { body } of answers.slice(2)) expect(body.error).to.equal('temporarily_unavailable');
        expect((await gate.get('/api/x', token)).status, 'still').to.equal(200);
        await soon(async () => (await gate.get('/api/x', token)).status === 503, limit + 10);
        isUnavailable(await gate.get('/api/x', token));

        cable.mend();
        await soon(async () => (await gate.get('/api/x', token)).status === 200, 15);
        expect((await gate.get('/api/x', 'never issued by anybody')).status).to.equal(401);
        await soon(async () => (await ofClient(gate)).status === 200, 15);
      });
    });
  }

  it('is gone, the Admin API says so', async () => {
    cable.cut();
    for (const [method, path] of [
      ['GET', '/consumers'],
      ['POST', '/consumers'],
      ['DELETE', '/routes/api'],
    ] as const) {
      const body = method === 'POST' ? { body: JSON.stringify({ username: 'nobody' }) } : {};
      const headers = { 'Content-Type': 'application/json' };
      const response = await fetch(gate.admin + path, { method, headers, ...body });
      expect(response.status, `${method} ${path}`).to.equal(503);
      expect(Number(response.headers.get('retry-after'))).to.be.greaterThan(0);
      await response.body?.cancel();
    }
    cable.mend();
    await soon(async () => (await ofClient(gate)).status === 200, 15);
    expect((await fetch(`${gate.admin}/consumers/nobody`)).status).to.equal(404);
  });

  it('comes back, what others did meanwhile holds, without a restart', async () => {
    const token = await knownToken();
    cable.cut();
    const { data } = await other.setUp('GET', '/oauth2_tokens?size=1000');
    const row = data.find((one: { access_token: string }) => one.access_token === token);
    await other.setUp('DELETE', `/oauth2_tokens/${row.id}`);
    await other.setUp('POST', '/services/api/routes', { name: 'late', paths: ['/late'] });
    cable.mend();
    await soon(async () => (await gate.get('/api/x', token)).status === 401, 15);
    await soon(async () => (await gate.get('/late')).status === 401, 15);
    await other.setUp('DELETE', '/routes/late');
  });

  it('is a little slow, everything is only slower', async () => {
    cable.slowDown(50);
    const { status, body } = await redeem(gate, await newCode(gate));
    expect(status).to.equal(200);
    expect((await gate.get('/api/x', body.access_token)).status).to.equal(200);
  });

  it('TK-26: loses the answer to a redemption, its repetition is told redeemed again, and there is one winner', async () => {
    const code = await newCode(gate);
    const lost = cable.loseAnswerTo('findAndModify', 'codes', 'usedBy');
    const answer = await redeem(gate, code);
    await lost;
    expect(answer.status).to.equal(200);
    expect((await gate.get('/api/x', answer.body.access_token)).status).to.equal(200);
    expect((await redeem(gate, code)).status).to.equal(400);
    expect((await redeem(other, code)).status).to.equal(400);
  });

  it('loses the answer to the opening of a grant, there is one grant', async () => {
    const code = await newCode(gate);
    const lost = cable.loseAnswerTo('insert', 'grants');
    const answer = await redeem(gate, code);
    await lost;
    expect(answer.status).to.equal(200);
    expect((await other.get('/api/x', answer.body.access_token)).status).to.equal(200);
  });

  it('RF-05: loses the answer to a rotation, its repetition is told rotated again, and there is one successor', async () => {
    const first = await redeem(gate, await newCode(gate));
    const lost = cable.loseAnswerTo('findAndModify', 'grants', 'generation');
    const answer = await refresh(gate, first.body.refresh_token);
    await lost;
    expect(answer.status).to.equal(200);
    expect((await other.get('/api/x', answer.body.access_token)).status).to.equal(200);
    expect((await refresh(other, answer.body.refresh_token)).status).to.equal(200);
    expect((await refresh(other, first.body.refresh_token)).status).to.equal(400);
  });

  it('loses the answer to the insertion of a row, it is written once and told so', async () => {
    const lost = cable.loseAnswerTo('insert', 'entities');
    const row = await gate.setUp('POST', '/consumers', { username: 'lost' });
    await lost;
    expect(row.username).to.equal('lost');
    expect((await other.setUp('GET', '/consumers/lost')).id).to.equal(row.id);
  });

  it('breaks again and again, nothing is acknowledged that was not written', async () => {
    const told: string[] = [];
    const failures: number[] = [];
    let isOver = false;
    const issuing = async () => {
      while (!isOver) {
        const { status, body } = await ofClient(gate);
        if (status === 200) told.push(body.access_token);
        else failures.push(status);
      }
    };
    const writers = Array.from({ length: 4 }, issuing);
    for (let n = 0; n < 8; n++) {
      cable.cut();
      await new Promise((resolve) => setTimeout(resolve, 30));
      cable.mend();
      const before = told.length;
      await soon(() => told.length > before + 3, 15);
    }
    isOver = true;
    await Promise.all(writers);
    expect(told).to.have.length.greaterThan(20);
    expect(failures.filter((status) => status !== 503)).to.deep.equal([]);
    expect(await (await databaseAt(url)).collection('grants').countDocuments()).to.be.at.least(told.length);
    for (const token of told) expect((await other.get('/api/x', token)).status).to.equal(200);
  });
});
