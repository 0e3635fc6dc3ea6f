/** The store of a single machine: all three ports on one lmdb environment, for one process or several. */
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

/** Opens the store in `directory`, or creates one. Throws `StoreUnusable` if it cannot be used. */
export function openLmdbStore({
  directory,
  vault,
  clock,
}: {
  readonly directory: string;
  readonly vault: Vault;
  readonly clock: Clock;
}): LmdbStore {
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
