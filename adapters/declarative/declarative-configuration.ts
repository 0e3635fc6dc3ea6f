/**
 * The configuration as a file has it: loads one whole or not at all, and prints what is in force. While a file is in
 * force the configuration kinds (services, routes, plugins, consumers, credentials …) are exactly its own; tokens, codes
 * and grants are not touched, except that they die with the client or service they belong to.
 *
 * Everything that can be wrong is looked for before the first write. Then the store is brought to the new rows by the
 * fewest writes, and everybody hears of it once, at the end: requests in flight keep the snapshot they have, and the next
 * ones find all of the new configuration. Where a write fails, those before it are taken back.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { stringify } from 'yaml';
import { configurationKinds, type DocumentProblem } from '../../src/declarative/document.ts';
import { type Change, type KindRows, planChanges } from '../../src/declarative/plan-changes.ts';
import { printedDocument } from '../../src/declarative/print-document.ts';
import { type DeclaredRow, documentSteps } from '../../src/declarative/read-document.ts';
import type { Announcements } from '../../src/ports/announcements.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Entity, EntityKind, EntityStore } from '../../src/ports/entity-store.ts';
import type { Entropy } from '../../src/ports/entropy.ts';
import type { Grants } from '../../src/ports/grants.ts';
import type { MaybePromise } from '../../src/ports/maybe-promise.ts';
import type { Description } from '../../src/schema/description.ts';
import { kindOf } from '../../src/schema/kind.ts';
import { documentOf } from './read-text.ts';
import { readTextAside } from './read-text-aside.ts';

export interface DeclarativeConfiguration {
  /** A digest of the text in force; `undefined`: none is, and the Admin API writes the configuration. */
  activeDigest(): string | undefined;
  /** One load at a time; the next one waits. */
  load(text: string, how?: LoadOptions): Promise<Loaded>;
  /** What is in force, as a file. */
  print(): Promise<string>;
  /** From now on the Admin API writes the configuration. */
  handOver(): Promise<void>;
}

export interface LoadOptions {
  /** Do nothing if the same text is in force already. */
  readonly checkHash?: boolean;
  /** The first file of a store may change and remove what the Admin API has written there. */
  readonly takesOver?: boolean;
}

export type Loaded =
  | {
      readonly outcome: 'loaded';
      readonly digest: string;
      readonly rows: readonly KindRows[];
      readonly added: number;
      readonly changed: number;
      readonly removed: number;
      /** Names of plugins that were left out, as asked. */
      readonly skipped: readonly string[];
    }
  | { readonly outcome: 'unchanged'; readonly digest: string }
  | { readonly outcome: 'refused'; readonly problems: readonly DocumentProblem[] };

export interface DeclarativeOptions {
  /** Straight to the store: what changes is announced at the end, at once. */
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
  /** What could not be compiled of these rows; asked before anything is written. */
  readonly trial?: (rows: readonly KindRows[]) => readonly { readonly id: string; readonly why: string }[];
  readonly skipPlugins?: readonly string[];
}

/** Says in the store that its configuration is a file's, and which. No Admin API shows it. */
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
  let activeDigest = left === undefined ? undefined : String(left['digest']);
  let turn: Promise<unknown> = Promise.resolve();
  const proven = provenSecrets();

  const storedRows = (): Promise<readonly KindRows[]> => readAll(store, kinds);

  async function load(text: string, { checkHash = false, takesOver = false }: LoadOptions): Promise<Loaded> {
    const digest = createHash('sha256').update(text, 'utf8').digest('hex');
    if (checkHash && digest === activeDigest) return { outcome: 'unchanged', digest };
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
        skipPlugins: options.skipPlugins ?? [],
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
    const unusable = options.trial?.(wanted) ?? [];
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
    const switched = activeDigest !== digest;
    activeDigest = digest;
    if (changes.length > 0 || switched) await announcements.publish({ announces: 'everythingChanged' });
    const skipped = read.skipped.map(({ name }) => name);
    return { outcome: 'loaded', digest, rows: wanted, ...counted, skipped };
  }

  /**
   * All changes, or none: what was written before a failure is written back. Where another gate on the same store loads
   * its file at the same time the writes of one stand in the way of the other's; then the rest is planned anew.
   */
  async function become(wanted: readonly KindRows[], before: readonly KindRows[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await makeAll(planChanges(attempt === 1 ? before : await storedRows(), wanted));
      } catch (error) {
        if (error instanceof InTheWay && attempt < attempts) continue;
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
    // What yields its place to another row goes at once; everything else is removed when nothing can fail any more.
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
      if (removed.outcome === 'restricted') throw new InTheWay(`${kind.name} ${change.id}: in use by ${removed.by}`);
      for (const { kind: name, row } of removed.outcome === 'removed' ? removed.rows : []) {
        if (name === 'oauth2_credentials') await grants.removeOf({ credentialId: row.id });
        if (name === 'services') await grants.removeOf({ serviceId: row.id });
      }
      return;
    }
    const written = await store.replace(kind, change.row, { orInsert: true });
    if (written.outcome !== 'written') throw new InTheWay(`${kind.name} ${change.row.id}: ${JSON.stringify(written)}`);
  }

  const inTurn = <T>(task: () => Promise<T>): Promise<T> => {
    const mine = turn.then(task);
    turn = mine.catch(() => undefined);
    return mine;
  };

  return {
    activeDigest: () => activeDigest,
    load: (text, how = {}) => inTurn(() => load(text, how)),
    print: async () => printText(await storedRows()),
    handOver: () =>
      inTurn(async () => {
        activeDigest = undefined;
        isOwner = false;
        await store.remove(ownershipKind, ownershipId);
      }),
  };
}

/** A row of somebody else is where one was to be written or removed. */
class InTheWay extends Error {
  override readonly name = 'InTheWay';
}

/** How often the changes are planned anew because another gate writes as well. */
const attempts = 5;

interface ProvenSecrets {
  has(id: string, phc: string, secret: string): boolean;
  add(id: string, phc: string, secret: string): void;
}

/** Which secret of the file was hashed to what, so that a reload need not find out slowly. By a key that dies with the process. */
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

/** After how many changes requests have their turn. */
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
    const rows: Entity[] = [];
    let after: string | undefined;
    do {
      const page = await store.page(kindOf(description), { size: 1000, after });
      rows.push(...page.rows);
      after = page.next;
    } while (after !== undefined);
    all.push({ description, rows });
  }
  return all;
}

/** A secret that is to be kept as a hash. One that is kept already stays, so that a reload changes nothing. */
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
    `the store holds a configuration that the Admin API has written; this file would change ${changed} and remove ` +
    `${removed} of its entities. Keep it with portcullis export, or let the file take over: config_takes_over = yes`
  );
}

/** Text stands in quotes, so that no reader of YAML takes it for something else (`no`, `1.10`). */
function printText(rows: readonly KindRows[]): string {
  return stringify(printedDocument(rows), {
    lineWidth: 0,
    aliasDuplicateObjects: false,
    defaultStringType: 'QUOTE_DOUBLE',
    defaultKeyType: 'PLAIN',
  });
}
