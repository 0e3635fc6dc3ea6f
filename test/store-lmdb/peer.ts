/** Another process on the same store: runs the calls that its parent sends, and sends back their results. */
import { openVault } from '../../adapters/crypto/vault.ts';
import { openLmdbStore } from '../../adapters/store-lmdb/store.ts';
import type { EntityKind } from '../../src/ports/entity-store.ts';
import { noon } from '../contract/clock.ts';
import { testKey } from './directory.ts';

export interface Order {
  readonly port: 'authorizationCodes' | 'grants' | 'entityStore';
  readonly method: string;
  /** Many calls at the same time, each with its own arguments. */
  readonly calls: readonly (readonly unknown[])[];
}

export const consumers: EntityKind = {
  name: 'consumers',
  unique: ['username'],
  uniqueTogether: [],
  foreign: [],
  encrypted: () => [],
};

if (process.argv[1] === import.meta.filename) {
  const vault = openVault({ current: testKey });
  const store = openLmdbStore({ directory: process.argv[2]!, vault, clock: { now: () => noon } });
  process.on('message', async ({ port, method, calls }: Order) => {
    const does = store[port] as unknown as Record<string, (...args: unknown[]) => unknown>;
    // Functions cannot be sent between processes, so a kind is sent by its name.
    const withKinds = calls.map((args) => args.map((one) => (one === 'consumers' ? consumers : one)));
    process.send!(await Promise.all(withKinds.map((args) => does[method]!(...args))));
  });
  process.once('disconnect', () => void store.close());
  process.send!('ready');
}
