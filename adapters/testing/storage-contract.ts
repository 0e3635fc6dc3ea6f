/** The contract of a store as tests: the suite that the gate's own stores pass, for your own store. */
import type { AuthorizationCodes } from '../../src/ports/authorization-codes.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { EntityStore } from '../../src/ports/entity-store.ts';
import type { Grants } from '../../src/ports/grants.ts';
import { InvalidOption, knownOptions } from '../library/options.ts';

/** Opens an empty port of the store under test. The store must read the time from `clock`, which the tests change. */
export interface OpenedForContract {
  readonly codes?: ((clock: Clock) => Promise<AuthorizationCodes> | AuthorizationCodes) | undefined;
  readonly grants?: ((clock: Clock) => Promise<Grants> | Grants) | undefined;
  /** For a store that the Admin API writes to. `createGate` uses only `get` and `getBy`. */
  readonly entities?: (() => Promise<EntityStore> | EntityStore) | undefined;
}

/**
 * Declares the tests with `describe`, `it`, `before` and `beforeEach`, which are globals in Mocha; with another runner, make
 * them global first. Needs the packages `chai` and `fast-check`. Await it at the top of a test file:
 *
 *     await storageContract('the Redis store', { codes: (clock) => redisCodes(clock), grants: (clock) => redisGrants(clock) });
 */
export async function storageContract(name: string, opened: OpenedForContract): Promise<void> {
  knownOptions('storageContract', opened, ['codes', 'grants', 'entities']);
  const { codes, grants, entities } = opened;
  if (codes === undefined && grants === undefined && entities === undefined) {
    throw new InvalidOption('storageContract', 'must receive codes, grants or entities to test');
  }
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
