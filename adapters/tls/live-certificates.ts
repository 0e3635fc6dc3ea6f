/**
 * The certificates that an operator wrote, kept current: the one a TLS listener serves for a server name, the one the gate
 * shows to an upstream, and the CA certificates that verify an upstream. A change applies from the next handshake on;
 * open connections stay.
 */
import { createSecureContext, type SecureContext } from 'node:tls';
import { normalHostName } from '../../src/address/host.ts';
import type { Announcements } from '../../src/ports/announcements.ts';
import { type Entity, type EntityKind, type EntityStore, referenceIn } from '../../src/ports/entity-store.ts';
import { liveRows } from '../live-rows.ts';

export interface LiveCertificates {
  /** By server name: the exact name, else a wildcard in place of its first or last label, else `*`. */
  contextFor(serverName: string): SecureContext | undefined;
  /** In PEM. A CA certificate that does not exist is left out, so it verifies no upstream. */
  authorities(ids: readonly string[]): readonly string[];
  /** In PEM; `undefined`: it does not exist. */
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
  /** Called for a certificate with a second pair: Node serves one pair for a server name, the first. */
  readonly secondUnused: (certificateId: string) => void;
  /** Called for a certificate that TLS rejects; another one is served in its place. */
  readonly failed: (certificateId: string, error: unknown) => void;
}): Promise<LiveCertificates> {
  const { store, kinds, announcements, failed, secondUnused } = options;
  // By row, since a changed row is another object.
  const contexts = new WeakMap<Entity, { readonly context: SecureContext | undefined }>();
  let certificateIds: ReadonlyMap<string, string | undefined> = new Map();
  const { rows, close } = await liveRows({
    store,
    kinds: [kinds.certificates, kinds.snis, kinds.caCertificates],
    announcements,
    changed(rows) {
      const snis = [...rows.get(kinds.snis.name)!.values()];
      certificateIds = new Map(
        snis.map((row) => [normalHostName(row['name'] as string), referenceIn(row, 'certificate')]),
      );
    },
  });

  const certificate = (id: string) => rows.get(kinds.certificates.name)!.get(id);

  function createContext(row: Entity): SecureContext | undefined {
    if (typeof row['cert_alt'] === 'string') secondUnused(row.id);
    try {
      return createSecureContext({ cert: row['cert'] as string, key: row['key'] as string, minVersion: 'TLSv1.2' });
    } catch (error) {
      failed(row.id, error);
      return undefined;
    }
  }

  function contextOf(row: Entity): SecureContext | undefined {
    let known = contexts.get(row);
    if (known === undefined) {
      known = { context: createContext(row) };
      contexts.set(row, known);
    }
    return known.context;
  }

  return {
    contextFor(serverName) {
      for (const name of namesFor(normalHostName(serverName))) {
        const id = certificateIds.get(name);
        const row = id === undefined ? undefined : certificate(id);
        const context = row === undefined ? undefined : contextOf(row);
        if (context !== undefined) return context;
      }
      return undefined;
    },
    authorities: (ids) =>
      ids.flatMap((id) => {
        const cert = rows.get(kinds.caCertificates.name)!.get(id)?.['cert'];
        return typeof cert === 'string' ? [cert] : [];
      }),
    pair(id) {
      const row = certificate(id);
      return row === undefined ? undefined : { cert: row['cert'] as string, key: row['key'] as string };
    },
    close,
  };
}

function namesFor(name: string): readonly string[] {
  const labels = name.split('.');
  const wildcards = labels.length > 1 ? [`*.${labels.slice(1).join('.')}`, `${labels.slice(0, -1).join('.')}.*`] : [];
  return [name, ...wildcards, '*'];
}
