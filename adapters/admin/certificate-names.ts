/**
 * Certificates with the server names they are for, as Kong's Admin API shows and takes them: `snis` of a certificate are
 * rows of their own, which this store writes and reads along with it.
 */

import { checkWildcardName } from '../../src/entities/snis.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Entity, EntityKind, EntityStore, Written } from '../../src/ports/entity-store.ts';
import type { Entropy } from '../../src/ports/entropy.ts';
import type { Description } from '../../src/schema/description.ts';

/** The description of a certificate with its names. */
export function withNames(certificates: Description): Description {
  const snis = {
    type: 'set',
    elements: { type: 'string', required: true, check: checkWildcardName },
    // Kong's schema does not tell of it.
    implicit: true,
  } as const;
  return { ...certificates, fields: { ...certificates.fields, snis } };
}

export function withCertificateNames(
  store: EntityStore,
  names: EntityKind,
  { clock, entropy }: { readonly clock: Clock; readonly entropy: Entropy },
): EntityStore {
  const isCertificate = (kind: EntityKind): boolean => kind.name === 'certificates';

  async function namesOf(id: string): Promise<readonly Entity[]> {
    const rows: Entity[] = [];
    let after: string | undefined;
    do {
      const page = await store.page(names, { size: 1000, after, where: { field: 'certificate.id', value: id } });
      rows.push(...page.rows);
      after = page.next;
    } while (after !== undefined);
    return rows;
  }

  async function named(row: Entity | undefined): Promise<Entity | undefined> {
    if (row === undefined) return undefined;
    const snis = (await namesOf(row.id)).map(({ name }) => name as string).sort();
    return { ...row, snis };
  }

  /** Whether all names are free, or this certificate's already. */
  async function taken(id: string, wanted: readonly string[]): Promise<Written | undefined> {
    for (const name of wanted) {
      const holder = await store.getBy(names, 'name', name);
      if (holder !== undefined && (holder['certificate'] as { readonly id: string }).id !== id) {
        return { outcome: 'taken', fields: ['snis'] };
      }
    }
    return undefined;
  }

  async function rename(id: string, wanted: readonly string[]): Promise<void> {
    const there = await namesOf(id);
    const seconds = Math.floor(clock.now() / 1000);
    for (const row of there) if (!wanted.includes(row['name'] as string)) await store.remove(names, row.id);
    for (const name of wanted) {
      if (there.some((row) => row['name'] === name)) continue;
      const certificate = { id };
      const row = { id: entropy.uuid(), name, created_at: seconds, updated_at: seconds, tags: null, certificate };
      await store.insert(names, row);
    }
  }

  async function write(row: Entity, written: (bare: Entity) => Written | Promise<Written>): Promise<Written> {
    const { snis, ...bare } = row;
    const wanted = Array.isArray(snis) ? (snis as readonly string[]) : undefined;
    const obstacle = wanted === undefined ? undefined : await taken(row.id, wanted);
    if (obstacle !== undefined) return obstacle;
    const outcome = await written(bare as Entity);
    if (outcome.outcome === 'written' && wanted !== undefined) await rename(row.id, wanted);
    return outcome;
  }

  function bareOf(row: Entity): Entity {
    const { snis: _, ...bare } = row;
    return bare as Entity;
  }

  return {
    insert: (kind, row) =>
      isCertificate(kind) ? write(row, async (bare) => store.insert(kind, bare)) : store.insert(kind, row),
    replace(kind, row, how) {
      if (!isCertificate(kind)) return store.replace(kind, row, how);
      const expected = how?.expected === undefined ? {} : { expected: bareOf(how.expected) };
      return write(row, async (bare) => store.replace(kind, bare, { ...how, ...expected }));
    },
    get: (kind, id) => (isCertificate(kind) ? Promise.resolve(store.get(kind, id)).then(named) : store.get(kind, id)),
    getBy: (kind, field, value) => store.getBy(kind, field, value),
    remove: (kind, id) => store.remove(kind, id),
    async page(kind, query) {
      const page = await store.page(kind, query);
      if (!isCertificate(kind)) return page;
      const rows: Entity[] = [];
      for (const row of page.rows) rows.push((await named(row))!);
      return { ...page, rows };
    },
  };
}
