/**
 * The one lmdb environment behind the three ports: its collections, its acts, and what must be true before it is used.
 *
 * An act is one transaction, alone among all processes, and answered when it is on the disk; many acts that are asked
 * for together share one commit. Reads see whatever any process has committed: nothing is cached here.
 */
import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Database, type Key, open, type RootDatabase } from 'lmdb';
import type { EpochMilliseconds } from '../../src/oauth/client.ts';
import { type Clock, farthestSetBack } from '../../src/ports/clock.ts';
import type { Json } from '../../src/ports/entity-store.ts';
import { Unavailable } from '../../src/ports/unavailable.ts';
import { examine } from './examination.ts';

/** The part of the vault that the store needs. */
export interface Vault {
  readonly keyId: string;
  readonly keyIds: readonly string[];
  digest(purpose: string, value: string): string;
  candidates(purpose: string, value: string): readonly string[];
  seal(purpose: string, value: string): string;
  unseal(purpose: string, sealed: string): string;
  checkValue(keyId: string): string | undefined;
}

export interface Environment {
  readonly vault: Vault;
  readonly clock: Clock;
  collection<V, K extends Key = string>(name: string): Database<V, K>;
  /** Runs `work` as one act: all of what it writes is kept, or, if it throws, nothing. */
  act<T>(work: () => T): Promise<T>;
  /** Reads what is committed now. Both throw `Unavailable`, if the store cannot be asked. */
  read<T>(work: () => T): T;
  /** Notes that something dies, and takes the note back. To be called within an act. */
  expect(mortal: Expiring, at: EpochMilliseconds | undefined): void;
  unexpect(mortal: Expiring, at: EpochMilliseconds | undefined): void;
  /** What to do when the time of such a thing has come, within the act of somebody else. */
  whenDue(kind: Expiring['kind'], bury: (id: string) => void): void;
  /** Buries all that is due, a batch at a time. */
  sweep(): Promise<void>;
  /** How late it was when somebody last looked for what is due; `undefined`: nobody has. */
  lastSweepAt(): EpochMilliseconds | undefined;
  /** Forgets a key that nothing is sealed with any more. */
  forgetKey(keyId: string): Promise<void>;
  /** The keys that something may be sealed with. */
  keysInUse(): readonly string[];
  close(): Promise<void>;
}

export interface Expiring {
  readonly kind: 'code' | 'grant' | 'revoked';
  readonly id: string;
}

/** The store cannot be opened. The message says where and why, and what can be done. */
export class StoreUnusable extends Error {
  override readonly name = 'StoreUnusable';
}

/** What this version writes. A store with a higher number is left alone. */
const schema = 1;
/** How many of the dead one write buries: more than it ever adds. */
const fewExpired = 16;
const manyExpired = 500;
/** Once nothing was due, how long before the next write looks again. In milliseconds. */
const lookAgain = 250;

export function openEnvironment(directory: string, vault: Vault, clock: Clock): Environment {
  const root = openRoot(directory);
  const collection = <V, K extends Key = string>(name: string): Database<V, K> =>
    root.openDB<V, K>({ name, encoding: 'json' });
  const meta = collection<Json>('meta');
  const expiries = collection<0, [at: number, kind: string, id: string]>('expiries');
  const deleters = new Map<string, (id: string) => void>();
  let nextLook = Number.NEGATIVE_INFINITY;
  let isClosed = false;

  function checkSchema(): void {
    const found = meta.get('schema');
    if (found === undefined) meta.putSync('schema', schema);
    else if (typeof found !== 'number' || found > schema) {
      throw new StoreUnusable(
        `the store in ${directory} was written by a newer version (schema ${found}, this one knows ${schema}); nothing was changed`,
      );
    }
  }

  function checkKeys(): void {
    const known = keyChecks();
    for (const [keyId, check] of Object.entries(known)) {
      if (vault.checkValue(keyId) === check) continue;
      throw new StoreUnusable(
        `the store in ${directory} was written with another master key (PORTCULLIS_KEY or PORTCULLIS_KEY_FILE); ` +
          'start with that key, or keep it below the new one in the key file',
      );
    }
    if (known[vault.keyId] === undefined) {
      meta.putSync('keys', { ...known, [vault.keyId]: vault.checkValue(vault.keyId)! });
    }
  }

  const keyChecks = () => (meta.get('keys') ?? {}) as { readonly [keyId: string]: string };

  function lastSweepAt(): EpochMilliseconds | undefined {
    const time = meta.get('time');
    return typeof time === 'number' ? time : undefined;
  }

  /** Answers whether there may be more. */
  function sweepExpired(most: number): boolean {
    const now = clock.now();
    const before = lastSweepAt() ?? 0;
    // A time that a wrong clock has told, once, must not stand for ever: nothing would be held against it any more.
    if (now > before || before - now > farthestSetBack) meta.putSync('time', now);
    const due = [...expiries.getKeys({ end: [now, '\uffff'], limit: most })];
    for (const key of due) {
      const [, kind, id] = key;
      deleters.get(kind)?.(id);
      expiries.removeSync(key);
    }
    return due.length === most;
  }

  async function act<T>(work: () => T): Promise<T> {
    if (isClosed) throw new Unavailable(`the store in ${directory} is closed`);
    try {
      return await root.childTransaction(() => {
        const now = clock.now();
        // A clock that was set back is looked at again at once.
        if (now >= nextLook || now < nextLook - lookAgain) nextLook = sweepExpired(fewExpired) ? now : now + lookAgain;
        return work();
      });
    } catch (error) {
      throw await told(error);
    }
  }

  function read<T>(work: () => T): T {
    if (isClosed) throw new Unavailable(`the store in ${directory} is closed`);
    // Else the snapshot might be a moment older than what another process has told us of.
    root.resetReadTxn();
    try {
      return work();
    } catch (error) {
      throw isLmdbs(error) ? new Unavailable(`the store in ${directory} cannot be read`, { cause: error }) : error;
    }
  }

  /** What whoever asked is told of an error: the error itself, if it is not the store's. */
  async function told(error: unknown): Promise<unknown> {
    if (!isLmdbs(error)) return error;
    // Why a commit failed is told by a promise of its own.
    const cause = 'commitError' in error ? await Promise.resolve(error.commitError).catch((reason) => reason) : error;
    return new Unavailable(`the store in ${directory} cannot be written`, { cause });
  }

  try {
    root.transactionSync(() => {
      checkSchema();
      checkKeys();
    });
  } catch (error) {
    void root.close();
    throw error;
  }

  return {
    vault,
    clock,
    collection,
    act,
    read,
    expect(mortal, at) {
      if (at !== undefined) expiries.putSync([at, mortal.kind, mortal.id], 0);
    },
    unexpect(mortal, at) {
      if (at !== undefined) expiries.removeSync([at, mortal.kind, mortal.id]);
    },
    whenDue: (kind, bury) => void deleters.set(kind, bury),
    async sweep() {
      while (await act(() => sweepExpired(manyExpired)));
    },
    lastSweepAt: () => read(lastSweepAt),
    forgetKey: (keyId) =>
      act(() => {
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
  try {
    makeDirectory(resolve(directory));
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new StoreUnusable(`the store directory ${directory} cannot be used: ${messageOf(error)}`, { cause: error });
  }
  const trouble = examine(directory);
  if (trouble !== undefined) {
    throw new StoreUnusable(
      `the store in ${directory} cannot be used: ${trouble}. Nothing was changed; put a backup in its place, or name another directory`,
    );
  }
  try {
    return open({
      path: directory,
      noSubdir: false,
      maxDbs: 32,
      encoding: 'json',
      // Answered when it is on the disk, not before.
      overlappingSync: false,
      // With it lmdb makes a promise for each batch that nobody holds: a full disk would end the process.
      eventTurnBatching: false,
      cache: false,
    });
  } catch (error) {
    throw new StoreUnusable(`the store in ${directory} cannot be opened: ${messageOf(error)}`, { cause: error });
  }
}

/** One after the other: below /proc, where nothing can be made, Node's own `recursive` tries without end. */
function makeDirectory(directory: string): void {
  const isThere = () => statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isThere()) return;
  makeDirectory(dirname(directory));
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    // Another process may have been quicker.
    if (!isThere()) throw error;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Errors of lmdb have a number for a code, or are about a commit. */
function isLmdbs(error: unknown): error is Error {
  return error instanceof Error && ('commitError' in error || ('code' in error && typeof error.code === 'number'));
}

/** Where a name may stand in a key: ids are UUIDs, but nobody's path or form may break a key. */
export function isId(text: string): boolean {
  return /^[\x21-\x7e]{1,128}$/.test(text);
}

export function mustBeId(text: string, what: string): void {
  if (!isId(text)) throw new RangeError(`${what} is not an id: 1 to 128 visible ASCII characters`);
}

/** Keys that begin with these parts, in their order. */
export function under(...parts: readonly string[]): { readonly start: string[]; readonly end: string[] } {
  return { start: [...parts, ''], end: [...parts, '\uffff'] };
}
