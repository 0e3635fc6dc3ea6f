/** The one loop over the pages of a store. It creates no promise while the store returns none. */
import type { Entity, EntityKind, EntityQuery, EntityStore } from '../ports/entity-store.ts';
import { isPending, type MaybePromise, whenThere } from '../ports/maybe-promise.ts';

export type Pages = Pick<EntityStore, 'page'>;

/**
 * Calls `visit` with the rows of each page, in the order of their ids, and waits for what it returns. Stops after the
 * page for which it returns `false`.
 */
export function eachPage(
  store: Pages,
  kind: EntityKind,
  query: Omit<EntityQuery, 'after'> & { readonly after?: string | undefined },
  visit: (rows: readonly Entity[]) => MaybePromise<unknown>,
): MaybePromise<void> {
  // A loop, not a recursion: a synchronous store with many pages must not fill the stack.
  const from = (start: string | undefined): MaybePromise<void> => {
    let after = start;
    do {
      const page = store.page(kind, { ...query, after });
      const visited = whenThere(page, ({ rows }) => visit(rows));
      if (isPending(page) || isPending(visited)) {
        return whenThere(visited, (more) =>
          whenThere(page, ({ next }) => (next === undefined || more === false ? undefined : from(next))),
        );
      }
      after = visited === false ? undefined : page.next;
    } while (after !== undefined);
    return undefined;
  };
  return from(query.after);
}

/** All rows that `query` selects, in the order of their ids. */
export function allRows(
  store: Pages,
  kind: EntityKind,
  query: Omit<EntityQuery, 'after' | 'size'> & { readonly size?: number } = {},
): MaybePromise<readonly Entity[]> {
  const found: Entity[] = [];
  const read = eachPage(store, kind, { size: 1000, ...query }, (rows) => {
    for (const row of rows) found.push(row);
  });
  return whenThere(read, () => found);
}

/** The first page of `rows`, which come in the order of their ids. One row more decides whether there is another page. */
export function takePage<Row>(
  rows: Iterable<Row>,
  size: number,
  idOf: (row: Row) => string,
): { readonly rows: readonly Row[]; readonly next: string | undefined } {
  const page: Row[] = [];
  for (const row of rows) {
    if (page.length === size) return { rows: page, next: page.length === 0 ? undefined : idOf(page.at(-1)!) };
    page.push(row);
  }
  return { rows: page, next: undefined };
}
