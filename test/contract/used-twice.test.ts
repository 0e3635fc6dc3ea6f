import { memoryGrants } from '../../adapters/store-memory/grants.ts';
import { cleanUp, newDirectory, openTestStore } from '../store-lmdb/directory.ts';
import { remembersTokensUsedTwice } from './used-twice.ts';

describe('Used refresh tokens', () => {
  after(cleanUp);
  remembersTokensUsedTwice('the memory store', memoryGrants);
  remembersTokensUsedTwice('the lmdb store', (clock) => openTestStore(newDirectory(), clock).grants);
});
