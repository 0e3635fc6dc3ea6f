/** The contract of a store, as tests: the very suite that the gate's own stores pass. For an adapter of your own. */
import type { AuthorizationCodes } from '../../src/ports/authorization-codes.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { EntityStore } from '../../src/ports/entity-store.ts';
import type { Grants } from '../../src/ports/grants.ts';

/** How to open each part of a store that is put to the test, empty. The time it goes by is that of the clock, which the tests turn. */
export interface OpenedForContract {
  readonly codes?: ((clock: Clock) => Promise<AuthorizationCodes> | AuthorizationCodes) | undefined;
  readonly grants?: ((clock: Clock) => Promise<Grants> | Grants) | undefined;
  /** For a store that the Admin API is to write to. A gate of your own asks no more than `get` and `getBy`. */
  readonly entities?: (() => Promise<EntityStore> | EntityStore) | undefined;
}

/**
 * Declares the tests with `describe`, `it`, `before` and `beforeEach`, which are globals in Mocha; another runner's must be
 * made global first. Needs the packages `chai` and `fast-check`. To be awaited at the top of a test file:
 *
 *     await storageContract('the Redis store', { codes: (clock) => redisCodes(clock), grants: (clock) => redisGrants(clock) });
 */
export async function storageContract(name: string, { codes, grants, entities }: OpenedForContract): Promise<void> {
  if (codes !== undefined) {
    const { behavesAsAuthorizationCodes } = await import('../../test/contract/authorization-codes.ts');
    behavesAsAuthorizationCodes(name, codes);
  }
  if (grants !== undefined) {
    const { behavesAsGrants } = await import('../../test/contract/grants.ts');
    behavesAsGrants(name, grants);
  }
  if (entities !== undefined) {
    const { behavesAsEntityStore } = await import('../../test/contract/entity-store.ts');
    behavesAsEntityStore(name, entities);
  }
}
