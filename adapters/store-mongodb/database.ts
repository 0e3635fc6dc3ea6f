/**
 * The one database behind all ports: how it is reached, how long it is waited for, and what its errors mean.
 *
 * An act is one write of one document, answered when the majority has it in the journal. There are no transactions and
 * no change streams, so that everything that speaks MongoDB's protocol will do. An act whose answer was lost is done
 * once more: each of them can be told from its repetition.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  type Collection,
  type Document,
  MongoClient,
  type MongoClientOptions,
  MongoError,
  MongoServerError,
} from 'mongodb';
import type { Clock } from '../../src/ports/clock.ts';
import { Unavailable } from '../../src/ports/unavailable.ts';

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

export interface Database {
  readonly vault: Vault;
  readonly clock: Clock;
  /** Where it is, without user and password. */
  readonly place: string;
  /** Gives the collection as it is reached now: to be called anew for each question. */
  collection<D extends Document>(name: string): () => Collection<D>;
  /** Asks, and asks once more if the answer was lost. Rejects with `Unavailable`, unless a unique value is taken. */
  ask<T>(work: () => Promise<T>): Promise<T>;
  /** The same for what must not be done twice. */
  askOnce<T>(work: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** The store cannot be opened. The message says where and why, and what can be done. */
export class StoreUnusable extends Error {
  override readonly name = 'StoreUnusable';
}

export interface DatabaseOptions {
  readonly url: string;
  readonly vault: Vault;
  readonly clock: Clock;
  /** Milliseconds that one question may take, all in all. */
  readonly timeout: number;
  /** Connections that are kept at most. */
  readonly pool: number;
  /** In the place of the driver's own. */
  readonly openClient?: (url: string, options: MongoClientOptions) => MongoClient;
}

/** How often an act that clashed with another at the same moment is tried again. */
const conflicts = 8;
/** After how many times `timeout` without any answer another client is taken. */
const patience = 5;

export async function connect(options: DatabaseOptions): Promise<Database> {
  const { url, vault, clock, timeout } = options;
  let client = clientOf(options);
  const { hosts, srvHost } = client.options;
  const place = srvHost ?? hosts.map(String).join(',');
  // The driver's own default is `test`.
  const name = /^[^:]+:\/\/[^/]+\/[^?]/.test(url) ? undefined : 'portcullis';
  let db = client.db(name);
  let isClosed = false;
  let answeredAt = performance.now();
  try {
    // A little longer than the driver waits: it knows better what is in the way.
    await within(timeout + 500, async () => {
      await client.connect();
      await db.command({ ping: 1 });
    });
  } catch (error) {
    void client.close().catch(() => undefined);
    throw new StoreUnusable(`the database at ${place} cannot be used: ${messageOf(error)}`, { cause: error });
  }

  async function asked<T>(work: () => Promise<T>, times: number): Promise<T> {
    if (isClosed) throw new Unavailable(`the database at ${place} is closed`);
    try {
      const answer = await within(timeout, async () => {
        let lost = 0;
        for (let refused = 0; ; ) {
          try {
            return await work();
          } catch (error) {
            if (!isTheirs(error) || isTaken(error) || isClosed) throw error;
            if (isConflict(error) && refused++ < conflicts) await pause(randomInt(5, 15 * refused + 5));
            else if (++lost >= times) throw error;
          }
        }
      });
      answeredAt = performance.now();
      return answer;
    } catch (error) {
      if (error instanceof MongoServerError) answeredAt = performance.now();
      if (!isTheirs(error) || isTaken(error)) throw error;
      if (performance.now() - answeredAt > patience * timeout) renew();
      throw new Unavailable(`the database at ${place} cannot be asked: ${messageOf(error)}`, { cause: error });
    }
  }

  /**
   * Goes on with a new client. The old one may never find its way back: where a connection ends in the moment a command is
   * written to it, the driver waits for that command for ever (7.9: `writeCommand` waits for `drain` on a destroyed socket),
   * and if it was the one that looks whether the server is there, for the server too.
   */
  function renew(): void {
    if (isClosed) return;
    answeredAt = performance.now();
    void client.close().catch(() => undefined);
    client = clientOf(options);
    db = client.db(name);
  }

  return {
    vault,
    clock,
    place,
    collection: (of) => () => db.collection(of),
    ask: (work) => asked(work, 2),
    askOnce: (work) => asked(work, 1),
    async close() {
      isClosed = true;
      await client.close();
    },
  };
}

function clientOf({ url, timeout, pool, openClient = usualClient }: DatabaseOptions): MongoClient {
  try {
    return openClient(url, {
      appName: 'portcullis',
      // Acknowledged means: not even the loss of a member takes it away.
      writeConcern: { w: 'majority', journal: true, wtimeoutMS: timeout },
      // What was revoked a moment ago must not be read from a member that has not heard of it.
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

const usualClient = (url: string, options: MongoClientOptions): MongoClient => new MongoClient(url, options);

/** Nothing was written, because somebody else wrote at the same moment. */
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
    timer = setTimeout(() => reject(new TooSlow(`no answer within ${timeout} ms`)), timeout);
  });
  const working = work();
  // Nobody waits for it any more when it comes too late.
  working.catch(() => undefined);
  try {
    return await Promise.race([working, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether an error is about the database, and not about our own code. */
function isTheirs(error: unknown): error is Error {
  return error instanceof MongoError || error instanceof TooSlow;
}

/** Somebody else has a value that must be unique, or the document is there already. */
export function isTaken(error: unknown): boolean {
  return error instanceof MongoError && error.code === 11000;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Any value as a string that every server stores as it is and gives back as it was: no operator object gets past here,
 * and neither a zero nor half a surrogate pair reaches BSON. Different texts stay different.
 */
export function text(value: unknown): string {
  return JSON.stringify(String(value)).slice(1, -1);
}

/** The last day that every server and driver can write down: never. */
export const never = new Date('9999-12-31T23:59:59.999Z');

/** A time as a TTL index takes it; `undefined`: the row does not die. */
export function dateOf(at: number | undefined): Date | undefined {
  return at === undefined ? undefined : new Date(Math.min(at, never.getTime()));
}
