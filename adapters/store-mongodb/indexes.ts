/**
 * The indexes that the store cannot do without: made at the start, and then looked for. A user of the database who may
 * not make them will do, if somebody else has made them (docs/mongodb.md lists them).
 */
import type { IndexDescription } from 'mongodb';
import { type Database, messageOf, StoreUnusable } from './database.ts';

/** How long events stay, in seconds. */
const eventsStay = 600;

export const indexes: { readonly [collection: string]: readonly (IndexDescription & { readonly name: string })[] } = {
  codes: [{ name: 'dies', key: { diesAt: 1 }, expireAfterSeconds: 0 }],
  grants: [
    { name: 'access', key: { access: 1 }, unique: true, sparse: true },
    { name: 'refreshes', key: { refreshes: 1 }, unique: true, sparse: true },
    { name: 'client', key: { client: 1, _id: 1 }, sparse: true },
    { name: 'service', key: { service: 1, _id: 1 }, sparse: true },
    { name: 'sealed_with', key: { sealedWith: 1 }, sparse: true },
    { name: 'dies', key: { diesAt: 1 }, expireAfterSeconds: 0 },
    { name: 'ended', key: { endedUntil: 1 }, expireAfterSeconds: 0 },
  ],
  entities: [
    { name: 'unique', key: { unique: 1 }, unique: true, sparse: true },
    { name: 'references', key: { references: 1, _id: 1 }, sparse: true },
    { name: 'tags', key: { tags: 1, _id: 1 }, sparse: true },
    { name: 'sealed_with', key: { sealedWith: 1 }, sparse: true },
  ],
  counters: [{ name: 'dies', key: { diesAt: 1 }, expireAfterSeconds: 0 }],
  events: [{ name: 'dies', key: { at: 1 }, expireAfterSeconds: eventsStay }],
};

export async function ensureIndexes(database: Database): Promise<void> {
  for (const [collection, wanted] of Object.entries(indexes)) {
    let refusal: unknown;
    try {
      await database.ask(() => database.collection(collection).createIndexes([...wanted]));
    } catch (error) {
      refusal = error;
    }
    const there = await database.ask(() => database.collection(collection).listIndexes().toArray()).catch(() => []);
    for (const { name, key, unique = false, expireAfterSeconds } of wanted) {
      const isThere = there.some(
        (index) =>
          JSON.stringify(index['key']) === JSON.stringify(key) &&
          (index['unique'] ?? false) === unique &&
          index['expireAfterSeconds'] === expireAfterSeconds,
      );
      if (isThere) continue;
      const kind = unique ? 'unique index' : expireAfterSeconds === undefined ? 'index' : 'TTL index';
      throw new StoreUnusable(
        `the ${kind} ${name} on ${collection} (${JSON.stringify(key)}) is missing in the database at ${database.place}` +
          (refusal === undefined ? '' : ` and could not be made: ${messageOf(refusal)}`),
        { cause: refusal },
      );
    }
  }
}
