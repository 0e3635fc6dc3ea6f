/**
 * The certificates that an operator wrote, kept current: which one a TLS listener serves to which server name, which one
 * is shown to an upstream, and which authorities an upstream's own is verified by. A change holds from the next handshake
 * on; connections that are there stay.
 */
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Announcement, Announcements } from '../../src/ports/announcements.ts';
import type { Entity, EntityKind, EntityStore } from '../../src/ports/entity-store.ts';

export interface LiveCertificates {
  /** By server name: the very name, else a wildcard in the place of its first or last label, else `*`. */
  contextFor(serverName: string): SecureContext | undefined;
  /** In PEM. Of an authority that is not there nothing: then nobody is verified by it. */
  authorities(ids: readonly string[]): readonly string[];
  /** In PEM; `undefined`: there is none. */
  pair(id: string): { readonly cert: string; readonly key: string } | undefined;
  close(): void;
}

export interface CertificateKinds {
  readonly certificates: EntityKind;
  readonly snis: EntityKind;
  readonly caCertificates: EntityKind;
}

export async function liveCertificates(options: {
  readonly store: Pick<EntityStore, 'get' | 'page'>;
  readonly kinds: CertificateKinds;
  readonly announcements: Announcements;
  /** Told of a certificate with a second pair: Node serves one for a server name, and that is the first. */
  readonly secondUnused: (certificateId: string) => void;
  /** Told of a certificate that TLS does not take; another one is served in its place. */
  readonly failed: (certificateId: string, error: unknown) => void;
}): Promise<LiveCertificates> {
  const { store, kinds, announcements, failed, secondUnused } = options;
  const byName = new Map([kinds.certificates, kinds.snis, kinds.caCertificates].map((kind) => [kind.name, kind]));
  const rows = new Map([...byName.keys()].map((name) => [name, new Map<string, Entity>()]));
  const contexts = new Map<string, SecureContext | undefined>();
  let certificateOf: ReadonlyMap<string, string> = new Map();

  const of = (kind: EntityKind): Map<string, Entity> => rows.get(kind.name)!;

  function index(): void {
    certificateOf = new Map(
      [...of(kinds.snis).values()].map((row) => [(row['name'] as string).toLowerCase(), referenceId(row)]),
    );
  }

  async function readAll(): Promise<void> {
    for (const kind of byName.values()) {
      const read = new Map<string, Entity>();
      let after: string | undefined;
      do {
        const page = await store.page(kind, { size: 1000, after });
        for (const row of page.rows) read.set(row.id, row);
        after = page.next;
      } while (after !== undefined);
      rows.set(kind.name, read);
    }
    contexts.clear();
    index();
  }

  async function apply(announcement: Announcement): Promise<void> {
    if (announcement.announces === 'everythingChanged') return readAll();
    if (announcement.announces !== 'entityChanged') return;
    const kind = byName.get(announcement.kind)!;
    const row = await store.get(kind, announcement.id);
    if (row === undefined) of(kind).delete(announcement.id);
    else of(kind).set(announcement.id, row);
    contexts.delete(announcement.id);
    index();
  }

  // One after the other, so that what is read later is not overwritten by what was read before.
  let last: Promise<void> = Promise.resolve();
  const close = announcements.subscribe((announcement) => {
    const concerns =
      announcement.announces === 'everythingChanged' ||
      (announcement.announces === 'entityChanged' && byName.has(announcement.kind));
    if (!concerns) return undefined;
    const applied = last.then(() => apply(announcement));
    last = applied.catch(() => undefined);
    return applied;
  });
  last = last.then(readAll);
  await last;

  function served(row: Entity): SecureContext {
    if (typeof row['cert_alt'] === 'string') secondUnused(row.id);
    return createSecureContext({ cert: row['cert'] as string, key: row['key'] as string, minVersion: 'TLSv1.2' });
  }

  function contextOf(id: string): SecureContext | undefined {
    if (contexts.has(id)) return contexts.get(id);
    const row = of(kinds.certificates).get(id);
    let context: SecureContext | undefined;
    try {
      context = row === undefined ? undefined : served(row);
    } catch (error) {
      failed(id, error);
    }
    contexts.set(id, context);
    return context;
  }

  return {
    contextFor(serverName) {
      for (const name of namesFor(serverName.toLowerCase())) {
        const id = certificateOf.get(name);
        const context = id === undefined ? undefined : contextOf(id);
        if (context !== undefined) return context;
      }
      return undefined;
    },
    authorities: (ids) =>
      ids.flatMap((id) => {
        const cert = of(kinds.caCertificates).get(id)?.['cert'];
        return typeof cert === 'string' ? [cert] : [];
      }),
    pair(id) {
      const row = of(kinds.certificates).get(id);
      return row === undefined ? undefined : { cert: row['cert'] as string, key: row['key'] as string };
    },
    close,
  };
}

function namesFor(name: string): readonly string[] {
  const labels = name.replace(/\.$/, '').split('.');
  const whole = labels.join('.');
  const wildcards = labels.length > 1 ? [`*.${labels.slice(1).join('.')}`, `${labels.slice(0, -1).join('.')}.*`] : [];
  return [whole, ...wildcards, '*'];
}

function referenceId(row: Entity): string {
  return (row['certificate'] as { readonly id: string }).id;
}
