import type { Clock } from '../../src/ports/clock.ts';
import type { EntityStore } from '../../src/ports/entity-store.ts';
import { inProcessAnnouncements } from '../announcements/in-process.ts';
import { systemClock } from '../crypto/system-clock.ts';
import { memoryAuthorizationCodes } from '../store-memory/authorization-codes.ts';
import { memoryEntityStore } from '../store-memory/entity-store.ts';
import { memoryGrants } from '../store-memory/grants.ts';
import type { Store } from './create-gate.ts';

/** A store in memory, for tests and for a single process that may forget everything when it ends. */
export function memoryStore(clock: Clock = systemClock): Required<Store> & { readonly entities: EntityStore } {
  return {
    grants: memoryGrants(clock),
    codes: memoryAuthorizationCodes(clock),
    entities: memoryEntityStore(),
    announcements: inProcessAnnouncements(),
  };
}
