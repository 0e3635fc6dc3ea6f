/** A CA certificate stays while a service verifies its upstream with it. */
import type { Entity, EntityKind, EntityStore } from '../../src/ports/entity-store.ts';
import { eachPage } from '../../src/records/pages.ts';
import { referencedByOthers } from '../../src/schema/error-bodies.ts';
import type { KindHooks } from './kind-hooks.ts';

export function caCertificateHooks(store: EntityStore, services: EntityKind): KindHooks {
  return {
    // `ca_certificates` of a service is a list of ids and not a foreign key, so the store does not restrict the removal.
    async beforeRemove({ id }) {
      let user: Entity | undefined;
      await eachPage(store, services, { size: 1000 }, (rows) => {
        user = rows.find(({ ca_certificates: used }) => Array.isArray(used) && used.some((one) => sameId(one, id)));
        return user === undefined;
      });
      return user === undefined ? undefined : referencedByOthers('ca certificate', id, services.name, user.id);
    },
  };
}

function sameId(one: unknown, other: string): boolean {
  return String(one).toLowerCase() === other;
}
