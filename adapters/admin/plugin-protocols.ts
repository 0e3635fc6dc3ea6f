/** A plugin with protocols must share one with its route, or with one of the routes of its service (Kong). */

import { protocolViolation } from '../../src/entities/plugins.ts';
import { type Entity, type EntityKind, type EntityStore, referenceIn } from '../../src/ports/entity-store.ts';
import { allRows } from '../../src/records/pages.ts';
import { own } from '../../src/schema/json.ts';
import type { Violations } from '../../src/schema/violations.ts';
import type { KindHooks } from './kind-hooks.ts';

export function pluginHooks(store: EntityStore, routes: EntityKind): KindHooks {
  return {
    async violations({ input, row }) {
      const protocols = own(input, 'protocols');
      if (!Array.isArray(protocols)) return undefined;
      const plugin = row as Entity;
      const routeId = referenceIn(plugin, 'route');
      if (routeId !== undefined) {
        const route = await store.get(routes, routeId);
        return at(protocolViolation(protocols, 'route', route === undefined ? [] : [route]));
      }
      const serviceId = referenceIn(plugin, 'service');
      if (serviceId === undefined) return undefined;
      const where = { field: 'service.id', value: serviceId };
      return at(protocolViolation(protocols, 'service', await allRows(store, routes, { where })));
    },
  };
}

function at(violation: string | undefined): Violations | undefined {
  return violation === undefined ? undefined : { protocols: violation };
}
