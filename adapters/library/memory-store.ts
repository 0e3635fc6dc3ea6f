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
import { clockOption } from './options.ts';

/**
 * The store of a gate: `memoryStore()`, `lmdbStore` of `portcullis/lmdb`, `mongodbStore` of `portcullis/mongodb`, or your own
 * object with these ports. `storageContract` of `portcullis/testing` tests
 * one.
 */
export interface Store {
  readonly grants: Grants;
  readonly codes: AuthorizationCodes;
  /** Registered clients and their owners, as the Admin API writes them. Not used if the option `clients` is set. */
  readonly entities?: Pick<EntityStore, 'get' | 'getBy'> | undefined;
  /**
   * Announces changes that other gates and the Admin API make in this store. With it the gate remembers valid tokens until
   * they expire or their grant or client changes; without it every check reads the store.
   */
  readonly announcements?: Announcements | undefined;
  /** The clock that the store reads. The gate uses it, unless `createGate` receives another one. */
  readonly clock?: Clock | undefined;
}

/** A store in memory, for tests and for a single process. Its rows are lost when the process ends. */
export function memoryStore(clock: Clock = systemClock): Required<Store> & { readonly entities: EntityStore } {
  clockOption(clock);
  return {
    grants: memoryGrants(clock),
    codes: memoryAuthorizationCodes(clock),
    entities: memoryEntityStore(),
    announcements: inProcessAnnouncements(),
    clock,
  };
}
