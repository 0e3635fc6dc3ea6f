import type { Announcements } from '../../src/ports/announcements.ts';
import type { AuthorizationCodes } from '../../src/ports/authorization-codes.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { EntityStore } from '../../src/ports/entity-store.ts';
import type { Grants } from '../../src/ports/grants.ts';
import { inProcessAnnouncements } from '../announcements/in-process.ts';
import { systemClock } from '../crypto/system-clock.ts';
import { memoryAuthorizationCodes } from '../store-memory/authorization-codes.ts';
import { memoryEntityStore } from '../store-memory/entity-store.ts';
import { memoryGrants } from '../store-memory/grants.ts';

/** Where a gate keeps what it must not forget. `memoryStore()` is one; any object with these ports is another. */
export interface Store {
  readonly grants: Grants;
  readonly codes: AuthorizationCodes;
  /** Registered clients and their owners, by key, as the Admin API writes them. Not looked at when `clients` are listed. */
  readonly entities?: Pick<EntityStore, 'get' | 'getBy'> | undefined;
  /**
   * Where it is heard what others changed in this store. With it good tokens are remembered until they expire, or their
   * grant or client changes; without it the store is read for every check.
   */
  readonly announcements?: Announcements | undefined;
}

/** A store in memory, for tests and for a single process that may forget everything when it ends. */
export function memoryStore(clock: Clock = systemClock): Required<Store> & { readonly entities: EntityStore } {
  return {
    grants: memoryGrants(clock),
    codes: memoryAuthorizationCodes(clock),
    entities: memoryEntityStore(),
    announcements: inProcessAnnouncements(),
  };
}
