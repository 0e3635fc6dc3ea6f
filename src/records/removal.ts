/** Which rows a removal deletes, and which rows lose a reference by it. */
import type { ForeignKey } from '../ports/entity-store.ts';

export interface Pointer<Row> {
  readonly from: Row;
  readonly field: string;
  readonly onDelete: ForeignKey['onDelete'];
}

export interface RelatedRows<Row> {
  readonly kindOf: (row: Row) => string;
  /** Equal for the same row only. */
  readonly nameOf: (row: Row) => string;
  readonly pointersTo: (row: Row) => Iterable<Pointer<Row>>;
  /** The unique keys of a row, each with its kind. */
  readonly uniqueKeysOf: (row: Row) => readonly string[];
  /** The row with null in these references; `undefined` if a unique key of it would then belong to another row. */
  readonly withoutReferences: (row: Row, fields: readonly string[]) => Row | undefined;
}

export type RemovalPlan<Row> =
  | {
      /** The row itself and all that cascade from it, in this order. */
      readonly deleted: readonly Row[];
      readonly changed: readonly { readonly before: Row; readonly after: Row }[];
    }
  | { readonly restrictedBy: string };

/** For stores that decide between one read and one write, with no other write in between. */
export function planRemoval<Row>(first: Row, rows: RelatedRows<Row>): RemovalPlan<Row> {
  const { kindOf, nameOf, pointersTo, uniqueKeysOf, withoutReferences } = rows;
  const deleted = new Map([[nameOf(first), first]]);
  const others: Pointer<Row>[] = [];
  // A Map visits the entries that are added during the loop, too.
  for (const row of deleted.values()) {
    for (const pointer of pointersTo(row)) {
      if (pointer.onDelete !== 'cascade') others.push(pointer);
      else if (!deleted.has(nameOf(pointer.from))) deleted.set(nameOf(pointer.from), pointer.from);
    }
  }
  const remaining = others.filter(({ from }) => !deleted.has(nameOf(from)));
  const restricting = remaining.find(({ onDelete }) => onDelete === 'restrict');
  if (restricting !== undefined) return { restrictedBy: kindOf(restricting.from) };

  const changed: { readonly before: Row; readonly after: Row }[] = [];
  const keys = new Set<string>();
  for (const pointers of Map.groupBy(remaining, ({ from }) => nameOf(from)).values()) {
    const before = pointers[0]!.from;
    const after = withoutReferences(
      before,
      pointers.map(({ field }) => field),
    );
    // Without the reference the row would be the same as another row, or as another changed one.
    if (after === undefined || uniqueKeysOf(after).some((key) => keys.has(key))) {
      return { restrictedBy: kindOf(before) };
    }
    for (const key of uniqueKeysOf(after)) keys.add(key);
    changed.push({ before, after });
  }
  return { deleted: [...deleted.values()], changed };
}
