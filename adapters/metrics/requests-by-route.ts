/**
 * Counts requests by service, route and status. The number of routes with labels of their own is limited, and requests of
 * deleted routes are added up, so that the number of time series stays bounded.
 */
import type { Labels } from './exposition.ts';

export interface RequestsByRoute {
  count(routeId: string | undefined, serviceId: string | undefined, status: number): void;
  samples(names: EntityNames): readonly { readonly labels: Labels; readonly value: number }[];
}

/** The name of an entity, or its id if it has none; `undefined`: it does not exist. */
export type EntityNames = (kind: 'routes' | 'services', id: string) => string | undefined;

/** Labels in place of a route: it is beyond the limit, or it was deleted. No route can have such a name. */
const other = '(other)';
const deleted = '(deleted)';
const withoutLimit: ReadonlySet<string> = new Set(['', other, deleted]);

export function requestsByRoute(mostRoutes = 2000): RequestsByRoute {
  const routes = new Map<string, Map<string, Map<number, number>>>();
  /** Of the routes, those with a label of their own. */
  let named = 0;

  function add(route: string, service: string, status: number, requests: number): void {
    let services = routes.get(route);
    if (services === undefined) {
      if (!withoutLimit.has(route)) {
        if (named >= mostRoutes) {
          add(other, '', status, requests);
          return;
        }
        named++;
      }
      services = new Map();
      routes.set(route, services);
    }
    let byStatus = services.get(service);
    if (byStatus === undefined) {
      byStatus = new Map();
      services.set(service, byStatus);
    }
    byStatus.set(status, (byStatus.get(status) ?? 0) + requests);
  }

  function addUpDeleted(names: EntityNames): void {
    for (const [route, services] of [...routes]) {
      if (withoutLimit.has(route) || names('routes', route) !== undefined) continue;
      routes.delete(route);
      named--;
      for (const byStatus of services.values()) {
        for (const [status, requests] of byStatus) add(deleted, '', status, requests);
      }
    }
  }

  return {
    count: (routeId = '', serviceId = '', status) => add(routeId, serviceId, status, 1),
    samples(names) {
      addUpDeleted(names);
      return [...routes].flatMap(([routeId, services]) =>
        [...services].flatMap(([serviceId, byStatus]) => {
          const service = serviceId === '' ? '' : (names('services', serviceId) ?? serviceId);
          const route = names('routes', routeId) ?? routeId;
          return [...byStatus].map(([status, value]) => ({
            labels: { service, route, status: String(status) },
            value,
          }));
        }),
      );
    },
  };
}
