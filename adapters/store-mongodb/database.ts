/**
 * The one database behind all ports: connections, timeouts, and what its errors mean.
 *
 * Each operation is one write of one document, acknowledged when the majority has it in the journal. The store uses no
 * transactions and no change streams, so that every server of MongoDB's protocol will do. An operation whose response
 * was lost is run once more: each operation recognizes its own repetition.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  type Collection,
  type Document,
  type Filter,
  MongoClient,
  type MongoClientOptions,
  MongoError,
  MongoServerError,
  type WithId,
} from 'mongodb';
import type { Clock } from '../../src/ports/clock.ts';
import { StoreUnusable, Unavailable } from '../../src/ports/unavailable.ts';
import { digestsOfKey, type Vault } from '../../src/ports/vault.ts';

export interface Database {
  readonly vault: Vault;
  readonly clock: Clock;
  /** Its hosts, without user and password. */
  readonly place: string;
  /** Returns the collection of the current client: to be called for each operation. */
  collection<D extends Document>(name: string): () => Collection<D>;
  /** Runs an operation, and once more if the response was lost. Rejects with `Unavailable`, unless a unique value is taken. */
  run<T>(operation: () => Promise<T>): Promise<T>;
  /** The same for an operation that must not run twice. */
  runOnce<T>(operation: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  readonly vault: Vault;
  readonly clock: Clock;
  /** Milliseconds that one operation may take, with its repetitions. */
  readonly timeout: number;
  /** The largest number of connections. */
  readonly pool: number;
  /** Replaces the client of the driver. */
  readonly openClient?: (url: string, options: MongoClientOptions) => MongoClient;
}

/** How often an operation that conflicted with a concurrent one is repeated. */
const conflictRetries = 8;
/** After how many times `timeout` without any response the client is replaced. */
const timeoutsBeforeRenewal = 5;
/** How many times another writer may come in between a read and a write: in each of them the other one made progress. */
const attempts = 200;
const reencryptedAtOnce = 100;

export async function connect(options: DatabaseOptions): Promise<Database> {
  const { url, vault, clock, timeout } = options;
  let client = clientOf(options);
  const { hosts, srvHost } = client.options;
  const place = srvHost ?? hosts.map(String).join(',');
  // The driver's own default is `test`.
  const name = /^[^:]+:\/\/[^/]+\/[^?]/.test(url) ? undefined : 'portcullis';
  let db = client.db(name);
  let isClosed = false;
  let respondedAt = performance.now();
  try {
    // A little longer than the timeouts of the driver, whose errors say more.
    await within(timeout + 500, async () => {
      await client.connect();
      await db.command({ ping: 1 });
    });
  } catch (error) {
    void client.close().catch(() => undefined);
    throw new StoreUnusable(`the database at ${place} cannot be used: ${messageOf(error)}`, { cause: error });
  }

  async function perform<T>(operation: () => Promise<T>, times: number): Promise<T> {
    if (isClosed) throw new Unavailable(`the database at ${place} is closed`);
    try {
      const result = await within(timeout, async () => {
        let lost = 0;
        for (let conflicts = 0; ; ) {
          try {
            return await operation();
          } catch (error) {
            if (!isDatabaseError(error) || isTaken(error) || isClosed) throw error;
            if (isConflict(error) && conflicts++ < conflictRetries) {
              await pause(randomInt(5, 15 * conflicts + 5));
            } else if (++lost >= times) throw error;
          }
        }
      });
      respondedAt = performance.now();
      return result;
    } catch (error) {
      if (error instanceof MongoServerError) respondedAt = performance.now();
      if (!isDatabaseError(error) || isTaken(error)) throw error;
      if (performance.now() - respondedAt > timeoutsBeforeRenewal * timeout) renew();
      throw new Unavailable(`the database at ${place} did not respond: ${messageOf(error)}`, { cause: error });
    }
  }

  /**
   * Replaces the client. The old one may never recover: if a connection closes in the moment when a command is written
   * to it, the driver waits for that command without end (7.9: `writeCommand` waits for `drain` on a destroyed socket),
   * and if that command was its check of the server, it waits for the server without end, too.
   */
  function renew(): void {
    if (isClosed) return;
    respondedAt = performance.now();
    void client.close().catch(() => undefined);
    client = clientOf(options);
    db = client.db(name);
  }

  return {
    vault,
    clock,
    place,
    collection: (of) => () => db.collection(of),
    run: (operation) => perform(operation, 2),
    runOnce: (operation) => perform(operation, 1),
    async close() {
      isClosed = true;
      await client.close();
    },
  };
}

function clientOf({ url, timeout, pool, openClient = driverClient }: DatabaseOptions): MongoClient {
  try {
    return openClient(url, {
      appName: 'portcullis',
      // An acknowledged write survives the loss of a member.
      writeConcern: { w: 'majority', journal: true, wtimeoutMS: timeout },
      // A token that was revoked a moment ago must not be read as valid from a member that lags behind.
      readPreference: 'primary',
      maxPoolSize: pool,
      connectTimeoutMS: timeout,
      serverSelectionTimeoutMS: timeout,
      waitQueueTimeoutMS: timeout,
      socketTimeoutMS: timeout,
      ignoreUndefined: true,
    });
  } catch (error) {
    throw new StoreUnusable(`the URL of the database cannot be used: ${messageOf(error)}`, { cause: error });
  }
}

const driverClient = (url: string, options: MongoClientOptions): MongoClient => new MongoClient(url, options);

/** Nothing was written, because of a concurrent write. */
function isConflict(error: unknown): boolean {
  return (
    error instanceof MongoServerError && (error.code === 112 || /deadlock|could not serialize/i.test(error.message))
  );
}

class TooSlow extends Error {
  override readonly name = 'TooSlow';
}

async function within<T>(timeout: number, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TooSlow(`no response within ${timeout} ms`)), timeout);
  });
  const working = work();
  // After the timeout nothing handles its rejection.
  working.catch(() => undefined);
  try {
    return await Promise.race([working, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether an error comes from the database or the connection to it, and not from our own code. */
function isDatabaseError(error: unknown): error is Error {
  return error instanceof MongoError || error instanceof TooSlow || isSocketError(error);
}

/** The driver passes some errors of Node's sockets and streams on as they are, not as a `MongoError`. */
function isSocketError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('syscall' in error) return true;
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code === 'string') return socketCodes.test(code);
  return error.cause !== undefined && isSocketError(error.cause);
}

const socketCodes =
  /^(?:E(?:CONN(?:RESET|REFUSED|ABORTED)|PIPE|TIMEDOUT|NETUNREACH|NETDOWN|HOSTUNREACH|HOSTDOWN|NOTFOUND|AI_AGAIN|NOTCONN|BADF)|ERR_(?:STREAM|SOCKET|SSL|TLS)_\w+)$/;

/** Another document has a value that must be unique, or the document exists already. */
function isTaken(error: unknown): boolean {
  return error instanceof MongoError && error.code === 11000;
}

/** The result of `work`, or `taken` if another document has a unique value of it. */
export async function orTaken<T>(work: () => Promise<T>): Promise<T | 'taken'> {
  try {
    return await work();
  } catch (error) {
    if (isTaken(error)) return 'taken';
    throw error;
  }
}

/** Repeats an attempt until it is decided. `undefined` means that another write came in between. */
export async function untilDecided<T>(
  failure: string,
  attempt: () => Promise<T | undefined>,
  limits: { readonly attempts?: number; readonly isInTime?: () => boolean } = {},
): Promise<T> {
  for (let left = limits.attempts ?? attempts; left > 0 && limits.isInTime?.() !== false; left--) {
    const decided = await attempt();
    if (decided !== undefined) return decided;
  }
  throw new Unavailable(failure);
}

/** Passes every document that was encrypted with an older key to `write`, which encrypts it again. */
export async function reencryptDocuments<D extends Document>(
  { vault, run }: Database,
  rows: () => Collection<D>,
  write: (document: WithId<D>) => Promise<unknown>,
): Promise<void> {
  const isOlder = { encryptedWith: { $exists: true, $ne: vault.keyId } } as unknown as Filter<D>;
  let some: readonly WithId<D>[];
  do {
    some = await run(() => rows().find(isOlder).limit(reencryptedAtOnce).toArray());
    for (const document of some) await write(document);
  } while (some.length === reencryptedAtOnce);
}

/** The condition for digests that were made with this key. */
export function ofKey(keyId: string): { readonly $gte: string; readonly $lt: string } {
  const { start, end } = digestsOfKey(keyId);
  return { $gte: start, $lt: end };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Any value as a string that every server stores and returns unchanged: no operator object can pass, and neither NUL nor
 * half a surrogate pair reaches BSON. Different texts stay different.
 */
export function text(value: unknown): string {
  return JSON.stringify(String(value)).slice(1, -1);
}

/** The last time that every server and driver can store: never. */
export const never = new Date('9999-12-31T23:59:59.999Z');

/** A time for a TTL index; `undefined`: the document does not expire. */
export function dateOf(at: number | undefined): Date | undefined {
  return at === undefined ? undefined : new Date(Math.min(at, never.getTime()));
}
