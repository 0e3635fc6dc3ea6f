/**
 * Counters of rate limits in MongoDB, shared by all gates: one document for each key. Each call is one pipeline update
 * that counts it only if none of its windows is full.
 */
import { createHash } from 'node:crypto';
import type { Document } from 'mongodb';
import { type CountedWindow, type Counters, type Counts, decideCount } from '../../src/ports/counters.ts';
import { type Database, dateOf, orTaken, untilDecided } from './database.ts';

interface CounterRow {
  readonly _id: string;
  readonly windows: {
    readonly [name: string]: { readonly from: number; readonly until: number; readonly calls: number };
  };
  readonly deleteAt: Date;
}

export function mongoCounters({ run, runOnce, collection }: Database): Counters {
  const rows = collection<CounterRow>('counters');

  async function countOnce(_id: string, windows: readonly CountedWindow[]) {
    // A repetition would count the call twice, so it is an error instead.
    const before = await runOnce(() =>
      rows().findOneAndUpdate({ _id }, counting(windows), { returnDocument: 'before' }),
    );
    return before === null ? undefined : decideCount(countsOf(before, windows), windows).before;
  }

  /** A separate insert: for two concurrent upserts, some servers return to both that no document existed before. */
  const create = (_id: string, windows: readonly CountedWindow[]) =>
    orTaken(() => run(() => rows().insertOne({ _id, windows: {}, deleteAt: lastOf(windows)! })));

  return {
    count(key, windows) {
      const _id = createHash('sha256').update(String(key), 'utf8').digest('base64url');
      return untilDecided(
        'a new counter was deleted at once: the clock of the database is ahead',
        async () => {
          const before = await countOnce(_id, windows);
          if (before === undefined) await create(_id, windows);
          return before;
        },
        { attempts },
      );
    },
  };
}

/** How often a counter may expire between its insert and the first update. */
const attempts = 5;

const lastOf = (windows: readonly CountedWindow[]) => dateOf(Math.max(...windows.map(({ until }) => until)));

/** The same decision as `decideCount`, as an update pipeline. */
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

/** A field name without characters that are special to the database. */
function fieldOf(window: string): string {
  return `w_${Buffer.from(String(window), 'utf8').toString('hex')}`;
}
