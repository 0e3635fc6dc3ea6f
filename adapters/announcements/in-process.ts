/** Announcements within one process. A store that several gates share subscribes here and passes them on. */
import type { Announcement, Announcements } from '../../src/ports/announcements.ts';
import type { MaybePromise } from '../../src/ports/maybe-promise.ts';

export function inProcessAnnouncements(): Announcements {
  let listeners: readonly ((announcement: Announcement) => MaybePromise<void>)[] = [];
  return {
    publish(announcement) {
      const pending: PromiseLike<void>[] = [];
      const failures: unknown[] = [];
      // Every listener is called, also when another one fails: a cache that misses an announcement returns stale rows.
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
  if (failures.length > 1) throw new AggregateError(failures, 'several listeners failed to apply an announcement');
}
