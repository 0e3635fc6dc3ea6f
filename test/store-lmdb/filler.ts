/** A process that writes more than the disk has room for, and prints the outcome of each write. */
import { openVault } from '../../adapters/crypto/vault.ts';
import { openLmdbStore } from '../../adapters/store-lmdb/store.ts';
import { noon } from '../contract/clock.ts';
import { testKey } from './directory.ts';
import { consumers } from './writer.ts';

const vault = openVault({ current: testKey });
const { entityStore, close } = openLmdbStore({ directory: process.argv[2]!, vault, clock: { now: () => noon } });
const outcomes: string[] = [];
for (let batch = 0; batch < 60; batch++) {
  const rows = [0, 1, 2].map((n) => ({ id: `row-${batch * 3 + n}`, big: 'x'.repeat(4_000) }));
  const settled = await Promise.allSettled(rows.map((row) => entityStore.insert(consumers, row)));
  for (const one of settled) outcomes.push(one.status === 'fulfilled' ? one.value.outcome : one.reason.name);
}
await close();
process.stdout.write(JSON.stringify(outcomes));
