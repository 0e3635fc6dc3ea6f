/**
 * The current configuration snapshot, kept in step with the store. A change compiles a new snapshot out of what it
 * touches, in turns if that is much; the old one serves requests meanwhile, and requests in flight keep it. Changes that
 * come meanwhile are compiled together. The publisher of a change continues only when the new snapshot is
 * current, so the change applies to the next request.
 */
import { changeSteps, compileSteps, type SnapshotChanges } from '../src/gateway/compile-snapshot.ts';
import type { PluginDefinition, PluginTools } from '../src/gateway/plugin.ts';
import type { Snapshot } from '../src/gateway/snapshot.ts';
import type { Announcements } from '../src/ports/announcements.ts';
import type { Entity, EntityKind, EntityStore } from '../src/ports/entity-store.ts';
import { liveRows } from './live-rows.ts';
import { inTurns } from './turns.ts';

export interface LiveSnapshot {
  current(): Snapshot;
  /** The rows it was compiled from, by kind. */
  rows(kind: string): readonly Entity[];
  row(kind: string, id: string): Entity | undefined;
  close(): void;
}

export async function liveSnapshot(options: {
  readonly store: EntityStore;
  /** The kinds a snapshot is made of: services, routes, plugins, upstreams, targets. */
  readonly kinds: readonly EntityKind[];
  readonly definitions: ReadonlyMap<string, PluginDefinition>;
  readonly tools: PluginTools;
  readonly announcements: Announcements;
  /** Called for each row that does not compile. It is left out; the other rows apply. */
  readonly refused: (kind: string, id: string, why: string) => void;
  /** Called with each new snapshot, when it is current. */
  readonly renewed?: ((snapshot: Snapshot) => void) | undefined;
}): Promise<LiveSnapshot> {
  const { store, kinds, definitions, tools, announcements, refused, renewed } = options;
  let current: Snapshot | undefined;
  const { rows, close } = await liveRows({
    store,
    kinds,
    announcements,
    async changed(rows, changes) {
      const all = (kind: string) => [...(rows.get(kind)?.values() ?? [])];
      const compiling = { definitions, tools, refused, previous: current };
      const steps =
        changes === undefined || current === undefined
          ? compileSteps(
              {
                services: all('services'),
                routes: all('routes'),
                plugins: all('plugins'),
                upstreams: all('upstreams'),
                targets: all('targets'),
              },
              compiling,
            )
          : changeSteps(Object.fromEntries(changes) as SnapshotChanges, compiling);
      current = await inTurns(steps);
      renewed?.(current);
    },
  });
  return {
    current: () => current!,
    rows: (kind) => [...(rows.get(kind)?.values() ?? [])],
    row: (kind, id) => rows.get(kind)?.get(id),
    close,
  };
}
