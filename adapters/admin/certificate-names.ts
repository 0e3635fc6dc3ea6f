/**
 * Certificates with their server names, as Kong's Admin API shows and accepts them. Each of the `snis` of a certificate
 * is a row of another kind, which is read and written together with the certificate; and a path may name a certificate
 * by one of them.
 */

import { checkWildcardName } from '../../src/entities/snis.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { type Entity, type EntityStore, referenceIn } from '../../src/ports/entity-store.ts';
import type { Entropy } from '../../src/ports/entropy.ts';
import { allRows } from '../../src/records/pages.ts';
import type { Description, Field } from '../../src/schema/description.ts';
import { kindOf } from '../../src/schema/kind.ts';
import { isUuid } from '../../src/schema/validate.ts';
import type { AdminRequest } from './endpoints.ts';
import { wrongKey } from './keys.ts';
import type { KindHooks } from './kind-hooks.ts';
import { message, refused } from './response.ts';

const snisField: Field = {
  type: 'set',
  elements: { type: 'string', required: true, check: checkWildcardName },
  // Kong's schema does not list it.
  implicit: true,
};

export function certificateHooks(
  store: EntityStore,
  snis: Description,
  { clock, entropy }: { readonly clock: Clock; readonly entropy: Entropy },
): KindHooks {
  const kind = kindOf(snis);
  const rowsOf = async (id: string) => allRows(store, kind, { where: { field: 'certificate.id', value: id } });

  return {
    fields: { snis: snisField },

    async shown(stored) {
      const names = (await rowsOf(stored.id)).map(({ name }) => name as string);
      return { ...stored, snis: names.sort() };
    },

    stored(row) {
      const { snis: _, ...rest } = row;
      return rest as Entity;
    },

    /** A server name belongs to one certificate. */
    async beforeWrite(row) {
      for (const name of namesIn(row) ?? []) {
        const holder = await store.getBy(kind, 'name', name);
        if (holder !== undefined && referenceIn(holder, 'certificate') !== row.id) {
          return { outcome: 'taken', fields: ['snis'] };
        }
      }
      return undefined;
    },

    async afterWrite(row) {
      const names = namesIn(row);
      if (names === undefined) return;
      const present = await rowsOf(row.id);
      const seconds = Math.floor(clock.now() / 1000);
      for (const { id, name } of present) if (!names.includes(name as string)) await store.remove(kind, id);
      for (const name of names) {
        if (present.some((one) => one['name'] === name)) continue;
        const times = { created_at: seconds, updated_at: seconds };
        await store.insert(kind, { id: entropy.uuid(), name, ...times, tags: null, certificate: { id: row.id } });
      }
    },

    /** `/certificates/{a server name}` and the paths of its SNIs. */
    async readKeys(request, path, method) {
      const [name, ...others] = request.keys as [string, ...string[]];
      if (isUuid(name) || !/^\/certificates\/\{certificates\}(?:$|\/snis)/.test(path)) return request;
      const wrong = wrongKey(snis, name);
      if (wrong !== undefined) return refused(wrong);
      const found = await store.getBy(kind, 'name', name);
      if (found !== undefined) return { ...request, keys: [referenceIn(found, 'certificate')!, ...others] };
      return others.length === 0 && path.endsWith('}') && method === 'PUT'
        ? withName({ ...request, keys: [entropy.uuid()] }, name)
        : message(404, 'SNI not found');
    },
  };
}

function namesIn({ snis }: Entity): readonly string[] | undefined {
  return Array.isArray(snis) ? (snis as readonly string[]) : undefined;
}

/** A certificate that a PUT creates under a server name gets that name. */
function withName(request: AdminRequest, name: string): AdminRequest {
  const { body } = request;
  const sent = body.sent['snis'] ?? [];
  const snis = body.form && typeof sent === 'string' ? [sent] : sent;
  if (!Array.isArray(snis) || snis.includes(name)) return request;
  return { ...request, body: { ...body, sent: { ...body.sent, snis: [...snis, name] } } };
}
