/** What must be true of a database before it is used: written by no newer version, and with the same master key. */
import { type Database, isTaken, StoreUnusable } from './database.ts';

/** What this version writes. A store with a higher number is left alone. */
const schema = 1;

interface Schema {
  readonly _id: 'schema';
  readonly version: number;
}

interface Keys {
  readonly _id: 'keys';
  readonly keys: readonly { readonly id: string; readonly check: string }[];
}

export async function examine(database: Database): Promise<void> {
  const { place, ask } = database;
  const meta = database.collection<Schema>('meta');
  const found = await upserted(() =>
    ask(() =>
      meta().findOneAndUpdate(
        { _id: 'schema' },
        { $setOnInsert: { version: schema } },
        { upsert: true, returnDocument: 'after' },
      ),
    ),
  );
  if (typeof found?.version !== 'number' || found.version > schema) {
    throw new StoreUnusable(
      `the store at ${place} was written by a newer version (schema ${found?.version}, this one knows ${schema}); nothing was changed`,
    );
  }
  await checkKeys(database);
}

async function checkKeys({ place, ask, collection, vault }: Database): Promise<void> {
  const meta = collection<Keys>('meta');
  const own = { id: vault.keyId, check: vault.checkValue(vault.keyId)! };
  // Of two nodes that start for the first time with different keys one comes first, and the other sees it.
  const found = await upserted(() =>
    ask(() =>
      meta().findOneAndUpdate(
        { _id: 'keys' },
        { $setOnInsert: { keys: [own] } },
        { upsert: true, returnDocument: 'after' },
      ),
    ),
  );
  for (const { id, check } of found?.keys ?? []) {
    if (vault.checkValue(id) === check) continue;
    throw new StoreUnusable(
      `the store at ${place} was written with another master key (PORTCULLIS_KEY or PORTCULLIS_KEY_FILE); ` +
        'start with that key, or keep it below the new one in the key file',
    );
  }
  if (!found?.keys.some(({ id }) => id === own.id)) {
    await ask(() => meta().updateOne({ _id: 'keys', 'keys.id': { $ne: own.id } }, { $push: { keys: own } }));
  }
}

/** Of two that make a document at the same moment one may be told that it is there. Then it is. */
async function upserted<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isTaken(error)) throw error;
    return work();
  }
}

/** The keys that something may be sealed with. */
export async function keysInUse({ ask, collection }: Database): Promise<readonly string[]> {
  const found = await ask(() => collection<Keys>('meta')().findOne({ _id: 'keys' }));
  return found?.keys.map(({ id }) => id) ?? [];
}

/** Forgets a key that nothing is sealed with any more. */
export async function forgetKey({ ask, collection }: Database, id: string): Promise<void> {
  await ask(() => collection<Keys>('meta')().updateOne({ _id: 'keys' }, { $pull: { keys: { id } } }));
}
