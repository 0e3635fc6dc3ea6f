/** A database that is slow, unreachable, or loses a response; and how a gate behaves, seen from outside. */
import { expect } from 'chai';
import { type Cable, layCable } from '../support/cable.ts';
import { newCode, ofClient, redeem, refresh, soon } from '../support/gate-requests.ts';
import { guardedApi, openTestGate, type TestGate } from '../support/open-test-gate.ts';
import { cleanUp, databaseAt, newDatabase } from './database.ts';

describe('When the database', function () {
  this.timeout(60_000);
  let url: string;
  let cable: Cable;
  /** Connected through the cable. */
  let gate: TestGate;
  /** Connected directly. */
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
    cable.repair();
    await soon(async () => (await ofClient(gate)).status === 200, 15);
    // A pending read of events may still fail, and the first one that succeeds clears the caches.
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
    // A token that is read while an announcement arrives is not remembered.
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
    ['is unreachable', () => cable.cut()],
    ['does not respond', () => cable.silence()],
    ['responds too late', () => cable.slowDown(3_000)],
  ] as const) {
    describe(how, () => {
      it('known tokens pass until the limit; unknown ones get 503 with Retry-After; nothing is issued', async () => {
        const token = await knownToken();
        const unknown = (await ofClient(gate)).body.access_token;
        const code = await newCode(gate);
        fails();
        expect((await gate.get('/api/x', token)).status).to.equal(200);
        const responses = await Promise.all([
          gate.get('/api/x', unknown),
          gate.get('/api/x', 'never issued'),
          ofClient(gate),
          redeem(gate, code),
        ]);
        for (const response of responses) isUnavailable(response);
        for (const { body } of responses.slice(2)) expect(body.error).to.equal('temporarily_unavailable');
        expect((await gate.get('/api/x', token)).status, 'still').to.equal(200);
        await soon(async () => (await gate.get('/api/x', token)).status === 503, limit + 10);
        isUnavailable(await gate.get('/api/x', token));

        cable.repair();
        await soon(async () => (await gate.get('/api/x', token)).status === 200, 15);
        expect((await gate.get('/api/x', 'never issued')).status).to.equal(401);
        await soon(async () => (await ofClient(gate)).status === 200, 15);
      });
    });
  }

  it('is unreachable, the Admin API responds with 503', async () => {
    cable.cut();
    for (const [method, path] of [
      ['GET', '/consumers'],
      ['POST', '/consumers'],
      ['DELETE', '/routes/api'],
    ] as const) {
      const body = method === 'POST' ? { body: JSON.stringify({ username: 'absent' }) } : {};
      const headers = { 'Content-Type': 'application/json' };
      const response = await fetch(gate.admin + path, { method, headers, ...body });
      expect(response.status, `${method} ${path}`).to.equal(503);
      expect(Number(response.headers.get('retry-after'))).to.be.greaterThan(0);
      await response.body?.cancel();
    }
    cable.repair();
    await soon(async () => (await ofClient(gate)).status === 200, 15);
    expect((await fetch(`${gate.admin}/consumers/absent`)).status).to.equal(404);
  });

  it('comes back, changes by other gates take effect, without a restart', async () => {
    const token = await knownToken();
    cable.cut();
    const { data } = await other.setUp('GET', '/oauth2_tokens?size=1000');
    const row = data.find((one: { access_token: string }) => one.access_token === token);
    await other.setUp('DELETE', `/oauth2_tokens/${row.id}`);
    await other.setUp('POST', '/services/api/routes', { name: 'late', paths: ['/late'] });
    cable.repair();
    await soon(async () => (await gate.get('/api/x', token)).status === 401, 15);
    await soon(async () => (await gate.get('/late')).status === 401, 15);
    await other.setUp('DELETE', '/routes/late');
  });

  it('is a little slow, requests are only slower', async () => {
    cable.slowDown(50);
    const { status, body } = await redeem(gate, await newCode(gate));
    expect(status).to.equal(200);
    expect((await gate.get('/api/x', body.access_token)).status).to.equal(200);
  });

  it('TK-26: loses the response to a redemption, its repetition returns redeemed again, and one request wins', async () => {
    const code = await newCode(gate);
    const lost = cable.loseResponseTo('findAndModify', 'codes', 'usedBy');
    const response = await redeem(gate, code);
    await lost;
    expect(response.status).to.equal(200);
    expect((await gate.get('/api/x', response.body.access_token)).status).to.equal(200);
    expect((await redeem(gate, code)).status).to.equal(400);
    expect((await redeem(other, code)).status).to.equal(400);
  });

  it('loses the response to the opening of a grant, there is one grant', async () => {
    const code = await newCode(gate);
    const lost = cable.loseResponseTo('insert', 'grants');
    const response = await redeem(gate, code);
    await lost;
    expect(response.status).to.equal(200);
    expect((await other.get('/api/x', response.body.access_token)).status).to.equal(200);
  });

  it('RF-05: loses the response to a rotation, its repetition returns rotated again, and there is one successor', async () => {
    const first = await redeem(gate, await newCode(gate));
    const lost = cable.loseResponseTo('findAndModify', 'grants', 'generation');
    const response = await refresh(gate, first.body.refresh_token);
    await lost;
    expect(response.status).to.equal(200);
    expect((await other.get('/api/x', response.body.access_token)).status).to.equal(200);
    expect((await refresh(other, response.body.refresh_token)).status).to.equal(200);
    expect((await refresh(other, first.body.refresh_token)).status).to.equal(400);
  });

  it('loses the response to the insert of a row, the row is written once and the insert succeeds', async () => {
    const lost = cable.loseResponseTo('insert', 'entities');
    const row = await gate.setUp('POST', '/consumers', { username: 'lost' });
    await lost;
    expect(row.username).to.equal('lost');
    expect((await other.setUp('GET', '/consumers/lost')).id).to.equal(row.id);
  });

  it('fails again and again, every acknowledged token was written', async () => {
    const issued: string[] = [];
    const failures: number[] = [];
    let isOver = false;
    const issue = async () => {
      while (!isOver) {
        const { status, body } = await ofClient(gate);
        if (status === 200) issued.push(body.access_token);
        else failures.push(status);
      }
    };
    const writers = Array.from({ length: 4 }, issue);
    for (let n = 0; n < 8; n++) {
      cable.cut();
      await new Promise((resolve) => setTimeout(resolve, 30));
      cable.repair();
      const before = issued.length;
      await soon(() => issued.length > before + 3, 15);
    }
    isOver = true;
    await Promise.all(writers);
    expect(issued).to.have.length.greaterThan(20);
    expect(failures.filter((status) => status !== 503)).to.deep.equal([]);
    expect(await (await databaseAt(url)).collection('grants').countDocuments()).to.be.at.least(issued.length);
    for (const token of issued) expect((await other.get('/api/x', token)).status).to.equal(200);
  });
});
