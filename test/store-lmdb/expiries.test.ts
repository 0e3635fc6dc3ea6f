import { expect } from 'chai';
import { open } from 'lmdb';
import { noon, testClock } from '../contract/clock.ts';
import { cleanUp, newDirectory, openTestStore } from './directory.ts';
import { consumers, world } from './writer.ts';

const names = [
  'codes',
  'grants',
  'access',
  'refresh',
  'used',
  'owners',
  'revoked',
  'expiries',
  'unique',
  'references',
  'tags',
  'entities',
];

/** The number of entries in each collection of a closed store. */
async function sizes(directory: string): Promise<Record<string, number>> {
  const root = open({ path: directory, noSubdir: false, overlappingSync: false, encoding: 'json' });
  const counted = names.map((name) => [name, root.openDB({ name, encoding: 'json' }).getKeysCount()] as const);
  await root.close();
  return Object.fromEntries(counted.filter(([, count]) => count > 0));
}

describe('Rows in an lmdb store', () => {
  after(cleanUp);

  it('are deleted when their tokens expire, with all keys in the indexes', async () => {
    const directory = newDirectory();
    const clock = testClock();
    const store = openTestStore(directory, clock);
    const write = async (n: number): Promise<void> => {
      const { code, record, redemption, grant, first, rotation } = world(n);
      await store.authorizationCodes.save(code, { ...record, expiresAt: noon + 60_000 });
      if (n % 2 === 0) await store.authorizationCodes.redeem(code, redemption);
      const bound = { ...grant, serviceId: 'service', expiresAt: noon + 1_000, refreshExpiresAt: noon + 60_000 };
      await store.grants.open(bound, first);
      if (n % 3 === 0)
        await store.grants.rotate(first.refreshToken, {
          ...rotation,
          expiresAt: noon + 60_000,
          refreshExpiresAt: noon + 60_000,
        });
      if (n % 5 === 0) await store.grants.revoke(grant.grantId, noon + 60_000);
    };
    await Promise.all(Array.from({ length: 120 }, (_, n) => write(n)));
    clock.set(noon + 60_000);
    await store.sweep();
    await store.close();
    expect(await sizes(directory)).to.deep.equal({});
  });

  it('are deleted by each write, a few expired ones at a time, so that a store without sweeps does not grow', async () => {
    const directory = newDirectory();
    const clock = testClock();
    const store = openTestStore(directory, clock);
    await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        store.authorizationCodes.save(`code ${n}`, { ...world(n).record, expiresAt: noon + 1 }),
      ),
    );
    for (let n = 0; n < 20; n++) {
      clock.set(noon + 1_000 * (n + 1));
      await store.entityStore.insert(consumers, { id: `row-${n}` });
    }
    await store.close();
    expect(await sizes(directory)).to.deep.equal({ entities: 20 });
  });

  it('are removed by an operator with all keys in the indexes', async () => {
    const directory = newDirectory();
    const store = openTestStore(directory, testClock());
    const { grant, first, rotation, consumer } = world(1);
    await store.grants.open({ ...grant, serviceId: 'service' }, first);
    await store.grants.rotate(first.refreshToken, { ...rotation, serviceId: 'service' });
    await store.grants.removeOf([{ serviceId: 'service' }]);
    await store.entityStore.insert(consumers, consumer);
    await store.entityStore.remove(consumers, consumer.id);
    await store.close();
    expect(await sizes(directory)).to.deep.equal({});
  });

  it('are unchanged after a transaction that fails', async () => {
    const directory = newDirectory();
    const store = openTestStore(directory, testClock());
    const unprintable = { ...consumers, encrypted: () => ['secret', 'nowhere.at.all'] };
    const failing = {
      ...unprintable,
      encrypted: () => {
        throw new Error('of the description');
      },
    };
    const kept = store.entityStore.insert(unprintable, { id: 'kept', username: 'kept', secret: 's' });
    const lost = Promise.resolve(store.entityStore.insert(failing, { id: 'lost', username: 'lost' }));
    const result = await lost.then(
      () => 'written',
      (error: Error) => error.message,
    );
    expect(result).to.equal('of the description');
    expect(await kept).to.deep.equal({ outcome: 'written' });
    expect(() => store.entityStore.insert(consumers, { id: 'not an id' })).to.throw(RangeError, /not an id/);
    await store.close();
    expect(await sizes(directory)).to.deep.equal({ entities: 1, unique: 1 });
  });
});
