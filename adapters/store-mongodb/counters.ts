/**
 * What rate limits count, in MongoDB, for all gates together: one document for each key, and each call one pipeline
 * update that counts it only if none of its windows is full.
 */
import { createHash } from 'node:crypto';
import type { Document } from 'mongodb';
import { type CountedWindow, type Counters, type Counts, judgeCall } from '../../src/ports/counters.ts';
import { type Database, dateOf, isTaken } from './database.ts';

interface Row {
  readonly _id: string;
  readonly windows: {
    readonly [name: string]: { readonly from: number; readonly until: number; readonly calls: number };
  };
  readonly diesAt: Date;
}

export function mongoCounters({ askOnce, collection }: Database): Counters {
  const rows = collection<Row>('counters');

  async function countOnce(_id: string, windows: readonly CountedWindow[]) {
    const before = await askOnce(() =>
      // A repetition would count a call twice: better an error than a guess.
      rows.findOneAndUpdate({ _id }, counting(windows), { upsert: true, returnDocument: 'before' }),
    );
    return judgeCall(countsOf(before, windows), windows).before;
  }

  return {
    async count(key, windows) {
      const _id = createHash('sha256').update(String(key), 'utf8').digest('base64url');
      try {
        return await countOnce(_id, windows);
      } catch (error) {
        // Two first calls at the same moment: one of them made the document, and the other has not been counted.
        if (!isTaken(error)) throw error;
        return countOnce(_id, windows);
      }
    },
  };
}

/** The same as `judgeCall`, in the language of the database. */
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
  const last = dateOf(Math.max(...windows.map(({ until }) => until)));
  return [{ $set: { ...Object.fromEntries(next), diesAt: { $max: [{ $ifNull: ['$diesAt', last] }, last] } } }];
}

function countsOf(row: Row | null, windows: readonly CountedWindow[]): Counts {
  const counts = windows.flatMap(({ name }) => {
    const count = row?.windows[fieldOf(name)] ?? undefined;
    return count === undefined ? [] : [[name, count] as const];
  });
  return Object.fromEntries(counts);
}

/** A name that is nothing but a name to the database. */
function fieldOf(window: string): string {
  return `w_${Buffer.from(String(window), 'utf8').toString('hex')}`;
}
