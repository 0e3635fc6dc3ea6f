/**
 * The indexes that the store needs: created at the start, and then checked. A database user without the right to create
 * them will do if they exist already (docs/mongodb.md lists them).
 */
import type { Document, IndexDescription } from 'mongodb';
import { StoreUnusable } from '../../src/ports/unavailable.ts';
import { type Database, messageOf } from './database.ts';

/** In seconds. */
const eventTtl = 600;

export const indexes: { readonly [collection: string]: readonly (IndexDescription & { readonly name: string })[] } = {
  codes: [{ name: 'expired', key: { deleteAt: 1 }, expireAfterSeconds: 0 }],
  grants: [
    { name: 'access', key: { access: 1 }, unique: true, sparse: true },
    { name: 'refreshes', key: { refreshes: 1 }, unique: true, sparse: true },
    { name: 'client', key: { client: 1, _id: 1 }, sparse: true },
    { name: 'service', key: { service: 1, _id: 1 }, sparse: true },
    { name: 'state', key: { state: 1, _id: 1 } },
    { name: 'encrypted_with', key: { encryptedWith: 1 }, sparse: true },
    { name: 'expired', key: { deleteAt: 1 }, expireAfterSeconds: 0 },
    { name: 'revoked', key: { revokedUntil: 1 }, expireAfterSeconds: 0 },
  ],
  entities: [
    { name: 'unique', key: { unique: 1 }, unique: true, sparse: true },
    { name: 'references', key: { references: 1, _id: 1 }, sparse: true },
    { name: 'tags', key: { tags: 1, _id: 1 }, sparse: true },
    { name: 'encrypted_with', key: { encryptedWith: 1 }, sparse: true },
  ],
  counters: [{ name: 'expired', key: { deleteAt: 1 }, expireAfterSeconds: 0 }],
  events: [{ name: 'expired', key: { at: 1 }, expireAfterSeconds: eventTtl }],
};

export async function ensureIndexes(database: Database): Promise<void> {
  for (const [name, wanted] of Object.entries(indexes)) {
    const collection = database.collection(name);
    let failure: unknown;
    const create = () =>
      database.run(() => collection().createIndexes([...wanted])).catch((error) => (failure = error));
    // Gates that start at the same time may conflict here.
    for (let times = 3; times > 0; times--) {
      failure = undefined;
      await create();
      if (failure === undefined) break;
    }
    const present = await database.run(() => collection().listIndexes().toArray()).catch(() => []);
    const missing = wanted.find((index) => !present.some((other) => isSame(index, other)));
    if (missing === undefined) continue;
    const { unique, expireAfterSeconds, key } = missing;
    const kind = unique ? 'unique index' : expireAfterSeconds === undefined ? 'index' : 'TTL index';
    throw new StoreUnusable(
      `the ${kind} ${missing.name} on ${name} (${JSON.stringify(key)}) is missing in the database at ${database.place}` +
        (failure === undefined ? '' : ` and could not be created: ${messageOf(failure)}`),
      { cause: failure },
    );
  }
}

function isSame({ key, unique = false, expireAfterSeconds }: IndexDescription, present: Document): boolean {
  return (
    JSON.stringify(present['key']) === JSON.stringify(key) &&
    (present['unique'] ?? false) === unique &&
    present['expireAfterSeconds'] === expireAfterSeconds
  );
}
