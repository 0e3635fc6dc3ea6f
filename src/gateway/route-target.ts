import { type Criteria, type PathCaptures, takenOfPath } from '../routing/criteria.ts';
import { encodePath, isAmbiguous, pathOf, textOf, upstreamPath } from '../routing/path.ts';
import { errorResponse } from './error-response.ts';
import { forwardedHost, forwardedScheme } from './forwarded.ts';
import type { MatchedRows } from './plugin.ts';
import type { SelectedPlugins } from './plugin-selection.ts';
import type { DirectResponse, ProxiedRequest } from './proxied-request.ts';
import type { Match, UpstreamService } from './snapshot.ts';

/** All that a request needs once its route is known (Kong, routing/protocols and routing/strip-and-handling). */
export interface RouteTarget {
  readonly routeId: string;
  readonly rows: MatchedRows;
  readonly service: UpstreamService | undefined;
  /** The service's path, encoded; `/` where it has none. */
  readonly base: string;
  readonly stripPath: boolean;
  readonly strictPaths: boolean;
  readonly preserveHost: boolean;
  readonly requestBuffering: boolean;
  readonly protocols: ReadonlySet<string>;
  /** 426, or the status of the redirection to https. */
  readonly httpsRedirect: number;
  readonly plugins: SelectedPlugins;
}

/** `plain`: encoding the path would not change it. */
export function matched(
  target: RouteTarget,
  criteria: Criteria,
  request: ProxiedRequest,
  path: string,
  plain: boolean,
): Match | DirectResponse {
  const refused = refusedPath(target, request) ?? refusedProtocol(target, request);
  if (refused !== undefined) return refused;

  let stripped: number | undefined;
  let prefix: string | undefined;
  if (target.stripPath) {
    const taken = takenOfPath(criteria, path);
    if (taken > 0) prefix = encoded(path.slice(0, taken), plain);
    // On a route without paths, the first slash is that of the service's path.
    stripped = criteria.prefixes.length === 0 && criteria.regexes.length === 0 ? 1 : taken;
  }
  const query = request.target.indexOf('?', 1);
  const upstream = encoded(upstreamPath(target.base, path, stripped), plain);
  return {
    routeId: target.routeId,
    rows: target.rows,
    service: target.service,
    path: encoded(path, plain),
    upstreamTarget: query === -1 ? upstream : upstream + request.target.slice(query),
    strippedPrefix: prefix,
    preserveHost: target.preserveHost,
    requestBuffering: target.requestBuffering,
    hooks: target.plugins.hooks,
    authenticates: target.plugins.authenticates,
    captures: capturesOf(criteria, path),
  };
}

function encoded(path: string, plain: boolean): string {
  return plain ? path : encodePath(path);
}

/** Computed only on request, since it costs more than the match itself. */
function capturesOf({ regexes }: Criteria, path: string): (() => PathCaptures) | undefined {
  if (!regexes.some(({ groupNames }) => groupNames.length > 1)) return undefined;
  return () => {
    const text = textOf(path) ?? '';
    for (const regex of regexes) {
      const numbered = regex.groups(text);
      if (numbered === undefined) continue;
      const named = new Map<string, string>();
      for (const [group, name] of regex.groupNames.entries()) {
        const value = numbered[group];
        if (name !== undefined && value !== undefined) named.set(name, value);
      }
      return { numbered, named };
    }
    return { numbered: [], named: new Map() };
  };
}

/** The response of a route with `strict_paths` to a path that its upstream may read as another one. */
export function refusedPath({ strictPaths }: RouteTarget, request: ProxiedRequest): DirectResponse | undefined {
  return strictPaths && isAmbiguous(pathOf(request.target)) ? ambiguousPath(request) : undefined;
}

export function ambiguousPath(request: ProxiedRequest): DirectResponse {
  const response = errorResponse(request, 400, 'The path can be read in more than one way');
  return { ...response, refusal: 'path_ambiguous' };
}

/** The response to a request in a protocol that its route does not accept. It comes before any plugin. */
export function refusedProtocol(target: RouteTarget, request: ProxiedRequest): DirectResponse | undefined {
  const { protocols } = target;
  if (protocols.has('ws') || protocols.has('wss')) {
    // Such a route issues no tokens either: it accepts only handshakes.
    const opens = request.method === 'GET' && request.header('upgrade')?.toLowerCase() === 'websocket';
    if (!opens) return upgradeRequired(request, 'Please use the WebSocket protocol', 'websocket');
    if (!protocols.has('ws') && forwardedScheme(request) !== 'https') return httpsOnly(target, request);
  }
  if (protocols.has('https') && !protocols.has('http') && forwardedScheme(request) !== 'https') {
    return httpsOnly(target, request);
  }
  if (!protocols.has('grpc') && !protocols.has('grpcs')) return undefined;
  if (!request.header('content-type')?.startsWith('application/grpc')) {
    return errorResponse(request, 415, 'Non-gRPC request matched gRPC route');
  }
  if (request.httpVersion !== '2') return upgradeRequired(request, 'Please use HTTP2 protocol', 'HTTP/2');
  if (!protocols.has('grpc') && forwardedScheme(request) !== 'https') {
    return {
      status: 200,
      headers: [
        ['Content-Type', 'application/grpc'],
        ['grpc-status', '1'],
        ['grpc-message', 'gRPC request matched gRPCs route'],
      ],
      body: '',
    };
  }
  return undefined;
}

function httpsOnly({ httpsRedirect: status }: RouteTarget, request: ProxiedRequest): DirectResponse {
  const reason = redirections.get(status);
  const host = forwardedHost(request);
  if (reason === undefined || host === '') {
    return upgradeRequired(request, 'Please use HTTPS protocol', 'TLS/1.2, HTTP/1.1');
  }
  const title = `${status} ${reason}`;
  return {
    status,
    headers: [
      ['Location', `https://${host}${request.target}`],
      ['Content-Type', status < 307 ? 'text/html' : 'text/html; charset=UTF-8'],
    ],
    body: [
      '<html>',
      `<head><title>${title}</title></head>`,
      '<body>',
      `<center><h1>${title}</h1></center>`,
      '</body>',
      '</html>',
      '',
    ].join('\r\n'),
  };
}

const redirections = new Map([
  [301, 'Moved Permanently'],
  [302, 'Found'],
  [307, 'Temporary Redirect'],
  [308, 'Permanent Redirect'],
]);

/** "The server MUST send an Upgrade header field in a 426 response" (RFC 9110 §15.5.22); HTTP/2 has no such field. */
function upgradeRequired(request: ProxiedRequest, message: string, protocols: string): DirectResponse {
  const headers: DirectResponse['headers'] =
    request.httpVersion === '2'
      ? []
      : [
          ['Connection', 'Upgrade'],
          ['Upgrade', protocols],
        ];
  return errorResponse(request, 426, message, { headers });
}
