/**
 * The configuration as a file: loads a file as a whole or not at all, and prints the active configuration. While a file
 * is active, the store holds exactly its services, routes, plugins, consumers and credentials. Tokens, codes and grants
 * stay, except those of clients and services that the file removes.
 *
 * A file is checked completely before the first write. Then the fewest writes change the stored rows to those of the
 * file, and one announcement at the end makes the new configuration active: requests in flight keep their snapshot. If
 * a write fails, the writes before it are undone.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { stringify } from 'yaml';
import { configurationKinds } from '../../src/declarative/document.ts';
import type { Loaded } from '../../src/declarative/loaded.ts';
import { type Change, type KindRows, planChanges } from '../../src/declarative/plan-changes.ts';
import { printedDocument } from '../../src/declarative/print-document.ts';
import { documentSteps } from '../../src/declarative/read-document.ts';
import type { DeclaredRow } from '../../src/declarative/rows.ts';
import { grantsRemovedWith } from '../../src/entities/oauth2-tokens.ts';
import type { Announcements } from '../../src/ports/announcements.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Entity, EntityKind, EntityStore } from '../../src/ports/entity-store.ts';
import type { Entropy } from '../../src/ports/entropy.ts';
import type { Grants } from '../../src/ports/grants.ts';
import type { MaybePromise } from '../../src/ports/maybe-promise.ts';
import { allRows } from '../../src/records/pages.ts';
import type { Description } from '../../src/schema/description.ts';
import { kindOf } from '../../src/schema/kind.ts';
import { documentOf } from './read-text.ts';
import { readTextAside } from './read-text-aside.ts';

export interface DeclarativeConfiguration {
  /** The digest of the active file. `undefined`: no file is active, and the Admin API writes the configuration. */
  activeDigest(): string | undefined;
  /** One load at a time; the next one waits. */
  load(text: string, how?: LoadOptions): Promise<Loaded>;
  /** The active configuration, as a file. */
  print(): Promise<string>;
  /** From now on the Admin API writes the configuration. */
  handOver(): Promise<void>;
}

export interface LoadOptions {
  /** Does nothing if the same text is active already. */
  readonly checkHash?: boolean;
  /** The first file of a store may change and remove rows that the Admin API wrote. */
  readonly takesOver?: boolean;
}

export interface DeclarativeOptions {
  /** A store without announcements: a file makes one announcement at the end. */
  readonly store: EntityStore;
  readonly grants: Pick<Grants, 'removeOf'>;
  readonly announcements: Announcements;
  readonly entities: ReadonlyMap<string, Description>;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly hashes: {
    hash(secret: string): Promise<string>;
    verify(id: string, phc: string | undefined, secret: string): MaybePromise<string>;
  };
  /** Returns the rows that cannot be compiled. Runs before the first write. */
  readonly trial: (rows: readonly KindRows[]) => readonly { readonly id: string; readonly why: string }[];
  readonly skipPlugins: readonly string[];
}

/** The row that records which file the configuration comes from. The Admin API does not show it. */
export const ownershipKind: EntityKind = {
  name: 'declarative_configuration',
  unique: [],
  uniqueTogether: [],
  foreign: [],
  encrypted: () => [],
};
const ownershipId = '00000000-0000-4000-8000-000000000001';

export async function declarativeConfiguration(options: DeclarativeOptions): Promise<DeclarativeConfiguration> {
  const { store, entities, announcements, grants, entropy, clock } = options;
  const kinds = configurationKinds(entities);
  const left = await store.get(ownershipKind, ownershipId);
  let isOwner = left !== undefined;
  let active = left === undefined ? undefined : String(left['digest']);
  let turn: Promise<unknown> = Promise.resolve();
  const proven = provenSecrets();

  const storedRows = (): Promise<readonly KindRows[]> => readAll(store, kinds);

  async function load(text: string, { checkHash = false, takesOver = false }: LoadOptions): Promise<Loaded> {
    const digest = createHash('sha256').update(text, 'utf8').digest('hex');
    if (checkHash && digest === active) return { outcome: 'unchanged' };
    const syntax = await readTextAside(text);
    if (syntax.problems !== undefined) return { outcome: 'refused', problems: syntax.problems };
    const document = documentOf(syntax);

    const before = await storedRows();
    const byId = new Map(
      before.map(({ description, rows }) => [description.name, new Map(rows.map((row) => [row.id, row]))]),
    );
    const read = await inSteps(
      documentSteps(document, {
        entities,
        skipPlugins: options.skipPlugins,
        stored: (kind, id) => byId.get(kind)?.get(id),
        now: clock.now(),
        token: () => entropy.token(),
      }),
    );
    if (read.problems !== undefined) return { outcome: 'refused', problems: read.problems };

    const wanted: KindRows[] = [];
    for (const description of kinds) {
      const rows: Entity[] = [];
      for (const declared of read.rows) {
        if (declared.description.name !== description.name) continue;
        const stored = byId.get(description.name)?.get(declared.row.id);
        rows.push(read.transform ? await hashed(declared, stored, options, proven) : declared.row);
      }
      wanted.push({ description, rows });
    }
    const unusable = options.trial(wanted);
    if (unusable.length > 0) {
      const places = new Map(read.rows.map(({ row, place }) => [row.id, place]));
      const problems = unusable.map(({ id, why }) => {
        const place = places.get(id) ?? [];
        return { place, line: document.lineOf(place), message: why };
      });
      return { outcome: 'refused', problems };
    }

    const changes = planChanges(before, wanted);
    const counted = countsOf(changes, byId);
    if (!isOwner && !takesOver && counted.removed + counted.changed > 0) {
      return { outcome: 'refused', problems: [{ place: [], message: foreignRows(counted) }] };
    }
    await become(wanted, before);
    await store.replace(ownershipKind, { id: ownershipId, digest }, { orInsert: true });
    isOwner = true;
    const switched = active !== digest;
    active = digest;
    if (changes.length > 0 || switched) await announcements.publish({ announces: 'everythingChanged' });
    const skipped = read.skipped.map(({ name }) => name);
    return { outcome: 'loaded', rows: wanted, ...counted, skipped, warnings: read.warnings };
  }

  /**
   * Makes all changes or none: after a failure the rows before are restored. If another gate on the same store loads its
   * file at the same time, their writes can conflict; then the remaining changes are planned again.
   */
  async function become(wanted: readonly KindRows[], before: readonly KindRows[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await makeAll(planChanges(attempt === 1 ? before : await storedRows(), wanted));
      } catch (error) {
        if (error instanceof Conflict && attempt < attempts) continue;
        try {
          await makeAll(planChanges(await storedRows(), before));
        } finally {
          await announcements.publish({ announces: 'everythingChanged' });
        }
        throw error;
      }
    }
  }

  async function makeAll(changes: readonly Change[]): Promise<void> {
    // A row that frees a unique value is removed at once. All other rows are removed after the last write, which can fail.
    const removals: Change[] = [];
    let hasWritten = false;
    for (const [at, change] of changes.entries()) {
      if (at % changesInTurn === changesInTurn - 1) await othersTurn();
      if (change.act === 'remove' && hasWritten) removals.push(change);
      else await make(change);
      hasWritten ||= change.act === 'write';
    }
    for (const change of removals) await make(change);
  }

  async function make(change: Change): Promise<void> {
    const kind = kindOf(change.description);
    if (change.act === 'remove') {
      const removed = await store.remove(kind, change.id);
      if (removed.outcome === 'restricted') throw new Conflict(`${kind.name} ${change.id}: in use by ${removed.by}`);
      const gone = removed.outcome === 'removed' ? removed.rows : [];
      const owners = gone.map((row) => grantsRemovedWith(row.kind, row.id)).filter((owner) => owner !== undefined);
      if (owners.length > 0) await grants.removeOf(owners);
      return;
    }
    const written = await store.replace(kind, change.row, { orInsert: true });
    if (written.outcome !== 'written') throw new Conflict(`${kind.name} ${change.row.id}: ${JSON.stringify(written)}`);
  }

  const inTurn = <T>(task: () => Promise<T>): Promise<T> => {
    const mine = turn.then(task);
    turn = mine.catch(() => undefined);
    return mine;
  };

  return {
    activeDigest: () => active,
    load: (text, how = {}) => inTurn(() => load(text, how)),
    print: async () => printText(await storedRows()),
    handOver: () =>
      inTurn(async () => {
        active = undefined;
        isOwner = false;
        await store.remove(ownershipKind, ownershipId);
      }),
  };
}

/** Another gate's row prevents a write or a removal. */
class Conflict extends Error {
  override readonly name = 'Conflict';
}

/** How often the changes are planned again because another gate writes as well. */
const attempts = 5;

interface ProvenSecrets {
  has(id: string, phc: string, secret: string): boolean;
  add(id: string, phc: string, secret: string): void;
}

/** Remembers which secret of the file has which hash, so that a reload need not hash again. The key is new in each process. */
function provenSecrets(): ProvenSecrets {
  const key = randomBytes(32);
  const prints = new Map<string, string>();
  const print = (phc: string, secret: string) =>
    createHmac('sha256', key)
      .update(JSON.stringify([phc, secret]))
      .digest('base64');
  return {
    has: (id, phc, secret) => prints.get(id) === print(phc, secret),
    add: (id, phc, secret) => void prints.set(id, print(phc, secret)),
  };
}

/** After this many changes the gate serves requests. */
const changesInTurn = 50;

const othersTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

async function inSteps<T>(steps: Generator<undefined, T>): Promise<T> {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    await othersTurn();
  }
}

async function readAll(store: EntityStore, kinds: readonly Description[]): Promise<readonly KindRows[]> {
  const all: KindRows[] = [];
  for (const description of kinds) {
    all.push({ description, rows: await allRows(store, kindOf(description)) });
  }
  return all;
}

/** Hashes the secrets that are stored as hashes. A stored hash of the same secret stays, so that a reload changes nothing. */
async function hashed(
  { description, row }: DeclaredRow,
  stored: Entity | undefined,
  { hashes: { hash, verify } }: DeclarativeOptions,
  proven: ProvenSecrets,
): Promise<Entity> {
  let done = row;
  for (const { hashes } of description.transformations ?? []) {
    const secret = done[hashes.field];
    if (!hashes.when(done) || typeof secret !== 'string' || hashes.isDone(secret)) continue;
    const kept = stored?.[hashes.field];
    const isKept =
      typeof kept === 'string' &&
      hashes.isDone(kept) &&
      (proven.has(done.id, kept, secret) || (await verify(done.id, kept, secret)) === 'proven');
    const phc = isKept ? kept : await hash(secret);
    proven.add(done.id, phc, secret);
    done = { ...done, [hashes.field]: phc };
  }
  return done;
}

function countsOf(
  changes: readonly Change[],
  stored: ReadonlyMap<string, ReadonlyMap<string, Entity>>,
): { added: number; changed: number; removed: number } {
  const counts = { added: 0, changed: 0, removed: 0 };
  const written = new Set<string>();
  for (const change of changes) {
    if (change.act !== 'write') continue;
    written.add(change.row.id);
    if (stored.get(change.description.name)?.has(change.row.id)) counts.changed++;
    else counts.added++;
  }
  for (const change of changes) if (change.act === 'remove' && !written.has(change.id)) counts.removed++;
  return counts;
}

function foreignRows({ changed, removed }: { readonly changed: number; readonly removed: number }): string {
  return (
    `the store holds a configuration that the Admin API wrote; this file would change ${changed} and remove ${removed} ` +
    'of its entities. Save it with portcullis export, or let the file replace it: config_takes_over = yes'
  );
}

/** Text is in quotes, so that no YAML reader takes it for another type (`no`, `1.10`). */
function printText(rows: readonly KindRows[]): string {
  return stringify(printedDocument(rows), {
    lineWidth: 0,
    aliasDuplicateObjects: false,
    defaultStringType: 'QUOTE_DOUBLE',
    defaultKeyType: 'PLAIN',
  });
}
