import type { Clock } from '../../src/ports/clock.ts';
import { memoryAuthorizationCodes } from './authorization-codes.ts';
import { memoryEntityStore } from './entity-store.ts';
import { memoryGrants } from './grants.ts';

/** All three stores in memory; the data is lost when the process exits. */
export function openMemoryStores(clock: Clock) {
  return {
    entities: memoryEntityStore(),
    codes: memoryAuthorizationCodes(clock),
    grants: memoryGrants(clock),
    close: () => undefined,
  };
}
