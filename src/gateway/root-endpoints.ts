/**
 * The endpoints of an authorization server at the root of the gate (`/oauth2/token` and its like), for requests that match
 * no route: tutorials name them there. With one authorization server they are its endpoints. With several the response is
 * 400 and lists the paths to choose from.
 */
import type { Entity } from '../ports/entity-store.ts';
import { listOrNull } from '../records/rows.ts';
import type { DirectResponse, ProxiedRequest } from './proxied-request.ts';
import type { RouteTarget } from './route-target.ts';
import type { Match } from './snapshot.ts';

/** `routeRows`: the rows of routes by id. Returns `undefined` for requests that are for no such endpoint. */
export function rootEndpoints(
  targets: readonly RouteTarget[],
  routeRows: ReadonlyMap<string, { readonly row: Entity }>,
): (request: ProxiedRequest, path: string) => Match | DirectResponse | undefined {
  const servers = new Map<string, RouteTarget[]>();
  for (const target of targets) {
    for (const { issues } of target.plugins.hooks) {
      if (issues === undefined) continue;
      const key = `${issues} ${target.service?.id}`;
      servers.set(key, [...(servers.get(key) ?? []), target]);
    }
  }
  return (request, path) => {
    if (servers.size === 0 || !/^\/oauth2\/(?:token|authorize|tokens)\/?$/.test(path)) return undefined;
    if (servers.size > 1) {
      const choices = [...servers.values()]
        .flat()
        .map(({ routeId }) => printedRoute(routeRows.get(routeId)?.row) + path);
      const body = {
        error: 'invalid_request',
        error_description: 'Several authorization servers could be meant: call one of the choices',
        choices: [...new Set(choices)].sort(),
      };
      return {
        status: 400,
        headers: [['Content-Type', 'application/json; charset=utf-8']],
        body: JSON.stringify(body),
      };
    }
    const [[target]] = [...servers.values()] as [[RouteTarget]];
    return {
      routeId: target.routeId,
      service: target.service,
      path,
      upstreamTarget: request.target,
      strippedPrefix: undefined,
      preserveHost: target.preserveHost,
      hooks: target.plugins.hooks,
      authenticates: target.plugins.authenticates,
      captures: undefined,
    };
  };
}

/** The URL of a route, without its scheme, by its first host and its first path that is no regex. */
function printedRoute(row: Entity | undefined): string {
  if (row === undefined) return '';
  const host = listOrNull(row, 'hosts')?.[0] ?? '';
  const path = listOrNull(row, 'paths')?.find((path) => !path.startsWith('~')) ?? '';
  return `${host === '' ? '' : `//${host}`}${path.replace(/\/$/, '')}`;
}
