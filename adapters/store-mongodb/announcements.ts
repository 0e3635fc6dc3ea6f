/**
 * What other nodes must hear, and what is heard of them.
 *
 * What is announced here is applied here and written down for the others; whoever announced it is answered when both is
 * done. What others wrote is read every tenth of a second, by the time of the database. The times of several writers do
 * not become visible in their order, so each reading looks back over a window and leaves out what it knows.
 *
 * A node that could not read for longer than the window, or could not apply what it read, forgets everything it
 * remembered. How long it may go on remembering meanwhile is said by `isFresh`.
 */
import { randomUUID } from 'node:crypto';
import type { Announcement, Announcements } from '../../src/ports/announcements.ts';
import { Unavailable } from '../../src/ports/unavailable.ts';
import type { EventLog } from './events.ts';

export interface SharedAnnouncements extends Announcements {
  /** Whether others were heard within the limit: what is remembered may be relied on. */
  isFresh(): boolean;
  /** Whether others are heard at present. */
  isHearing(): boolean;
  /** Reads once what others have written, and applies it. */
  hear(): Promise<void>;
  /** Reads again and again until it is closed. */
  listen(): void;
  close(): Promise<void>;
}

export interface SharedOptions {
  readonly events: EventLog;
  /** Those of this process. */
  readonly local: Announcements;
  /** Milliseconds for which nothing may have been heard before nothing remembered may be relied on. */
  readonly stalenessLimit: number;
  /** Milliseconds of a clock that is never set. */
  readonly now?: () => number;
  /** Milliseconds over which each reading looks back. */
  readonly window?: number;
  readonly interval?: number;
  /** The database cannot be read, or can be read again. */
  readonly told?: (state: 'deaf' | 'hearing', error?: unknown) => void;
}

/** How many announcements make one event, at most. */
const writtenAtOnce = 500;
/** More than this cannot be written for now: others will have to forget everything. */
const unwritten = 10_000;
/** Readings that fail in a row before anybody is told. */
const deafAfter = 3;

export async function sharedAnnouncements({
  events,
  local,
  stalenessLimit,
  now = () => performance.now(),
  window = 5_000,
  interval = 100,
  told = () => undefined,
}: SharedOptions): Promise<SharedAnnouncements> {
  const node = randomUUID();
  /** What was read and would be read again, with its time. */
  const known = new Map<string, number>();
  let latest = await events.now();
  let heardAt = now();
  let missed = false;
  let failures = 0;
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;
  let hearing: Promise<void> = Promise.resolve();

  let waiting: { readonly announcement: Announcement; readonly told?: (error?: unknown) => void }[] = [];
  let writing: Promise<void> | undefined;
  let written = 0;

  /** One event after the other, so that what comes meanwhile is written together. */
  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, writtenAtOnce);
      waiting = waiting.slice(writtenAtOnce);
      const id = `${node}/${++written}`;
      try {
        await events.write(
          id,
          batch.map(({ announcement }) => announcement),
        );
        for (const one of batch) one.told?.();
      } catch (error) {
        // Whoever waits is told so; the others will hear of it all the same, as soon as it can be written.
        for (const one of batch) one.told?.(error);
        const again = [...batch.map(({ announcement }) => ({ announcement })), ...waiting];
        waiting = again.length > unwritten ? [{ announcement: { announces: 'everythingChanged' } }] : again;
        for (const one of again.length > unwritten ? again : []) if ('told' in one) one.told?.(error);
        return;
      }
    }
  }

  function write(announcement: Announcement): Promise<void> {
    return new Promise((resolve, reject) => {
      waiting.push({ announcement, told: (error) => (error === undefined ? resolve() : reject(error)) });
      flush();
    });
  }

  function flush(): void {
    writing ??= Promise.resolve()
      .then(writeAll)
      .finally(() => {
        writing = undefined;
      });
  }

  async function applyHere(announcement: Announcement): Promise<void> {
    try {
      await local.publish(announcement);
    } catch (error) {
      missed = true;
      throw error;
    }
  }

  async function read(): Promise<void> {
    const began = now();
    // So long ago that what others wrote may not be there any more.
    if (began - heardAt > window) missed = true;
    const isMine = (id: string) => id.startsWith(`${node}/`);
    const found = await events.read(latest - window, [...known.keys()]);
    const announcements = found.filter(({ id }) => !isMine(id)).flatMap((event) => event.announcements);
    await Promise.allSettled(announcements.map(applyHere));
    for (const { id, at } of found) {
      known.set(id, at);
      latest = Math.max(latest, at);
    }
    for (const [id, at] of known) if (at < latest - window) known.delete(id);
    if (missed) {
      missed = false;
      await applyHere({ announces: 'everythingChanged' });
    }
    heardAt = began;
  }

  async function hear(): Promise<void> {
    if (waiting.length > 0) flush();
    try {
      await read();
    } catch (error) {
      if (++failures === deafAfter) told('deaf', error);
      throw error;
    }
    if (failures >= deafAfter) told('hearing');
    failures = 0;
  }

  function listen(): void {
    if (isClosed) return;
    timer = setTimeout(() => {
      hearing = hear()
        .catch(() => undefined)
        .then(listen);
    }, interval).unref();
  }

  return {
    async publish(announcement) {
      if (isClosed) throw new Unavailable('the store is closed');
      const outcomes = await Promise.allSettled([applyHere(announcement), write(announcement)]);
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    },
    subscribe: (listener) => local.subscribe(listener),
    isFresh: () => now() - heardAt <= stalenessLimit,
    isHearing: () => now() - heardAt <= Math.max(1_000, 3 * interval),
    hear,
    listen,
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await hearing;
      // What could not be written before is tried once more.
      if (waiting.length > 0) flush();
      await writing;
    },
  };
}
