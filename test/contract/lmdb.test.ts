import { openVault } from '../../adapters/crypto/vault.ts';
import { cleanUp, newDirectory, openTestStore, testKey } from '../store-lmdb/directory.ts';
import { behavesAsAuthorizationCodes } from './authorization-codes.ts';
import { testClock } from './clock.ts';
import { behavesAsEntityStore } from './entity-store.ts';
import { behavesAsGrants } from './grants.ts';

describe('lmdb', () => {
  after(cleanUp);
  behavesAsAuthorizationCodes('the lmdb store', (clock) => openTestStore(newDirectory(), clock).authorizationCodes);
  behavesAsGrants('the lmdb store', (clock) => openTestStore(newDirectory(), clock).grants);
  behavesAsEntityStore('the lmdb store', () => openTestStore(newDirectory(), testClock()).entityStore);
});

describe('lmdb, with keys in rotation', () => {
  after(cleanUp);
  const rotated = openVault({ current: new Uint8Array(32).fill(9), previous: [testKey] });
  behavesAsGrants('the lmdb store', (clock) => openTestStore(newDirectory(), clock, rotated).grants);
});
