/** A process that writes more than there is room for, and prints for each write what it was told. */
import { openVault } from '../../adapters/crypto/vault.ts';
import { openLmdbStore } from '../../adapters/store-lmdb/store.ts';
import { noon } from '../contract/clock.ts';
import { testKey } from './directory.ts';
import { consumers } from './writer.ts';

const vault = openVault({ current: testKey });
const { entityStore, close } = openLmdbStore({ directory: process.argv[2]!, vault, clock: { now: () => noon } });
const told: string[] = [];
for (let batch = 0; batch < 60; batch++) {
  const rows = [0, 1, 2].map((n) => ({ id: `row-${batch * 3 + n}`, big: 'x'.repeat(4_000) }));
  const answers = await Promise.allSettled(rows.map((row) => entityStore.insert(consumers, row)));
  for (const answer of answers) told.push(answer.status === 'fulfilled' ? answer.value.outcome : answer.reason.name);
}
await close();
process.stdout.write(JSON.stringify(told));
