/**
 * The indexes that the store cannot do without: made at the start, and then looked for. A user of the database who may
 * not make them will do, if somebody else has made them (docs/mongodb.md lists them).
 */
import type { Document, IndexDescription } from 'mongodb';
import { type Database, messageOf, StoreUnusable } from './database.ts';

/** How long events stay, in seconds. */
const eventsStay = 600;

export const indexes: { readonly [collection: string]: readonly (IndexDescription & { readonly name: string })[] } = {
  codes: [{ name: 'expired', key: { deleteAt: 1 }, expireAfterSeconds: 0 }],
  grants: [
    { name: 'access', key: { access: 1 }, unique: true, sparse: true },
    { name: 'refreshes', key: { refreshes: 1 }, unique: true, sparse: true },
    { name: 'client', key: { client: 1, _id: 1 }, sparse: true },
    { name: 'service', key: { service: 1, _id: 1 }, sparse: true },
    { name: 'sealed_with', key: { sealedWith: 1 }, sparse: true },
    { name: 'expired', key: { deleteAt: 1 }, expireAfterSeconds: 0 },
    { name: 'revoked', key: { revokedUntil: 1 }, expireAfterSeconds: 0 },
  ],
  entities: [
    { name: 'unique', key: { unique: 1 }, unique: true, sparse: true },
    { name: 'references', key: { references: 1, _id: 1 }, sparse: true },
    { name: 'tags', key: { tags: 1, _id: 1 }, sparse: true },
    { name: 'sealed_with', key: { sealedWith: 1 }, sparse: true },
  ],
  counters: [{ name: 'expired', key: { deleteAt: 1 }, expireAfterSeconds: 0 }],
  events: [{ name: 'expired', key: { at: 1 }, expireAfterSeconds: eventsStay }],
};

export async function ensureIndexes(database: Database): Promise<void> {
  for (const [name, wanted] of Object.entries(indexes)) {
    const collection = database.collection(name);
    let refusal: unknown;
    const make = () => database.ask(() => collection().createIndexes([...wanted])).catch((error) => (refusal = error));
    // Several gates that start together may be in each other's way.
    for (let times = 3; times > 0; times--) {
      refusal = undefined;
      await make();
      if (refusal === undefined) break;
    }
    const there = await database.ask(() => collection().listIndexes().toArray()).catch(() => []);
    const missing = wanted.find((index) => !there.some((other) => isSame(index, other)));
    if (missing === undefined) continue;
    const { unique, expireAfterSeconds, key } = missing;
    const kind = unique ? 'unique index' : expireAfterSeconds === undefined ? 'index' : 'TTL index';
    throw new StoreUnusable(
      `the ${kind} ${missing.name} on ${name} (${JSON.stringify(key)}) is missing in the database at ${database.place}` +
        (refusal === undefined ? '' : ` and could not be made: ${messageOf(refusal)}`),
      { cause: refusal },
    );
  }
}

function isSame({ key, unique = false, expireAfterSeconds }: IndexDescription, there: Document): boolean {
  return (
    JSON.stringify(there['key']) === JSON.stringify(key) &&
    (there['unique'] ?? false) === unique &&
    there['expireAfterSeconds'] === expireAfterSeconds
  );
}
