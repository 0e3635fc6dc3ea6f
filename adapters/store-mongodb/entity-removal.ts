/**
 * Removes a row with everything that cascades from it, in several writes:
 *
 *     1. mark the row and all that cascade from it
 *     2. check whether another row restricts the removal
 *     3. write null over the references of rows that stay
 *     4. delete the marked rows, those that point to others first
 *
 * So a process that crashes in between leaves no dangling reference. Its marks are void after ten seconds, and the
 * removal can be repeated.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Removed } from '../../src/ports/entity-store.ts';
import type { EncryptedRow } from '../../src/records/entities-at-rest.ts';
import { type Database, untilDecided } from './database.ts';
import type { EntityCollection } from './entity-collection.ts';
import { documentOf, type EntityDocument, nameOf, rowOf } from './entity-documents.ts';
import { markTtl, pauseForMark } from './removal-marks.ts';

/** By their names, the row to be removed first, then in the order in which they were reached. */
type Marked = ReadonlyMap<string, EntityDocument>;

interface Change {
  readonly before: EntityDocument;
  readonly after: EntityDocument;
}

const mostAttempts = 2_000;

export function entityRemoval(
  { clock, run, collection }: Database,
  { encryption, marks, find, taken, pointingTo, writeOver, undo }: EntityCollection,
): (name: string) => Promise<Removed> {
  const rows = collection<EntityDocument>('entities');

  /** Marks the row and all that cascade from it; `busy` if another removal has marked one of them. */
  async function markAll(first: string, by: string): Promise<{ readonly marked: Marked; readonly isBusy: boolean }> {
    const marked = new Map<string, EntityDocument>();
    let names: readonly string[] = [first];
    while (names.length > 0) {
      for (const name of names) {
        const row = await marks.mark(name, by);
        if (row === 'busy') return { marked, isBusy: true };
        if (row !== undefined) marked.set(name, row);
      }
      const pointing = await pointingTo(names);
      names = pointing.filter((row) => !marked.has(row._id) && cascades(row, marked)).map(({ _id }) => _id);
    }
    return { marked, isBusy: false };
  }

  /** `undefined`: another write came in between; the removal has to start again. */
  async function removeOnce(name: string, by: string): Promise<Removed | undefined> {
    const { marked, isBusy } = await markAll(name, by);
    if (isBusy) {
      await marks.unmark(marked.keys(), by);
      // Two removals that mark each other's rows must not repeat in step.
      await pause(pauseForMark * (1 + (Number.parseInt(by.slice(0, 2), 16) % 4)));
      return undefined;
    }
    if (!marked.has(name)) return { outcome: 'missing' };
    const emptied = await emptyReferences(marked);
    if (emptied !== 'emptied') {
      await marks.unmark(marked.keys(), by);
      return emptied === 'again' ? undefined : { outcome: 'restricted', by: emptied.restrictedBy };
    }
    const removed: EntityDocument[] = [];
    for (const row of [...marked.values()].reverse()) {
      if (await removeMarked(row, marked, by)) removed.push(row);
    }
    if (removed.at(-1)?._id !== name) return undefined;
    // Inserted after the rows were marked, by a process that may have crashed before it undid the insert.
    for (const late of await pointingTo(removed.map(({ _id }) => _id))) {
      if (cascades(late, marked)) await run(() => rows().deleteOne({ _id: late._id, version: late.version }));
    }
    const stored = removed.reverse().map(rowOf);
    return { outcome: 'removed', rows: stored.map(({ kind, row }) => ({ kind, id: row.id })) };
  }

  /** Whether a marked row was deleted. A row that was written since, and points elsewhere now, stays. */
  async function removeMarked(row: EntityDocument, marked: Marked, by: string): Promise<boolean> {
    const { _id, version } = row;
    const { deletedCount } = await run(() => rows().deleteOne({ _id, version, 'removal.by': by }));
    if (deletedCount === 1) return true;
    const now = await find(_id);
    // The row is gone because the response to our deletion was lost: no other process deletes a row that we marked.
    if (now === null) return true;
    const isFirst = marked.keys().next().value === _id;
    if (now.removal?.by === by && (isFirst || cascades(now, marked))) return removeMarked(now, marked, by);
    await marks.unmark([_id], by);
    return false;
  }

  /** Writes null over the references of rows that stay; over none of them, if one row does not allow it. */
  async function emptyReferences(marked: Marked): Promise<'emptied' | 'again' | { readonly restrictedBy: string }> {
    const remaining = (await pointingTo([...marked.keys()])).filter(({ _id }) => !marked.has(_id));
    const restricting = remaining.map(rowOf).find((row) => pointers(row, marked, 'restrict').length > 0);
    if (restricting !== undefined) return { restrictedBy: restricting.kind };
    const changes: Change[] = [];
    for (const before of remaining) {
      const row = rowOf(before);
      const { stored, changed } = encryption.withoutReferences(row, pointers(row, marked));
      // Without the reference the row would be the same as another row.
      if ((await taken(before._id, row.kind, changed)) !== undefined) return { restrictedBy: row.kind };
      changes.push({ before, after: documentOf(stored, before.encryptedWith) });
    }
    for (const [at, { before, after }] of changes.entries()) {
      const written = await writeOver(before, after);
      if (written === true) continue;
      for (const done of changes.slice(0, at)) await undo(done.after, done.before);
      return written === 'taken' ? { restrictedBy: rowOf(before).kind } : 'again';
    }
    return 'emptied';
  }

  return (name) => {
    const by = randomUUID();
    const until = clock.now() + 2 * markTtl;
    return untilDecided(
      'a row could not be removed: other writes change related rows again and again',
      () => removeOnce(name, by),
      { attempts: mostAttempts, isInTime: () => clock.now() < until },
    );
  };
}

/** The fields of a row that point to one of `targets`. */
function pointers({ references }: EncryptedRow, targets: Marked, onDelete?: 'restrict' | 'cascade'): readonly string[] {
  return references
    .filter((one) => targets.has(nameOf(one.kind, one.id)) && (onDelete === undefined || one.onDelete === onDelete))
    .map(({ field }) => field);
}

function cascades(document: EntityDocument, targets: Marked): boolean {
  return pointers(rowOf(document), targets, 'cascade').length > 0;
}
