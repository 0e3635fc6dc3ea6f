/**
 * What rate limits count, in MongoDB, for all gates together: one document for each key, and each call one pipeline
 * update that counts it only if none of its windows is full.
 */
import { createHash } from 'node:crypto';
import type { Document } from 'mongodb';
import { type CountedWindow, type Counters, type Counts, decideCount } from '../../src/ports/counters.ts';
import { Unavailable } from '../../src/ports/unavailable.ts';
import { type Database, dateOf, isTaken } from './database.ts';

interface CounterRow {
  readonly _id: string;
  readonly windows: {
    readonly [name: string]: { readonly from: number; readonly until: number; readonly calls: number };
  };
  readonly deleteAt: Date;
}

export function mongoCounters({ ask, askOnce, collection }: Database): Counters {
  const rows = collection<CounterRow>('counters');

  async function countOnce(_id: string, windows: readonly CountedWindow[]) {
    // A repetition would count a call twice: better an error than a guess.
    const before = await askOnce(() =>
      rows().findOneAndUpdate({ _id }, counting(windows), { returnDocument: 'before' }),
    );
    return before === null ? undefined : decideCount(countsOf(before, windows), windows).before;
  }

  /** On its own: of two upserts at the same moment, some servers tell both that there was nothing before. */
  async function make(_id: string, windows: readonly CountedWindow[]): Promise<void> {
    try {
      await ask(() => rows().insertOne({ _id, windows: {}, deleteAt: lastOf(windows)! }));
    } catch (error) {
      if (!isTaken(error)) throw error;
    }
  }

  return {
    async count(key, windows) {
      const _id = createHash('sha256').update(String(key), 'utf8').digest('base64url');
      for (let left = attempts; left > 0; left--) {
        const before = await countOnce(_id, windows);
        if (before !== undefined) return before;
        await make(_id, windows);
      }
      throw new Unavailable('what was counted dies as soon as it is made: the clock of the database is ahead');
    },
  };
}

/** How often a count may die between being made and being counted in. */
const attempts = 5;

const lastOf = (windows: readonly CountedWindow[]) => dateOf(Math.max(...windows.map(({ until }) => until)));

/** The same as `decideCount`, in the language of the database. */
function counting(windows: readonly CountedWindow[]): Document[] {
  const calls = windows.map(({ name, from }) => ({
    $cond: [{ $eq: [`$windows.${fieldOf(name)}.from`, from] }, `$windows.${fieldOf(name)}.calls`, 0],
  }));
  const isFree = { $and: windows.map(({ limit }, at) => ({ $lt: [calls[at], limit] })) };
  const next = windows.map(({ name, from, until }, at) => [
    `windows.${fieldOf(name)}`,
    {
      $cond: [
        isFree,
        { from, until, calls: { $add: [calls[at], 1] } },
        { $ifNull: [`$windows.${fieldOf(name)}`, null] },
      ],
    },
  ]);
  const last = lastOf(windows);
  return [{ $set: { ...Object.fromEntries(next), deleteAt: { $max: [{ $ifNull: ['$deleteAt', last] }, last] } } }];
}

function countsOf(row: CounterRow, windows: readonly CountedWindow[]): Counts {
  const counts = windows.flatMap(({ name }) => {
    const count = row.windows[fieldOf(name)] ?? undefined;
    return count === undefined ? [] : [[name, count] as const];
  });
  return Object.fromEntries(counts);
}

/** A name that is nothing but a name to the database. */
function fieldOf(window: string): string {
  return `w_${Buffer.from(String(window), 'utf8').toString('hex')}`;
}
