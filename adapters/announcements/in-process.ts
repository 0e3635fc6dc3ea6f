/** Announcements within one process. What is to be heard elsewhere subscribes here and carries it on. */
import type { Announcement, Announcements } from '../../src/ports/announcements.ts';
import type { MaybePromise } from '../../src/ports/maybe-promise.ts';

export function inProcessAnnouncements(): Announcements {
  let listeners: readonly ((announcement: Announcement) => MaybePromise<void>)[] = [];
  return {
    publish(announcement) {
      const pending: PromiseLike<void>[] = [];
      const failures: unknown[] = [];
      // Everybody hears of it, whatever becomes of the others: a cache that missed one would lie.
      for (const listener of listeners) {
        try {
          const applied = listener(announcement);
          if (applied !== undefined) pending.push(applied);
        } catch (error) {
          failures.push(error);
        }
      }
      if (pending.length === 0) return report(failures);
      return Promise.allSettled(pending).then((outcomes) => {
        for (const outcome of outcomes) if (outcome.status === 'rejected') failures.push(outcome.reason);
        report(failures);
      });
    },

    subscribe(listener) {
      const own = (announcement: Announcement) => listener(announcement);
      listeners = [...listeners, own];
      return () => {
        listeners = listeners.filter((one) => one !== own);
      };
    },
  };
}

function report(failures: readonly unknown[]): void {
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, 'several listeners could not apply an announcement');
}
