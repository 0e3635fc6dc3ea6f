import { openVault } from '../../adapters/crypto/vault.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { behavesAsAuthorizationCodes } from '../contract/authorization-codes.ts';
import { testClock } from '../contract/clock.ts';
import { behavesAsEntityStore } from '../contract/entity-store.ts';
import { behavesAsGrants } from '../contract/grants.ts';
import { remembersTokensUsedTwice } from '../contract/used-twice.ts';
import { cleanUp, newDatabase, openTestStore, testKey, withoutTtl } from './database.ts';

async function opened(clock: Clock, vault = openVault({ current: testKey })) {
  const url = await newDatabase();
  const store = await openTestStore(clock, { url, vault });
  await withoutTtl(url);
  return store;
}

describe('MongoDB', () => {
  after(cleanUp);
  behavesAsAuthorizationCodes('the MongoDB store', async (clock) => (await opened(clock)).authorizationCodes);
  behavesAsGrants('the MongoDB store', async (clock) => (await opened(clock)).grants);
  behavesAsEntityStore('the MongoDB store', async () => (await opened(testClock())).entityStore);
  remembersTokensUsedTwice('the MongoDB store', async (clock) => (await opened(clock)).grants);
});

describe('MongoDB, with keys in rotation', () => {
  after(cleanUp);
  const rotated = openVault({ current: new Uint8Array(32).fill(9), previous: [testKey] });
  behavesAsGrants('the MongoDB store', async (clock) => (await opened(clock, rotated)).grants);
});
