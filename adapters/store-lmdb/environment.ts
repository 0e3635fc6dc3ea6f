/**
 * The one lmdb environment behind the three ports: its collections, its transactions, and the checks before it is used.
 *
 * Only one process writes at a time. A transaction resolves when it is on the disk; transactions that are requested
 * together share one commit. Reads see everything that any process has committed: nothing is cached here.
 */
import { type Database, type Key, open, type RootDatabase } from 'lmdb';
import type { EpochMilliseconds } from '../../src/oauth/client.ts';
import { type Clock, farthestSetBack } from '../../src/ports/clock.ts';
import type { Json } from '../../src/ports/entity-store.ts';
import { StoreUnusable, Unavailable } from '../../src/ports/unavailable.ts';
import type { Vault } from '../../src/ports/vault.ts';
import { checkMasterKeys, checkSchema, schemaVersion } from '../../src/records/store-format.ts';
import { sweepSchedule } from '../../src/records/sweep-schedule.ts';
import { usableDirectory } from './directory.ts';
import { examine } from './examination.ts';

export interface Environment {
  readonly vault: Vault;
  readonly clock: Clock;
  collection<V, K extends Key = string>(name: string): Database<V, K>;
  /** Runs `work` as one transaction: everything that it writes is kept, or, if it throws, nothing. */
  transact<T>(work: () => T): Promise<T>;
  /** Reads what is committed now. Both throw `Unavailable` if the store cannot be read or written. */
  read<T>(work: () => T): T;
  /** Both record, within a transaction, when a row expires; `undefined`: never. */
  scheduleExpiry(row: Expiring, at: EpochMilliseconds | undefined): void;
  cancelExpiry(row: Expiring, at: EpochMilliseconds | undefined): void;
  /** How to delete an expired row of this kind, within any transaction. */
  onExpiry(kind: Expiring['kind'], remove: (id: string) => void): void;
  /** Deletes all expired rows, in batches. */
  sweep(): Promise<void>;
  /** The time of the last sweep by any process; `undefined`: there was none. */
  lastSweepAt(): EpochMilliseconds | undefined;
  /** Forgets a key that nothing is stored under any more. */
  forgetKey(keyId: string): Promise<void>;
  /** The keys under which something may be stored. */
  keysInUse(): readonly string[];
  close(): Promise<void>;
}

export interface Expiring {
  readonly kind: 'code' | 'grant' | 'revoked';
  readonly id: string;
}

/** How many expired rows one write deletes: more than it ever adds. */
const sweptByWrite = 16;
const sweptAtOnce = 500;

export function openEnvironment(directory: string, vault: Vault, clock: Clock): Environment {
  const root = openRoot(directory);
  const collection = <V, K extends Key = string>(name: string): Database<V, K> =>
    root.openDB<V, K>({ name, encoding: 'json' });
  const meta = collection<Json>('meta');
  const expiries = collection<0, [at: number, kind: string, id: string]>('expiries');
  const deleters = new Map<string, (id: string) => void>();
  const sweeps = sweepSchedule();
  let isClosed = false;

  function check(): void {
    if (meta.get('schema') === undefined) meta.putSync('schema', schemaVersion);
    checkSchema(`in ${directory}`, meta.get('schema'));
    const known = keyChecks();
    checkMasterKeys(`in ${directory}`, vault, Object.entries(known));
    if (known[vault.keyId] === undefined) {
      meta.putSync('keys', { ...known, [vault.keyId]: vault.checkValue(vault.keyId)! });
    }
  }

  const keyChecks = () => (meta.get('keys') ?? {}) as { readonly [keyId: string]: string };

  function lastSweepAt(): EpochMilliseconds | undefined {
    const time = meta.get('time');
    return typeof time === 'number' ? time : undefined;
  }

  /** Returns whether there may be more. */
  function deleteExpired(limit: number): boolean {
    const now = clock.now();
    const before = lastSweepAt() ?? 0;
    // A wrong time, recorded once by a wrong clock, must not stay: no later time would ever replace it.
    if (now > before || before - now > farthestSetBack) meta.putSync('time', now);
    const due = [...expiries.getKeys({ end: [now, '\uffff'], limit })];
    for (const key of due) {
      const [, kind, id] = key;
      deleters.get(kind)?.(id);
      expiries.removeSync(key);
    }
    return due.length === limit;
  }

  async function transact<T>(work: () => T): Promise<T> {
    if (isClosed) throw new Unavailable(`the store in ${directory} is closed`);
    try {
      return await root.childTransaction(() => {
        const now = clock.now();
        if (sweeps.isDue(now)) sweeps.swept(now, deleteExpired(sweptByWrite));
        return work();
      });
    } catch (error) {
      throw await writeError(error);
    }
  }

  function read<T>(work: () => T): T {
    if (isClosed) throw new Unavailable(`the store in ${directory} is closed`);
    // Without it the snapshot may be older than a commit that another process has announced.
    root.resetReadTxn();
    try {
      return work();
    } catch (error) {
      throw isLmdbError(error) ? new Unavailable(`the store in ${directory} cannot be read`, { cause: error }) : error;
    }
  }

  async function writeError(error: unknown): Promise<unknown> {
    if (!isLmdbError(error)) return error;
    // lmdb gives the reason why a commit failed as a promise.
    const cause = 'commitError' in error ? await Promise.resolve(error.commitError).catch((reason) => reason) : error;
    return new Unavailable(`the store in ${directory} cannot be written`, { cause });
  }

  try {
    root.transactionSync(check);
  } catch (error) {
    void root.close();
    throw error;
  }

  return {
    vault,
    clock,
    collection,
    transact,
    read,
    scheduleExpiry({ kind, id }, at) {
      if (at !== undefined) expiries.putSync([at, kind, id], 0);
    },
    cancelExpiry({ kind, id }, at) {
      if (at !== undefined) expiries.removeSync([at, kind, id]);
    },
    onExpiry: (kind, remove) => void deleters.set(kind, remove),
    async sweep() {
      while (await transact(() => deleteExpired(sweptAtOnce)));
    },
    lastSweepAt: () => read(lastSweepAt),
    forgetKey: (keyId) =>
      transact(() => {
        const { [keyId]: _, ...others } = keyChecks();
        meta.putSync('keys', others);
      }),
    keysInUse: () => Object.keys(keyChecks()),
    close() {
      isClosed = true;
      return root.close();
    },
  };
}

function openRoot(directory: string): RootDatabase {
  usableDirectory(directory);
  const damage = examine(directory);
  if (damage !== undefined) {
    throw new StoreUnusable(
      `the store in ${directory} cannot be used: ${damage}. Nothing was changed; restore a backup, or name another directory`,
    );
  }
  try {
    return open({
      path: directory,
      noSubdir: false,
      maxDbs: 32,
      encoding: 'json',
      // A write resolves when it is on the disk, not before.
      overlappingSync: false,
      // With it lmdb creates a promise for each batch that has no handler: a full disk would crash the process.
      eventTurnBatching: false,
      cache: false,
    });
  } catch (error) {
    throw new StoreUnusable(`the store in ${directory} cannot be opened: ${messageOf(error)}`, { cause: error });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** An error of lmdb has a numeric code, or a commit error. */
function isLmdbError(error: unknown): error is Error {
  return error instanceof Error && ('commitError' in error || ('code' in error && typeof error.code === 'number'));
}

/** Whether a text may be part of a key. Ids are UUIDs, but a path or form can contain any text. */
export function isId(text: string): boolean {
  return /^[\x21-\x7e]{1,128}$/.test(text);
}

export function mustBeId(text: string, what: string): void {
  if (!isId(text)) throw new RangeError(`${what} is not an id: 1 to 128 visible ASCII characters`);
}

/** The range of keys that begin with these parts. */
export function under(...parts: readonly string[]): { readonly start: string[]; readonly end: string[] } {
  return { start: [...parts, ''], end: [...parts, '\uffff'] };
}

/** Calls `visit` for all keys of a collection, in batches of one transaction each. */
export async function eachKey<K extends Key>(
  { transact }: Pick<Environment, 'transact'>,
  collection: Database<unknown, K>,
  batchSize: number,
  visit: (key: K) => void,
): Promise<void> {
  let after: K | undefined;
  do {
    const start = after;
    after = await transact(() => {
      const from = start === undefined ? {} : { start, exclusiveStart: true };
      const keys = [...collection.getKeys({ ...from, limit: batchSize })];
      for (const key of keys) visit(key);
      return keys.length < batchSize ? undefined : keys.at(-1);
    });
  } while (after !== undefined);
}
