import { expect } from 'chai';
import { openVault } from '../../adapters/crypto/vault.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { behavesAsAuthorizationCodes } from '../contract/authorization-codes.ts';
import { turnedClock } from '../contract/clock.ts';
import { behavesAsEntityStore } from '../contract/entity-store.ts';
import { behavesAsGrants } from '../contract/grants.ts';
import { world } from '../store-lmdb/writer.ts';
import { cleanUp, newDatabase, openTestStore, testKey, withoutDeaths } from './database.ts';

async function opened(clock: Clock, vault = openVault({ current: testKey })) {
  const url = await newDatabase();
  const store = await openTestStore(clock, { url, vault });
  await withoutDeaths(url);
  return store;
}

describe('MongoDB', () => {
  after(cleanUp);
  behavesAsAuthorizationCodes('the MongoDB store', async (clock) => (await opened(clock)).authorizationCodes);
  behavesAsGrants('the MongoDB store', async (clock) => (await opened(clock)).grants);
  behavesAsEntityStore('the MongoDB store', async () => (await opened(turnedClock())).entityStore);
});

describe('MongoDB: a refresh token that an operator made current again and that was used again', () => {
  after(cleanUp);

  it('is remembered among the last hundred from then on', async () => {
    const { grants } = await opened(turnedClock());
    const { grant, first, rotation } = world(1);
    const rotate = (from: string, n: number) =>
      grants.rotate(from, {
        ...rotation,
        attempt: `attempt ${n}`,
        tokens: { accessToken: `access ${n}`, refreshToken: `refresh ${n}` },
      });
    await grants.open(grant, first);
    await rotate(first.refreshToken, 0);
    await grants.replace(grant, first);
    await rotate(first.refreshToken, 1);
    for (let n = 2; n <= 100; n++) await rotate(`refresh ${n - 1}`, n);
    expect(await rotate(first.refreshToken, 101)).to.include({ outcome: 'reused' });
    await rotate('refresh 100', 102);
    expect(await rotate(first.refreshToken, 103)).to.include({ outcome: 'unknown' });
  });
});

describe('MongoDB, with keys in rotation', () => {
  after(cleanUp);
  const rotated = openVault({ current: new Uint8Array(32).fill(9), previous: [testKey] });
  behavesAsGrants('the MongoDB store', async (clock) => (await opened(clock, rotated)).grants);
});
