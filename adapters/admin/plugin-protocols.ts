/** A plugin that says its protocols has to share one with the route it is on, or with some route of its service (Kong). */

import type { Entity, EntityStore } from '../../src/ports/entity-store.ts';
import type { Description } from '../../src/schema/description.ts';
import type { Draft } from '../../src/schema/draft.ts';
import { own } from '../../src/schema/json.ts';
import { kindOf } from '../../src/schema/kind.ts';
import type { Violations } from '../../src/schema/violations.ts';

export async function sharesNoProtocol(
  { description, input, row }: Draft,
  store: EntityStore,
  entities: ReadonlyMap<string, Description>,
): Promise<Violations | undefined> {
  const protocols = own(input, 'protocols');
  const routes = entities.get('routes');
  if (description.name !== 'plugins' || routes === undefined || !Array.isArray(protocols)) return undefined;
  const shares = (route: Entity): boolean =>
    (route['protocols'] as readonly string[]).some((p) => protocols.includes(p));

  const routeId = referenceIn(row, 'route');
  if (routeId !== undefined) {
    const route = await store.get(kindOf(routes), routeId);
    return route === undefined || shares(route)
      ? undefined
      : { protocols: "must match the associated route's protocols" };
  }
  const serviceId = referenceIn(row, 'service');
  if (serviceId === undefined) return undefined;
  let after: string | undefined;
  let seen = false;
  do {
    const where = { field: 'service.id', value: serviceId };
    const page = await store.page(kindOf(routes), { size: 100, after, where });
    if (page.rows.some(shares)) return undefined;
    seen ||= page.rows.length > 0;
    after = page.next;
  } while (after !== undefined);
  return seen
    ? { protocols: "must match the protocols of at least one route pointing to this Plugin's service" }
    : undefined;
}

function referenceIn(row: { readonly [field: string]: unknown }, field: string): string | undefined {
  return (own(row, field) as { readonly id: string } | null | undefined)?.id;
}
