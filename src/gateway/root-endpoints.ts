/**
 * The endpoints of an authorization server at the root of the gate (`/oauth2/token`, `/oauth2/authorize` and
 * `DELETE /oauth2/tokens`), for requests that match no route: tutorials name them there. A request gets to the server of a
 * route that it matches in everything but the path: host, method, headers, server name, protocol. With several such servers
 * the response is 400. It does not name them, since any caller gets it.
 */
import { fitsBesidesPath, type RoutingInput } from '../routing/criteria.ts';
import { encodePath, upstreamPath } from '../routing/path.ts';
import { type Found, inOrder, type Routed } from '../routing/router.ts';
import type { DirectResponse, ProxiedRequest } from './proxied-request.ts';
import { type RouteTarget, refusedPath, refusedProtocol } from './route-target.ts';
import type { Match } from './snapshot.ts';

/**
 * Returns `undefined` for requests that are for no such endpoint. The routes are looked through at the first request for
 * one: a change of the configuration does not wait for it.
 */
export function rootEndpoints(
  routed: () => Iterable<Routed<RouteTarget>>,
): (request: ProxiedRequest, input: RoutingInput) => Match | DirectResponse | undefined {
  let known: readonly Issuing[] | undefined;
  return (request, input) => {
    const { path } = input;
    if (!isEndpoint(request.method, path)) return undefined;
    known ??= issuingIn(routed());
    const issuing = known;
    const fitting = issuing.filter(({ criteria }) => fitsBesidesPath(criteria, input));
    const [first] = fitting;
    if (first === undefined) return undefined;
    if (fitting.some(({ server }) => server !== first.server)) return ambiguous;
    const { target } = fitting.find(({ target }) => refusedProtocol(target, request) === undefined) ?? first;
    const refused = refusedPath(target, request) ?? refusedProtocol(target, request);
    if (refused !== undefined) return refused;
    const query = request.target.indexOf('?', 1);
    const upstream = encodePath(upstreamPath(target.base, path, 0));
    return {
      routeId: target.routeId,
      rows: target.rows,
      service: target.service,
      path: encodePath(path),
      upstreamTarget: query === -1 ? upstream : upstream + request.target.slice(query),
      strippedPrefix: undefined,
      preserveHost: target.preserveHost,
      requestBuffering: target.requestBuffering,
      hooks: target.plugins.hooks,
      authenticates: target.plugins.authenticates,
      captures: undefined,
    };
  };
}

/** A route with an authorization server. */
interface Issuing extends Found<RouteTarget> {
  readonly server: string;
}

/** In the order that routes are tried. */
function issuingIn(routed: Iterable<Routed<RouteTarget>>): readonly Issuing[] {
  const issuing = [...routed].filter(({ target }) => serverOf(target) !== undefined);
  return inOrder(issuing).map(({ criteria, target }) => ({ criteria, target, server: serverOf(target)! }));
}

function serverOf({ plugins, service }: RouteTarget): string | undefined {
  const issuer = plugins.hooks.find(({ issues }) => issues !== undefined)?.issues;
  return issuer === undefined ? undefined : `${issuer} ${service?.id}`;
}

function isEndpoint(method: string, path: string): boolean {
  const found = /^\/oauth2\/(token|authorize|tokens)\/?$/.exec(path);
  return found !== null && (found[1] !== 'tokens' || method === 'DELETE');
}

const ambiguous: DirectResponse = {
  status: 400,
  headers: [['Content-Type', 'application/json; charset=utf-8']],
  body: JSON.stringify({
    error: 'invalid_request',
    error_description:
      'Several authorization servers could be meant: call the endpoint below the path of a route, like /orders/oauth2/token',
  }),
  refusal: 'root_endpoint_ambiguous',
};
