/** `import … from 'portcullis/mongodb'`: a store for `createGate` that several processes share. Loads the package `mongodb`. */
import { inProcessAnnouncements } from '../announcements/in-process.ts';
import { clockFor } from '../crypto/system-clock.ts';
import { InvalidOption, knownOptions, secondsOption } from '../library/options.ts';
import { openMongoStore } from '../store-mongodb/store.ts';
import {
  background,
  type DurableOptions,
  type DurableStore,
  durableOptions,
  durableStore,
  vaultOption,
} from './durable-store.ts';

export type { DurableStore } from './durable-store.ts';

export interface MongodbStoreOptions extends DurableOptions {
  /** The connection string, with the name of the database: `mongodb://127.0.0.1/orders`. */
  readonly url: string;
  /** Seconds that one operation may take, with its repetitions; then it rejects with `Unavailable`. 2 by default. */
  readonly timeout?: number | undefined;
  /** The largest number of connections. 20 by default. */
  readonly pool?: number | undefined;
  /** Seconds without a successful read of the announcements after which remembered tokens are not used. 30 by default. */
  readonly stalenessLimit?: number | undefined;
}

/**
 * Connects to the database, and announces changes between all gates that use it. Rejects with `StoreUnusable` if it cannot
 * be reached or used, for example with another key.
 */
export async function mongodbStore(options: MongodbStoreOptions): Promise<DurableStore> {
  knownOptions('mongodbStore', options, ['url', 'timeout', 'pool', 'stalenessLimit', ...durableOptions]);
  const { url, pool = 20 } = options;
  if (typeof url !== 'string' || !/^mongodb(\+srv)?:\/\//.test(url)) {
    throw new InvalidOption('url', 'must be a connection string: mongodb://host/database');
  }
  if (!Number.isInteger(pool) || pool < 1 || pool > 1000) {
    throw new InvalidOption('pool', 'must be a whole number from 1 to 1000');
  }
  const timeout = secondsOption('timeout', options.timeout ?? 2, 1, 60);
  const stalenessLimit = secondsOption('stalenessLimit', options.stalenessLimit ?? 30, 1, 3600);
  const { run, stop } = background(options);
  const clock = clockFor({ isShared: true });
  const opened = await openMongoStore({ url, vault: vaultOption(options), clock, timeout, pool });
  try {
    const onChange = (state: 'stale' | 'current', error?: unknown) => {
      if (state === 'stale') run(() => Promise.reject(error ?? new Error('the database does not respond')));
    };
    const announcements = await opened.share({ local: inProcessAnnouncements(), stalenessLimit, onChange });
    run(opened.reencrypt);
    return durableStore(opened, announcements, clock, () => {
      stop();
      return opened.close();
    });
  } catch (error) {
    await opened.close();
    throw error;
  }
}
