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
import { type ConfigurationDocument, configurationKinds } from '../../src/declarative/document.ts';
import type { Loaded } from '../../src/declarative/loaded.ts';
import { type Change, type KindRows, planSteps } from '../../src/declarative/plan-changes.ts';
import { printedDocument } from '../../src/declarative/print-document.ts';
import { type DocumentRead, documentSteps } from '../../src/declarative/read-document.ts';
import type { DeclaredRow } from '../../src/declarative/rows.ts';
import { grantsRemovedWith } from '../../src/entities/oauth2-tokens.ts';
import type { Announcements } from '../../src/ports/announcements.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Entity, EntityKind, EntityStore } from '../../src/ports/entity-store.ts';
import type { Entropy } from '../../src/ports/entropy.ts';
import type { GrantOwner, Grants } from '../../src/ports/grants.ts';
import type { MaybePromise } from '../../src/ports/maybe-promise.ts';
import { eachPage } from '../../src/records/pages.ts';
import type { Description } from '../../src/schema/description.ts';
import { kindOf } from '../../src/schema/kind.ts';
import { inTurns, turns } from '../turns.ts';
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
  /** Called again and again while a file is loaded. */
  readonly progress?: ((progress: Progress) => void) | undefined;
}

/** How many rows were checked or written, of how many. */
export interface Progress {
  readonly act: 'checked' | 'written';
  readonly done: number;
  readonly of: number;
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
  readonly trial: (rows: readonly KindRows[]) => MaybePromise<readonly { readonly id: string; readonly why: string }[]>;
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

  async function load(text: string, { checkHash = false, takesOver = false, progress }: LoadOptions): Promise<Loaded> {
    const digest = createHash('sha256').update(text, 'utf8').digest('hex');
    if (checkHash && digest === active) return { outcome: 'unchanged' };
    const syntax = await readTextAside(text, false);
    if (syntax.problems !== undefined) return { outcome: 'refused', problems: syntax.problems };

    const before = await storedRows();
    const byId = new Map(
      before.map(({ description, rows }) => [description.name, new Map(rows.map((row) => [row.id, row]))]),
    );
    const rowsOf = (document: ConfigurationDocument) =>
      inTurns(
        documentSteps(document, {
          entities,
          skipPlugins: options.skipPlugins,
          stored: (kind, id) => byId.get(kind)?.get(id),
          now: clock.now(),
          token: () => entropy.token(),
        }),
      );
    let read = await rowsOf(documentOf(syntax));
    // Only messages need lines, and reading them takes as much time and memory as reading the file.
    const withLines = async () => documentOf((await readTextAside(text, true)) as typeof syntax);
    if (read.problems !== undefined || read.warnings.length > 0) read = await rowsOf(await withLines());
    if (read.problems !== undefined) return { outcome: 'refused', problems: read.problems };
    progress?.({ act: 'checked', done: read.rows.length, of: read.rows.length });

    const wanted = await hashedRows(read, byId);
    const unusable = await options.trial(wanted);
    if (unusable.length > 0) {
      const { lineOf } = await withLines();
      const places = new Map(read.rows.map(({ row, place }) => [row.id, place]));
      const problems = unusable.map(({ id, why }) => {
        const place = places.get(id) ?? [];
        return { place, line: lineOf(place), message: why };
      });
      return { outcome: 'refused', problems };
    }

    const changes = await inTurns(planSteps(before, wanted));
    const counted = countsOf(changes, byId);
    if (!isOwner && !takesOver && counted.removed + counted.changed > 0) {
      return { outcome: 'refused', problems: [{ place: [], message: foreignRows(counted) }] };
    }
    await become(wanted, before, changes, progress);
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
  async function become(
    wanted: readonly KindRows[],
    before: readonly KindRows[],
    planned: readonly Change[],
    progress: LoadOptions['progress'],
  ): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        const changes = attempt === 1 ? planned : await inTurns(planSteps(await storedRows(), wanted));
        return await makeAll(changes, progress);
      } catch (error) {
        if (error instanceof Conflict && attempt < attempts) continue;
        try {
          await makeAll(await inTurns(planSteps(await storedRows(), before)));
        } finally {
          await announcements.publish({ announces: 'everythingChanged' });
        }
        throw error;
      }
    }
  }

  /** The rows of the file by kind, with their secrets as they are stored. */
  async function hashedRows(
    { rows, transform }: Extract<DocumentRead, { transform: boolean }>,
    byId: ReadonlyMap<string, ReadonlyMap<string, Entity>>,
  ): Promise<readonly KindRows[]> {
    const declared = Map.groupBy(rows, ({ description }) => description.name);
    const wanted: KindRows[] = [];
    const turn = turns();
    for (const description of kinds) {
      const found: Entity[] = [];
      for (const one of declared.get(description.name) ?? []) {
        const stored = byId.get(description.name)?.get(one.row.id);
        const isPlain = !transform || description.transformations === undefined;
        found.push(isPlain ? one.row : await hashed(one, stored, options, proven));
        await turn();
      }
      wanted.push({ description, rows: found });
    }
    return wanted;
  }

  async function makeAll(changes: readonly Change[], progress?: LoadOptions['progress']): Promise<void> {
    // A row that frees a unique value is removed at once. All other rows are removed after the last write, which can fail.
    const lastWrite = changes.findLastIndex(({ act }) => act === 'write');
    const firstWrite = changes.findIndex(({ act }) => act === 'write');
    const early = changes.slice(0, lastWrite + 1);
    const isLate = ({ act }: Change, at: number) => act === 'remove' && firstWrite !== -1 && at > firstWrite;
    const ordered = [
      ...early.filter((change, at) => !isLate(change, at)),
      ...early.filter((change, at) => isLate(change, at)),
      ...changes.slice(lastWrite + 1),
    ];
    const turn = turns();
    let done = 0;
    for (const together of batches(ordered)) {
      // Writes that are requested together share one commit of the store.
      const results = await Promise.allSettled(together.map(make));
      const failed = results.find(({ status }) => status === 'rejected');
      if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
      const owners = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
      if (owners.length > 0) await grants.removeOf(owners);
      done += together.length;
      progress?.({ act: 'written', done, of: ordered.length });
      await turn();
    }
  }

  /** Returns whose grants have to be removed. */
  async function make(change: Change): Promise<readonly GrantOwner[]> {
    const kind = kindOf(change.description);
    if (change.act === 'remove') {
      const removed = await store.remove(kind, change.id);
      if (removed.outcome === 'restricted') throw new Conflict(`${kind.name} ${change.id}: in use by ${removed.by}`);
      const gone = removed.outcome === 'removed' ? removed.rows : [];
      return gone.map((row) => grantsRemovedWith(row.kind, row.id)).filter((owner) => owner !== undefined);
    }
    const written = await store.replace(kind, change.row, { orInsert: true });
    if (written.outcome !== 'written') throw new Conflict(`${kind.name} ${change.row.id}: ${JSON.stringify(written)}`);
    return [];
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

/** How many changes are made together. */
const batchSize = 100;

/** Changes of one kind and act, which do not depend on each other. */
function* batches(changes: readonly Change[]): Iterable<readonly Change[]> {
  let start = 0;
  for (const [at, { act, description }] of changes.entries()) {
    const first = changes[start]!;
    if (act === first.act && description === first.description && at - start < batchSize) continue;
    yield changes.slice(start, at);
    start = at;
  }
  if (start < changes.length) yield changes.slice(start);
}

const rowsInPage = 200;

async function readAll(store: EntityStore, kinds: readonly Description[]): Promise<readonly KindRows[]> {
  const all: KindRows[] = [];
  const turn = turns();
  for (const description of kinds) {
    const rows: Entity[] = [];
    await eachPage(store, kindOf(description), { size: rowsInPage }, (page) => {
      rows.push(...page);
      return turn();
    });
    all.push({ description, rows });
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
