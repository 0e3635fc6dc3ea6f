/**
 * Plans the fewest writes that change the rows of a store to those of a file. Between two writes, every row that is in
 * both exists: unique values that move to another row are freed first, then rows are written, each after the rows that
 * it refers to, and the rows that the file does not have are removed last.
 */
import { type Entity, sameRow, uniqueKeys } from '../ports/entity-store.ts';
import type { Description } from '../schema/description.ts';
import { kindOf } from '../schema/kind.ts';

export interface KindRows {
  readonly description: Description;
  readonly rows: readonly Entity[];
}

export type Change =
  | { readonly act: 'write'; readonly description: Description; readonly row: Entity; readonly isNew: boolean }
  /** Temporarily, so that another row can have the unique value of this one. */
  | { readonly act: 'yield'; readonly description: Description; readonly row: Entity }
  | { readonly act: 'remove'; readonly description: Description; readonly id: string };

/** How many rows make one step. */
const rowsInStep = 200;

/** `wanted` and `stored` by kind, each kind after the kinds that it refers to. */
export function planChanges(stored: readonly KindRows[], wanted: readonly KindRows[]): readonly Change[] {
  const steps = planSteps(stored, wanted);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** The same in steps of about equal length. */
export function* planSteps(
  stored: readonly KindRows[],
  wanted: readonly KindRows[],
): Generator<undefined, readonly Change[]> {
  const before = new Map(stored.map(({ description, rows }) => [description.name, rows]));
  const yields: Change[] = [];
  const writes: Change[] = [];
  /** For each kind. */
  const removals: Change[][] = [];
  for (const { description, rows } of wanted) {
    const there = new Map((before.get(description.name) ?? []).map((row) => [row.id, row]));
    const changed: Entity[] = [];
    for (const [at, row] of rows.entries()) {
      if (at % rowsInStep === rowsInStep - 1) yield undefined;
      if (!isEqualRow(there.get(row.id), row)) changed.push(row);
    }
    const kept = new Set(rows.map(({ id }) => id));
    const kind = kindOf(description);
    const holders = new Map<string, Entity>();
    let held = 0;
    for (const row of there.values()) {
      // Without changed rows no unique value moves.
      if (changed.length === 0) break;
      if (++held % rowsInStep === 0) yield undefined;
      for (const { key } of uniqueKeys(kind, row)) holders.set(key, row);
    }
    const yielding = new Map<string, Entity>();
    for (const [at, row] of changed.entries()) {
      if (holders.size === 0) break;
      if (at % rowsInStep === rowsInStep - 1) yield undefined;
      for (const { key, fields, together } of uniqueKeys(kind, row)) {
        const holder = holders.get(key);
        if (holder === undefined || holder.id === row.id) continue;
        holders.delete(key);
        if (together) yields.push({ act: 'remove', description, id: holder.id });
        else {
          const left = yielding.get(holder.id) ?? holder;
          yielding.set(holder.id, { ...left, [fields[0]!]: `yielded-${holder.id}` });
        }
      }
    }
    for (const row of yielding.values()) yields.push({ act: 'yield', description, row });
    const gone = new Set(yields.flatMap((change) => (change.act === 'remove' ? [change.id] : [])));
    for (const row of changed) {
      writes.push({ act: 'write', description, row, isNew: !there.has(row.id) || gone.has(row.id) });
    }
    // A row that was removed to free its unique values, and did not change, is written again.
    const written = new Set(changed);
    for (const row of rows) {
      if (gone.has(row.id) && !written.has(row)) writes.push({ act: 'write', description, row, isNew: true });
    }
    const left = [...there.keys()].filter((id) => !kept.has(id) && !gone.has(id));
    removals.push(left.map((id): Change => ({ act: 'remove', description, id })));
  }
  return [...yields, ...writes, ...removals.reverse().flat()];
}

/** The time of the last change does not count as a difference. */
export function isEqualRow(stored: Entity | undefined, row: Entity): boolean {
  if (stored === undefined) return false;
  return sameRow({ ...stored, updated_at: 0 }, { ...row, updated_at: 0 });
}
