/**
 * Announcements between nodes, through a log of events in the database.
 *
 * `publish` applies an announcement here and writes it to the log for the other nodes; it resolves when both are done.
 * Every tenth of a second a node reads what the others wrote, by the time of the database. Events of several writers do
 * not become visible in the order of their times, so each read looks back over a window and skips the events it knows.
 *
 * A node that could not read for longer than the window, or could not apply what it read, clears all its caches.
 * `isFresh` says for how long it may use its caches meanwhile.
 *
 * A process that was stopped for a while (SIGSTOP, a suspended machine) notices it by a timer that is due all the time, and
 * uses its caches again only after a read that began later. Requests may be handled before that timer, so `isFresh` looks at
 * the clock as well.
 */
import { randomUUID } from 'node:crypto';
import type { Announcement, Announcements } from '../../src/ports/announcements.ts';
import { Unavailable } from '../../src/ports/unavailable.ts';
import type { EventLog } from './events.ts';

export interface SharedAnnouncements extends Announcements {
  /** Whether the log was read within the staleness limit: until then caches may be used. */
  isFresh(): boolean;
  /** Whether the log can be read at present. */
  isCurrent(): boolean;
  /** Reads once what other nodes have written, and applies it. */
  poll(): Promise<void>;
  /** Polls at each interval until it is closed. */
  start(): void;
  close(): Promise<void>;
}

export interface SharedOptions {
  readonly events: EventLog;
  /** The announcements of this process. */
  readonly local: Announcements;
  /** Milliseconds without a successful read after which caches must not be used. */
  readonly stalenessLimit: number;
  /** Milliseconds of a clock that is never set. */
  readonly now?: () => number;
  /** Milliseconds over which each read looks back. */
  readonly window?: number;
  readonly interval?: number;
  /** Timers of the process. */
  readonly timers?: Timers;
  /** Called when the log cannot be read, and when it can be read again. */
  readonly onChange?: (state: 'stale' | 'current', error?: unknown) => void;
}

export interface Timers {
  /** Each returns a function that stops the timer. */
  every(milliseconds: number, run: () => void): () => void;
  after(milliseconds: number, run: () => void): () => void;
}

const processTimers: Timers = {
  every(milliseconds, run) {
    const timer = setInterval(run, milliseconds).unref();
    return () => clearInterval(timer);
  },
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds).unref();
    return () => clearTimeout(timer);
  },
};

/** An announcement that is not yet in the log. */
interface Unwritten {
  readonly announcement: Announcement;
  readonly done?: (error?: unknown) => void;
}

/** How many announcements make one event, at most. */
const batchSize = 500;
/** With more than this many unwritten announcements, the other nodes have to clear all their caches instead. */
const mostUnwritten = 10_000;
/** How many reads in a row fail before `onChange` is called. */
const staleAfter = 3;

export async function sharedAnnouncements({
  events,
  local,
  stalenessLimit,
  now = () => performance.now(),
  window = 5_000,
  interval = 100,
  timers = processTimers,
  onChange = () => undefined,
}: SharedOptions): Promise<SharedAnnouncements> {
  const node = randomUUID();
  /** The times of the events that were read and that the next read would find again. */
  const known = new Map<string, number>();
  let latest = await events.now();
  let readAt = now();
  let missed = false;
  let failures = 0;
  let isClosed = false;
  let stopTimer = (): void => undefined;
  let stopBeat = (): void => undefined;
  let polling: Promise<void> = Promise.resolve();

  /** When this process was last seen running. Before `start` that is not observed. */
  let seenAt: number | undefined;
  /** Reads that began earlier say nothing about the time in which this process was stopped. */
  let trustedFrom = Number.NEGATIVE_INFINITY;
  const longestGap = Math.max(1_000, 10 * interval);

  /** The time. Notices if the process was stopped before. */
  function observedNow(): number {
    const at = now();
    if (seenAt === undefined) return at;
    if (at - seenAt > longestGap) trustedFrom = at;
    seenAt = at;
    return at;
  }

  let unwritten: Unwritten[] = [];
  let writing: Promise<void> | undefined;
  let written = 0;

  /** Writes one event after the other, so that announcements that arrive meanwhile are written together. */
  async function writeAll(): Promise<void> {
    while (unwritten.length > 0) {
      const batch = unwritten.slice(0, batchSize);
      unwritten = unwritten.slice(batchSize);
      const announcements = batch.map(({ announcement }) => announcement);
      try {
        await events.write(`${node}/${++written}`, announcements);
        for (const { done } of batch) done?.();
      } catch (error) {
        // Their callers get the error. The announcements stay, for the next attempt.
        for (const { done } of batch) done?.(error);
        unwritten = [...announcements.map((announcement) => ({ announcement })), ...unwritten];
        if (unwritten.length > mostUnwritten) {
          for (const { done } of unwritten) done?.(error);
          unwritten = [{ announcement: { announces: 'everythingChanged' } }];
        }
        return;
      }
    }
  }

  function write(announcement: Announcement): Promise<void> {
    return new Promise((resolve, reject) => {
      unwritten.push({ announcement, done: (error) => (error === undefined ? resolve() : reject(error)) });
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
    const began = observedNow();
    // Events of the other nodes may have left the window since the last read.
    if (began - readAt > window) missed = true;
    const isOwn = (id: string) => id.startsWith(`${node}/`);
    const found = await events.read(latest - window, [...known.keys()]);
    const announcements = found.filter(({ id }) => !isOwn(id)).flatMap((event) => event.announcements);
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
    readAt = began;
  }

  async function poll(): Promise<void> {
    if (unwritten.length > 0) flush();
    try {
      await read();
    } catch (error) {
      if (++failures === staleAfter) onChange('stale', error);
      throw error;
    }
    if (failures >= staleAfter) onChange('current');
    failures = 0;
  }

  function pollLater(): void {
    if (isClosed) return;
    stopTimer = timers.after(interval, () => {
      polling = poll()
        .catch(() => undefined)
        .then(pollLater);
    });
  }

  function start(): void {
    seenAt = now();
    stopBeat = timers.every(interval, observedNow);
    pollLater();
  }

  return {
    async publish(announcement) {
      if (isClosed) throw new Unavailable('the store is closed');
      const outcomes = await Promise.allSettled([applyHere(announcement), write(announcement)]);
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    },
    subscribe: (listener) => local.subscribe(listener),
    isFresh() {
      const at = observedNow();
      return readAt >= trustedFrom && at - readAt <= stalenessLimit;
    },
    isCurrent: () => now() - readAt <= Math.max(1_000, 3 * interval),
    poll,
    start,
    async close() {
      isClosed = true;
      stopTimer();
      stopBeat();
      await polling;
      // One last attempt to write what could not be written before.
      if (unwritten.length > 0) flush();
      await writing;
    },
  };
}
