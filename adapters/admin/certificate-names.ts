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
  nullMeans: [],
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
      return { ...stored, snis: sortedNames(await rowsOf(stored.id)) };
    },

    stored(row) {
      const { snis: _, ...rest } = row;
      return rest as Entity;
    },

    /** A server name belongs to one certificate, and a list has it once. */
    async violations({ input, row }) {
      const sent = input['snis'];
      const names = Array.isArray(sent) ? (sent as readonly string[]) : [];
      const again = names.find((name, at) => names.indexOf(name) < at);
      if (again !== undefined) return { snis: `${again} is duplicated` };
      for (const name of names) {
        const holder = await store.getBy(kind, 'name', name);
        const certificate = holder === undefined ? undefined : referenceIn(holder, 'certificate');
        if (certificate !== undefined && certificate !== String(row['id']).toLowerCase()) {
          return { snis: `${name} already associated with existing certificate '${certificate}'` };
        }
      }
      return undefined;
    },

    async afterWrite(row) {
      const present = await rowsOf(row.id);
      const names = namesIn(row);
      if (names === undefined) return { ...row, snis: sortedNames(present) };
      const seconds = Math.floor(clock.now() / 1000);
      for (const { id, name } of present) if (!names.includes(name as string)) await store.remove(kind, id);
      for (const name of names) {
        if (present.some((one) => one['name'] === name)) continue;
        const times = { created_at: seconds, updated_at: seconds };
        await store.insert(kind, { id: entropy.uuid(), name, ...times, tags: null, certificate: { id: row.id } });
      }
      return { ...row, snis: [...names].sort() };
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

function sortedNames(rows: readonly Entity[]): readonly string[] {
  return rows.map(({ name }) => name as string).sort();
}

/** `undefined`: the request does not mention them, and the stored ones stay. */
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
