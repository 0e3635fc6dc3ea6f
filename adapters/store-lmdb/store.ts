/** The store of a single machine: all three ports on one lmdb environment, for one process or several. */
import type { EpochMilliseconds } from '../../src/oauth/client.ts';
import type { AuthorizationCodes } from '../../src/ports/authorization-codes.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { EntityStore } from '../../src/ports/entity-store.ts';
import type { Grants } from '../../src/ports/grants.ts';
import { lmdbAuthorizationCodes } from './authorization-codes.ts';
import { lmdbEntityStore } from './entity-store.ts';
import { openEnvironment, type Vault } from './environment.ts';
import { lmdbGrants } from './grants.ts';

export interface LmdbStore {
  readonly authorizationCodes: AuthorizationCodes;
  readonly grants: Grants;
  readonly entityStore: EntityStore;
  /** Buries what has died. Each write buries a few; a call now and then keeps an idle store small, too. */
  sweep(): Promise<void>;
  /** How late it was when the store was last written or swept, by the clock of whoever did. */
  lastSweepAt(): EpochMilliseconds | undefined;
  /**
   * After a rotation of the master key: seals with the new key what was sealed with older ones. Tells the ids of the
   * keys that are still needed; the digest of a token can only be made anew when the token is presented, so an old key
   * is done with when the last token of its time has died.
   */
  reencrypt(): Promise<readonly string[]>;
  /** Waits for what is being written. */
  close(): Promise<void>;
}

/** Opens the store in `directory`, or makes one. Throws `StoreUnusable` when it cannot be used as it is. */
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
    async reencrypt() {
      if (environment.keysInUse().every((keyId) => keyId === vault.keyId)) return [vault.keyId];
      await grants.reencrypt();
      await entityStore.reencrypt();
      for (const keyId of environment.keysInUse()) {
        const isUsed = [authorizationCodes, grants, entityStore].some((port) => port.uses(keyId));
        if (keyId !== vault.keyId && !isUsed) await environment.forgetKey(keyId);
      }
      return environment.keysInUse();
    },
    close: environment.close,
  };
}
