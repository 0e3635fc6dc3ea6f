/**
 * The counters of rate limits, in the store that all gates share. Each key has one row, which is replaced only if it is
 * still as it was read. So the limits are exact for any number of gates.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../ports/clock.ts';
import { type Counters, type Counts, countsExpiry, decideCount } from '../ports/counters.ts';
import type { Entity, EntityKind, EntityStore, Json, Written } from '../ports/entity-store.ts';
import { eachInTurn, type MaybePromise, whenThere } from '../ports/maybe-promise.ts';
import { Unavailable } from '../ports/unavailable.ts';
import { eachPage } from './pages.ts';

/** Kong's name for it. The Admin API does not show it. */
export const countersKind: EntityKind = {
  name: 'ratelimiting_metrics',
  unique: [],
  uniqueTogether: [],
  foreign: [],
  encrypted: () => [],
};

export interface StoredCounters extends Counters {
  /** Deletes rows whose windows have ended. One process calls it from time to time. */
  sweep(): MaybePromise<void>;
}

/** How often the gate tries to count a request while other gates write the same row. */
const attempts = 20;

export function storedCounters(
  store: Pick<EntityStore, 'get' | 'insert' | 'replace' | 'page' | 'remove'>,
  clock: Clock,
): StoredCounters {
  const attempt = (
    id: string,
    windows: Parameters<Counters['count']>[1],
    left: number,
  ): MaybePromise<readonly number[]> =>
    whenThere(store.get(countersKind, id), (row) => {
      const { before, counts } = decideCount(countsOf(row), windows);
      if (counts === undefined) return before;
      const next: Entity = { id, counts: counts as unknown as Json };
      const written: MaybePromise<Written> =
        row === undefined ? store.insert(countersKind, next) : store.replace(countersKind, next, { expected: row });
      return whenThere(written, ({ outcome }) => {
        if (outcome === 'written') return before;
        if (left === 0)
          throw new Unavailable('the request could not be counted: other gates keep writing the same counter');
        return attempt(id, windows, left - 1);
      });
    });

  const isExpired = (row: Entity) => countsExpiry(countsOf(row)) <= clock.now();

  return {
    count: (key, windows) => attempt(idOf(key), windows, attempts),

    sweep: () =>
      eachPage(store, countersKind, { size: 500 }, (rows) =>
        eachInTurn(rows.filter(isExpired), ({ id }) => store.remove(countersKind, id)),
      ),
  };
}

function countsOf(row: Entity | undefined): Counts {
  return (row?.['counts'] ?? {}) as unknown as Counts;
}

/** The same UUID (RFC 9562 §5.8) for the same key, so that no index is needed to find its row. */
function idOf(key: string): string {
  const hex = createHash('sha256').update(key, 'utf8').digest('hex');
  const variant = ((Number.parseInt(hex[16]!, 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
