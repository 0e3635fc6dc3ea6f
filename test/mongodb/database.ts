import { randomUUID } from 'node:crypto';
import { type Db, MongoClient } from 'mongodb';
import { openVault } from '../../adapters/crypto/vault.ts';
import { type MongoStore, openMongoStore } from '../../adapters/store-mongodb/store.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { mongoServer, stopMongoServer } from '../support/mongodb.ts';

/** A master key that is no secret. */
export const testKey = new Uint8Array(32).fill(7);

const open = new Set<MongoStore>();
const databases = new Set<string>();
let client: MongoClient | undefined;

/** The URL of a new database. */
export async function newDatabase(): Promise<string> {
  const { url } = await mongoServer();
  const name = `portcullis-test-${randomUUID()}`;
  databases.add(name);
  return withDatabase(url, name);
}

/** Direct access to the database of a URL, without the store. */
export async function databaseAt(url: string): Promise<Db> {
  client ??= await new MongoClient((await mongoServer()).url).connect();
  return client.db(/^[^:]+:\/\/[^/]+\/([^?]+)/.exec(url)?.[1]);
}

export interface TestStoreOptions {
  readonly url?: string;
  readonly vault?: ReturnType<typeof openVault>;
  readonly timeout?: number;
}

export async function openTestStore(clock: Clock, options: TestStoreOptions = {}): Promise<MongoStore> {
  const { url = await newDatabase(), vault = openVault({ current: testKey }), timeout = 10_000 } = options;
  const store = await openMongoStore({ url, vault, clock, timeout, pool: 20 });
  const close = async () => {
    open.delete(tracked);
    await store.close();
  };
  const tracked: MongoStore = { ...store, close };
  open.add(tracked);
  return tracked;
}

/** Drops the TTL indexes. The test does not control the clock of the database, which would delete rows during it. */
export async function withoutTtl(url: string): Promise<void> {
  const db = await databaseAt(url);
  for (const { name } of await db.listCollections().toArray()) {
    for (const index of await db.collection(name).listIndexes().toArray()) {
      if (index['expireAfterSeconds'] !== undefined) await db.collection(name).dropIndex(index['name'] as string);
    }
  }
}

/** To be called after the tests of a file: closes their stores and drops their databases. */
export async function cleanUp(): Promise<void> {
  for (const store of open) await store.close();
  for (const name of databases) await (await databaseAt('')).client.db(name).dropDatabase();
  databases.clear();
  await client?.close();
  client = undefined;
}

/** Mocha's root hooks: the server is stopped after all files, if it was started here. */
export const mochaHooks = { afterAll: stopMongoServer };

function withDatabase(url: string, name: string): string {
  const [, server, options = ''] = /^([^:]+:\/\/[^/?]+)\/?[^?]*(\?.*)?$/.exec(url) ?? [];
  return `${server}/${name}${options}`;
}
