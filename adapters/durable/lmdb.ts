/** `import … from 'portcullis/lmdb'`: a store for `createGate` in a directory, for one process. Loads the package `lmdb`. */
import { inProcessAnnouncements } from '../announcements/in-process.ts';
import { clockFor } from '../crypto/system-clock.ts';
import { InvalidOption, knownOptions } from '../library/options.ts';
import { lockAndOpenLmdbStore } from '../store-lmdb/store.ts';
import {
  background,
  type DurableOptions,
  type DurableStore,
  durableOptions,
  durableStore,
  vaultOption,
} from './durable-store.ts';

export type { DurableStore } from './durable-store.ts';

export interface LmdbStoreOptions extends DurableOptions {
  /** The directory of the store. It is created if it does not exist. */
  readonly directory: string;
}

/**
 * Opens the store in a directory, for this process alone. Rejects with `StoreUnusable` if it cannot be used: with another
 * key, or while another process or another store of this one uses it.
 */
export async function lmdbStore(options: LmdbStoreOptions): Promise<DurableStore> {
  knownOptions('lmdbStore', options, ['directory', ...durableOptions]);
  const { directory } = options;
  if (typeof directory !== 'string' || directory === '') throw new InvalidOption('directory', 'must be a path');
  const { run, stop } = background(options);
  const clock = clockFor({ isShared: false });
  const opened = await lockAndOpenLmdbStore({ directory, vault: vaultOption(options), clock });
  // A clock that was set back while the program did not run must not make expired tokens valid again.
  const lastSweepAt = opened.lastSweepAt();
  if (lastSweepAt !== undefined) clock.notBefore(lastSweepAt);
  run(opened.reencrypt);
  // Each write deletes a few expired rows; the timer is for a store without writes.
  const timer = setInterval(() => run(opened.sweep), 60_000).unref();
  return durableStore(opened, inProcessAnnouncements(), clock, async () => {
    clearInterval(timer);
    stop();
    await opened.close();
  });
}
