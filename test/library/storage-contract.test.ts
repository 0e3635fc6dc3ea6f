import { memoryStore, storageContract } from '../../adapters/testing/testing.ts';

// The suite that users run against adapters of their own, by the way they reach it.
await storageContract('the memory store of portcullis/testing', {
  codes: (clock) => memoryStore(clock).codes,
  grants: (clock) => memoryStore(clock).grants,
  entities: () => memoryStore().entities,
});
