/**
 * Marks of removals. A removal marks each row that it is about to delete, so that no new row points to one of them. The
 * mark of a process that crashed is void after ten seconds.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from './database.ts';
import type { EntityDocument, RemovalMark } from './entity-documents.ts';

/** In milliseconds. */
export const markTtl = 10_000;
export const pauseForMark = 10;

export interface RemovalMarks {
  /** Whether a row exists, so that others may point to it. Waits until a removal of it is decided. */
  exists(name: string): Promise<boolean>;
  /** The row with the mark; `busy` if another removal has marked it, `undefined` if it does not exist. */
  mark(name: string, by: string): Promise<EntityDocument | 'busy' | undefined>;
  unmark(names: Iterable<string>, by: string): Promise<void>;
}

export function removalMarks({ clock, run, collection }: Database): RemovalMarks {
  const rows = collection<EntityDocument>('entities');
  const isVoid = ({ at }: RemovalMark): boolean => Math.abs(clock.now() - at) > markTtl;

  return {
    async exists(name) {
      for (;;) {
        const row = await run(() => rows().findOne({ _id: name }, { projection: { removal: 1 } }));
        if (row === null) return false;
        const { removal } = row;
        if (removal === undefined) return true;
        if (isVoid(removal)) await run(() => rows().updateOne({ _id: name, removal }, { $unset: { removal: '' } }));
        else await pause(pauseForMark);
      }
    },

    async mark(name, by) {
      const now = clock.now();
      const isFree = [
        { removal: { $exists: false } },
        { 'removal.by': by },
        { 'removal.at': { $lt: now - markTtl } },
        { 'removal.at': { $gt: now + markTtl } },
      ];
      const update = { $set: { removal: { by, at: now } } };
      const marked = await run(() =>
        rows().findOneAndUpdate({ _id: name, $or: isFree }, update, { returnDocument: 'after' }),
      );
      if (marked !== null) return marked;
      return (await run(() => rows().findOne({ _id: name }))) === null ? undefined : 'busy';
    },

    async unmark(names, by) {
      for (const name of names) {
        await run(() => rows().updateOne({ _id: name, 'removal.by': by }, { $unset: { removal: '' } }));
      }
    },
  };
}
