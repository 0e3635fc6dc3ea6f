/** What both durable stores for programs share: options, and the ports as a gate uses them. */
import type { Announcements } from '../../src/ports/announcements.ts';
import type { AuthorizationCodes } from '../../src/ports/authorization-codes.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { EntityStore } from '../../src/ports/entity-store.ts';
import type { Grants } from '../../src/ports/grants.ts';
import type { Vault } from '../../src/ports/vault.ts';
import { announcingEntityStore } from '../../src/records/announcing.ts';
import { openVault } from '../crypto/vault.ts';
import { warn } from '../library/incoming.ts';
import type { Store } from '../library/memory-store.ts';
import { functionOption, InvalidOption } from '../library/options.ts';

export interface DurableOptions {
  /**
   * The master key: 32 bytes or more, the same at each start and in each process. Tokens and secrets are encrypted with it,
   * so a copy of the store is useless without it. Keep it outside the store.
   */
  readonly key: Uint8Array;
  /** Keys that `key` has replaced. Their rows are encrypted again in the background; then a key can be left out. */
  readonly previousKeys?: readonly Uint8Array[] | undefined;
  /** Receives errors of work in the background. By default a warning of the process. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** A store for `createGate` whose rows are there when the program starts again. */
export interface DurableStore extends Store {
  /** Clients and their owners. A change that is written through this port is announced. */
  readonly entities: EntityStore;
  readonly announcements: Announcements;
  readonly clock: Clock;
  /** Waits for pending writes, and releases the database. */
  close(): Promise<void>;
}

export const durableOptions = ['key', 'previousKeys', 'onError'] as const;

export function vaultOption({ key, previousKeys = [] }: DurableOptions): Vault {
  if (!Array.isArray(previousKeys)) throw new InvalidOption('previousKeys', 'must be a list');
  for (const [name, value] of [['key', key], ...previousKeys.map((one) => ['previousKeys', one])] as const) {
    if (!(value instanceof Uint8Array) || value.length < 32)
      throw new InvalidOption(String(name), 'must be 32 bytes or more');
  }
  return openVault({ current: key, previous: previousKeys });
}

/** Work that no caller waits for. After `stop` its errors do not count: it may have been interrupted. */
export function background({ onError }: DurableOptions): {
  run(work: () => Promise<unknown>): void;
  stop(): void;
} {
  let failed = functionOption('onError', onError, warn);
  return {
    run: (work) => void work().catch((error: unknown) => failed(error)),
    stop() {
      failed = () => undefined;
    },
  };
}

export function durableStore(
  opened: {
    readonly grants: Grants;
    readonly authorizationCodes: AuthorizationCodes;
    readonly entityStore: EntityStore;
  },
  announcements: Announcements,
  clock: Clock,
  close: () => Promise<void>,
): DurableStore {
  const { grants, authorizationCodes: codes, entityStore } = opened;
  return { grants, codes, entities: announcingEntityStore(entityStore, announcements), announcements, clock, close };
}
