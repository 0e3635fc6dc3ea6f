/**
 * Rows that an operator gave a `ttl` (Kong's API keys have one): what is written is the time of their death, what is read
 * is the number of seconds left. A dead row is buried by whoever comes across it.
 */
import type { Clock } from '../../src/ports/clock.ts';
import type { Entity, EntityKind, EntityStore } from '../../src/ports/entity-store.ts';

export function withExpiringRows(
  store: EntityStore,
  clock: Clock,
  canExpire: (kind: EntityKind) => boolean,
): EntityStore {
  /** As it stands in the store. */
  const kept = new WeakMap<Entity, Entity>();

  async function shown(kind: EntityKind, row: Entity | undefined): Promise<Entity | undefined> {
    if (row === undefined || !canExpire(kind)) return row;
    const refreshExpiresAt = expiryOf(row);
    if (refreshExpiresAt !== undefined && refreshExpiresAt <= clock.now()) {
      await store.remove(kind, row.id);
      return undefined;
    }
    const { expires_at: _, ...rest } = row;
    const ttl = refreshExpiresAt === undefined ? null : Math.ceil((refreshExpiresAt - clock.now()) / 1000);
    const printed = { ...rest, ttl } as Entity;
    kept.set(printed, row);
    return printed;
  }

  function written(kind: EntityKind, row: Entity, before: Entity | undefined): Entity {
    const ttl = row['ttl'];
    if (!canExpire(kind) || typeof ttl !== 'number') return row;
    // 0 is Kong's word for "never".
    if (ttl === 0) return { ...row, ttl: null };
    const raw = before === undefined ? undefined : kept.get(before);
    const refreshExpiresAt = raw === undefined || before?.['ttl'] !== ttl ? undefined : expiryOf(raw);
    return { ...row, expires_at: refreshExpiresAt ?? clock.now() + ttl * 1000 };
  }

  return {
    get: async (kind, id) => shown(kind, await store.get(kind, id)),
    getBy: async (kind, field, value) => shown(kind, await store.getBy(kind, field, value)),
    remove: (kind, id) => store.remove(kind, id),

    async insert(kind, row) {
      const outcome = await store.insert(kind, written(kind, row, undefined));
      if (outcome.outcome !== 'taken' || !canExpire(kind)) return outcome;
      // Nobody but the dead may have it.
      for (const field of outcome.fields) {
        const holder = await store.getBy(kind, field, String(row[field]));
        if ((await shown(kind, holder)) !== undefined) return outcome;
      }
      return store.insert(kind, written(kind, row, undefined));
    },

    replace(kind, row, how) {
      const expected = how?.expected;
      if (expected === undefined) return store.replace(kind, written(kind, row, undefined), how);
      return store.replace(kind, written(kind, row, expected), { ...how, expected: kept.get(expected) ?? expected });
    },

    async page(kind, query) {
      const page = await store.page(kind, query);
      if (!canExpire(kind)) return page;
      const rows: Entity[] = [];
      for (const row of page.rows) {
        const alive = await shown(kind, row);
        if (alive !== undefined) rows.push(alive);
      }
      return { rows, next: page.next };
    },
  };
}

/** Milliseconds since the epoch; `undefined`: never. A row that came in by a file counts from when it was made. */
function expiryOf(row: Entity): number | undefined {
  const { expires_at: expiresAt, created_at: createdAt, ttl } = row;
  if (typeof expiresAt === 'number') return expiresAt;
  if (typeof ttl !== 'number' || ttl === 0 || typeof createdAt !== 'number') return undefined;
  return (createdAt + ttl) * 1000;
}
