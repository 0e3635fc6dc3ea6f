/** The log of announcements between nodes: documents with the time of the database, deleted after some minutes. */
import type { Announcement } from '../../src/ports/announcements.ts';
import { type Database, text } from './database.ts';

/** Where a node writes announcements for the other nodes. */
export interface EventLog {
  /** Idempotent for the same id. */
  write(id: string, announcements: readonly Announcement[]): Promise<void>;
  /** The events written at `since` or later, by the time of the database, except those known already. */
  read(since: number, known: readonly string[]): Promise<readonly Event[]>;
  /** The time of the database. */
  now(): Promise<number>;
}

export interface Event {
  readonly id: string;
  readonly at: number;
  readonly announcements: readonly Announcement[];
}

interface EventRow {
  readonly _id: string;
  readonly at: Date;
  /** As JSON. */
  readonly announcements: string;
}

export function mongoEvents({ run, collection }: Database): EventLog {
  const events = collection<EventRow>('events');

  async function write(id: string, announcements: readonly Announcement[]): Promise<EventRow | null> {
    return run(() =>
      events().findOneAndUpdate(
        { _id: text(id) },
        { $currentDate: { at: true }, $set: { announcements: JSON.stringify(announcements) } },
        { upsert: true, returnDocument: 'after' },
      ),
    );
  }

  return {
    async write(id, announcements) {
      await write(id, announcements);
    },

    async read(since, known) {
      const rows = await run(() =>
        events()
          .find({ at: { $gte: new Date(since) }, ...(known.length > 0 && { _id: { $nin: [...known] } }) })
          .sort({ at: 1 })
          .toArray(),
      );
      return rows.map(({ _id, at, announcements }) => ({
        id: _id,
        at: at.getTime(),
        announcements: JSON.parse(announcements) as readonly Announcement[],
      }));
    },

    async now() {
      const written = await write('now', []);
      return written!.at.getTime();
    },
  };
}
