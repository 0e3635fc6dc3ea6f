import { memoryStore, storageContract } from '../../adapters/testing/testing.ts';

// The suite that users run against their own stores, imported as they import it.
await storageContract('the memory store of portcullis/testing', {
  codes: (clock) => memoryStore(clock).codes,
  grants: (clock) => memoryStore(clock).grants,
  entities: () => memoryStore().entities,
});
