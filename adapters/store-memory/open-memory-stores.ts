import type { Clock } from '../../src/ports/clock.ts';
import { memoryAuthorizationCodes } from './authorization-codes.ts';
import { memoryEntityStore } from './entity-store.ts';
import { memoryGrants } from './grants.ts';

/** All three stores in memory; everything is gone with the process. */
export function openMemoryStores(clock: Clock) {
  return {
    entities: memoryEntityStore(),
    codes: memoryAuthorizationCodes(clock),
    grants: memoryGrants(clock),
    close: () => undefined,
  };
}
