/** The checks of a database before it is used: the same version of the format, and the same master key. */
import { checkMasterKeys, checkSchema, schemaVersion } from '../../src/records/store-format.ts';
import { type Database, orTaken } from './database.ts';

interface Schema {
  readonly _id: 'schema';
  readonly version: number;
}

interface Keys {
  readonly _id: 'keys';
  readonly keys: readonly { readonly id: string; readonly check: string }[];
}

export async function examine(database: Database): Promise<void> {
  const { place, run } = database;
  const meta = database.collection<Schema>('meta');
  const found = await upserted(() =>
    run(() =>
      meta().findOneAndUpdate(
        { _id: 'schema' },
        { $setOnInsert: { version: schemaVersion } },
        { upsert: true, returnDocument: 'after' },
      ),
    ),
  );
  checkSchema(`at ${place}`, found?.version);
  await checkKeys(database);
}

async function checkKeys({ place, run, collection, vault }: Database): Promise<void> {
  const meta = collection<Keys>('meta');
  const own = { id: vault.keyId, check: vault.checkValue(vault.keyId)! };
  // If two nodes with different keys start for the first time, one of them writes its key and the other one sees it.
  const found = await upserted(() =>
    run(() =>
      meta().findOneAndUpdate(
        { _id: 'keys' },
        { $setOnInsert: { keys: [own] } },
        { upsert: true, returnDocument: 'after' },
      ),
    ),
  );
  checkMasterKeys(
    `at ${place}`,
    vault,
    (found?.keys ?? []).map(({ id, check }) => [id, check]),
  );
  if (!found?.keys.some(({ id }) => id === own.id)) {
    await run(() => meta().updateOne({ _id: 'keys', 'keys.id': { $ne: own.id } }, { $push: { keys: own } }));
  }
}

/** Of two concurrent upserts one may fail because the document exists. Then the second attempt finds it. */
async function upserted<T>(upsert: () => Promise<T>): Promise<T> {
  const first = await orTaken(upsert);
  return first === 'taken' ? upsert() : first;
}

/** The keys under which something may be stored. */
export async function keysInUse({ run, collection }: Database): Promise<readonly string[]> {
  const found = await run(() => collection<Keys>('meta')().findOne({ _id: 'keys' }));
  return found?.keys.map(({ id }) => id) ?? [];
}

/** Forgets a key that nothing is stored under any more. */
export async function forgetKey({ run, collection }: Database, id: string): Promise<void> {
  await run(() => collection<Keys>('meta')().updateOne({ _id: 'keys' }, { $pull: { keys: { id } } }));
}
