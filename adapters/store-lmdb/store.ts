/** The store of a single machine: all three ports on one lmdb environment. */
import type { EpochMilliseconds } from '../../src/oauth/client.ts';
import type { AuthorizationCodes } from '../../src/ports/authorization-codes.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { EntityStore } from '../../src/ports/entity-store.ts';
import type { Grants } from '../../src/ports/grants.ts';
import type { Vault } from '../../src/ports/vault.ts';
import { reencryptStore } from '../../src/records/store-format.ts';
import { lmdbAuthorizationCodes } from './authorization-codes.ts';
import { lmdbEntityStore } from './entity-store.ts';
import { openEnvironment } from './environment.ts';
import { lmdbGrants } from './grants.ts';
import { lockStore } from './lock.ts';

export interface LmdbStore {
  readonly authorizationCodes: AuthorizationCodes;
  readonly grants: Grants;
  readonly entityStore: EntityStore;
  /** Deletes expired rows. Each write deletes a few; regular calls keep an idle store small, too. */
  sweep(): Promise<void>;
  /** The time of the last sweep or write by any process, by the clock of that process. */
  lastSweepAt(): EpochMilliseconds | undefined;
  /** After a rotation of the master key: see `reencryptStore`. */
  reencrypt(): Promise<readonly string[]>;
  /** Waits for pending writes. */
  close(): Promise<void>;
}

export interface LmdbStoreNeeds {
  readonly directory: string;
  readonly vault: Vault;
  readonly clock: Clock;
}

/**
 * Opens the store in `directory` for this process alone, or creates one. Throws `StoreUnusable` if it cannot be used, or if
 * another process uses it.
 */
export async function lockAndOpenLmdbStore(needs: LmdbStoreNeeds): Promise<LmdbStore> {
  const lock = await lockStore(needs.directory);
  try {
    const opened = openLmdbStore(needs);
    return {
      ...opened,
      async close() {
        await opened.close();
        // Last: the next process may use the store from now on.
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** The same without the lock, for tests of what several processes write. */
export function openLmdbStore({ directory, vault, clock }: LmdbStoreNeeds): LmdbStore {
  const environment = openEnvironment(directory, vault, clock);
  const authorizationCodes = lmdbAuthorizationCodes(environment);
  const grants = lmdbGrants(environment);
  const entityStore = lmdbEntityStore(environment);

  return {
    authorizationCodes,
    grants,
    entityStore,
    sweep: environment.sweep,
    lastSweepAt: environment.lastSweepAt,
    reencrypt: async () => reencryptStore({ ...environment, parts: [grants, entityStore, authorizationCodes] }),
    close: environment.close,
  };
}
