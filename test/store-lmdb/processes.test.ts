import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'chai';
import type { LmdbStore } from '../../adapters/store-lmdb/store.ts';
import { noon } from '../contract/clock.ts';
import { cleanUp, newDirectory, openTestStore } from './directory.ts';
import { consumers, type Order } from './peer.ts';
import { world } from './writer.ts';

describe('Two processes on one lmdb store', () => {
  let store: LmdbStore;
  let peer: ChildProcess;

  before(async () => {
    const directory = newDirectory();
    store = openTestStore(directory, { now: () => noon });
    peer = fork(new URL('peer.ts', import.meta.url).pathname, [directory], { serialization: 'advanced' });
    await once(peer, 'message');
  });
  after(async () => {
    const exited = once(peer, 'exit');
    peer.disconnect();
    await exited;
    await cleanUp();
  });

  async function inPeer(port: Order['port'], method: string, ...calls: unknown[][]): Promise<unknown[]> {
    peer.send({ port, method, calls });
    const [results] = await once(peer, 'message');
    return results;
  }

  it('each reads an acknowledged write of the other at once', async () => {
    for (let n = 0; n < 30; n++) {
      const { grant, first, rotation, next } = world(n);
      expect(store.grants.byAccessToken(first.accessToken)).to.equal(undefined);
      await inPeer('grants', 'open', [grant, first]);
      expect(store.grants.byAccessToken(first.accessToken), 'opened in the peer').to.deep.equal(grant);
      await store.grants.rotate(first.refreshToken, rotation);
      expect(await inPeer('grants', 'byAccessToken', [first.accessToken], [next.accessToken])).to.deep.equal([
        undefined,
        { ...grant, generation: 2 },
      ]);
      await inPeer('grants', 'revoke', [grant.grantId, noon + 1_000]);
      expect(store.grants.byAccessToken(next.accessToken), 'revoked in the peer').to.equal(undefined);
    }
  });

  it('RS-18: a row that one did not find is found as soon as the other has written it', async () => {
    const { consumer } = world(1_000);
    expect(store.entityStore.get(consumers, consumer.id)).to.equal(undefined);
    expect(await inPeer('entityStore', 'insert', ['consumers', consumer])).to.deep.equal([{ outcome: 'written' }]);
    expect(store.entityStore.get(consumers, consumer.id)).to.deep.equal(consumer);
  });

  it('TK-08: one code is redeemed once, for many attempts in both', async () => {
    for (let n = 2_000; n < 2_010; n++) {
      const { code, record, redemption } = world(n);
      await store.authorizationCodes.save(code, record);
      const attempts = Array.from({ length: 20 }, (_, at) => ({ ...redemption, attempt: `attempt ${at}` }));
      const [here, there] = await Promise.all([
        Promise.all(attempts.slice(0, 10).map((by) => store.authorizationCodes.redeem(code, by))),
        inPeer('authorizationCodes', 'redeem', ...attempts.slice(10).map((by) => [code, by])),
      ]);
      const outcomes = [...here, ...(there as typeof here)].map(({ outcome }) => outcome);
      expect(outcomes.filter((outcome) => outcome === 'redeemed')).to.have.length(1);
      expect(outcomes.filter((outcome) => outcome === 'replayed')).to.have.length(19);
    }
  });

  it('RF-05: one refresh token is rotated once, for many attempts in both', async () => {
    for (let n = 3_000; n < 3_010; n++) {
      const { grant, first, rotation } = world(n);
      await store.grants.open(grant, first);
      const attempts = Array.from({ length: 20 }, (_, at) => ({
        ...rotation,
        attempt: `attempt ${at}`,
        tokens: { accessToken: `access ${n} ${at}`, refreshToken: `refresh ${n} ${at}` },
      }));
      const [here, there] = await Promise.all([
        Promise.all(attempts.slice(0, 10).map((by) => store.grants.rotate(first.refreshToken, by))),
        inPeer('grants', 'rotate', ...attempts.slice(10).map((by) => [first.refreshToken, by])),
      ]);
      const outcomes = [...here, ...(there as typeof here)].map(({ outcome }) => outcome);
      expect(outcomes.filter((outcome) => outcome === 'rotated')).to.have.length(1);
      expect(outcomes.filter((outcome) => outcome === 'reused')).to.have.length(19);
    }
  });

  it('one unique value is taken once, for many attempts in both', async () => {
    const rows = Array.from({ length: 20 }, (_, at) => ({ id: `row-${at}`, username: 'the same' }));
    const [here, there] = await Promise.all([
      Promise.all(rows.slice(0, 10).map((row) => store.entityStore.insert(consumers, row))),
      inPeer('entityStore', 'insert', ...rows.slice(10).map((row) => ['consumers', row])),
    ]);
    const outcomes = [...here, ...(there as typeof here)].map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === 'written')).to.have.length(1);
    expect(outcomes.filter((outcome) => outcome === 'taken')).to.have.length(19);
  });

  it('one may grow the file while the other has it open', async () => {
    const big = 'x'.repeat(20_000);
    const rows = Array.from({ length: 200 }, (_, at) => ({ id: `big-${at}`, username: `big ${at}`, big }));
    await inPeer('entityStore', 'insert', ...rows.map((row) => ['consumers', row]));
    for (const row of rows) expect(store.entityStore.get(consumers, row.id)).to.deep.equal(row);
    const more = rows.map((row) => ({ ...row, id: `more-${row.id}`, username: `more ${row.username}` }));
    await Promise.all(more.map((row) => store.entityStore.insert(consumers, row)));
    expect(await inPeer('entityStore', 'get', ...more.map((row) => ['consumers', row.id]))).to.deep.equal(more);
  });
});
