/**
 * The configuration snapshot of the moment, kept current. Each announced change is read by its key and a new snapshot is
 * compiled out of what it touches; requests go on with the old one until the new one stands. Whoever announced the
 * change is answered only then, so that it holds on the next request.
 */
import { compileSnapshot } from '../src/gateway/compile-snapshot.ts';
import type { PluginDefinition, PluginTools } from '../src/gateway/plugin.ts';
import type { Snapshot } from '../src/gateway/snapshot.ts';
import type { Announcement, Announcements } from '../src/ports/announcements.ts';
import type { Entity, EntityKind, EntityStore } from '../src/ports/entity-store.ts';

export interface LiveSnapshot {
  current(): Snapshot;
  /** The rows behind it, by kind. */
  rows(kind: string): readonly Entity[];
  close(): void;
}

export async function liveSnapshot(options: {
  readonly store: EntityStore;
  /** The kinds a snapshot is made of: services, routes, plugins, upstreams, targets. */
  readonly kinds: readonly EntityKind[];
  readonly definitions: ReadonlyMap<string, PluginDefinition>;
  readonly tools: PluginTools;
  readonly announcements: Announcements;
  /** A row that cannot be compiled is left out, and told here; all others hold. */
  readonly refused: (kind: string, id: string, why: string) => void;
  /** Told of each new snapshot, when it is in force. */
  readonly renewed?: ((snapshot: Snapshot) => void) | undefined;
}): Promise<LiveSnapshot> {
  const { store, kinds, definitions, tools, announcements, refused, renewed } = options;
  const rows = new Map(kinds.map((kind) => [kind.name, new Map<string, Entity>()]));
  const byName = new Map(kinds.map((kind) => [kind.name, kind]));

  const compile = (previous: Snapshot | undefined): Snapshot =>
    compileSnapshot({
      services: [...rows.get('services')!.values()],
      routes: [...rows.get('routes')!.values()],
      plugins: [...rows.get('plugins')!.values()],
      upstreams: [...(rows.get('upstreams')?.values() ?? [])],
      targets: [...(rows.get('targets')?.values() ?? [])],
      definitions,
      tools,
      refused,
      ...(previous === undefined ? {} : { previous }),
    });

  async function readAll(): Promise<void> {
    for (const kind of kinds) {
      const read = new Map<string, Entity>();
      let after: string | undefined;
      do {
        const page = await store.page(kind, { size: 1000, after });
        for (const row of page.rows) read.set(row.id, row);
        after = page.next;
      } while (after !== undefined);
      rows.set(kind.name, read);
    }
  }

  // Listening before reading: a change that falls between the two is read twice rather than never.
  let current: Snapshot | undefined;
  let missed = false;
  let working: Promise<void> | undefined;
  let waiting: Announcement[] = [];

  async function work(): Promise<void> {
    const batch = waiting;
    waiting = [];
    working = undefined;
    if (batch.some(({ announces }) => announces === 'everythingChanged')) await readAll();
    else {
      for (const announcement of batch) {
        if (announcement.announces !== 'entityChanged') continue;
        const kind = byName.get(announcement.kind)!;
        const row = await store.get(kind, announcement.id);
        if (row === undefined) rows.get(kind.name)!.delete(announcement.id);
        else rows.get(kind.name)!.set(announcement.id, row);
      }
    }
    current = compile(current);
    renewed?.(current);
  }

  let last: Promise<void> = Promise.resolve();
  const stop = announcements.subscribe((announcement) => {
    const concerns =
      announcement.announces === 'everythingChanged' ||
      (announcement.announces === 'entityChanged' && byName.has(announcement.kind));
    if (!concerns) return undefined;
    if (current === undefined) {
      missed = true;
      return undefined;
    }
    waiting.push(announcement);
    // Changes that come while one is being worked in are taken together in the next turn.
    if (working === undefined) {
      working = last.then(work);
      last = working.catch(() => undefined);
    }
    return working;
  });

  do {
    missed = false;
    await readAll();
  } while (missed);
  current = compile(undefined);
  renewed?.(current);

  return {
    current: () => current!,
    rows: (kind) => [...(rows.get(kind)?.values() ?? [])],
    close: stop,
  };
}
