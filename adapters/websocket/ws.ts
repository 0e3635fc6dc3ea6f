/**
 * `import … from 'portcullis/ws'`: guards WebSocket handshakes on Node's HTTP server, for the package `ws` or any server
 * with its `handleUpgrade`. A refused handshake gets an HTTP response (RFC 6455 §4.2.2). Also a token route for the same
 * server.
 */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Bearer } from '../../src/oauth/tokens.ts';
import { unavailable } from '../../src/wire/endpoint.ts';
import { refuseHandshake } from '../../src/wire/handshake.ts';
import type { OAuthResponse } from '../../src/wire/response.ts';
import { admittedBearers } from '../library/admitted-bearers.ts';
import type { Gate } from '../library/create-gate.ts';
import { authorizationOf, targetOf, warn } from '../library/incoming.ts';
import { type EndpointOptions, nodeEndpoint } from '../library/node-endpoint.ts';
import {
  functionOption,
  gateArgument,
  InvalidOption,
  knownOptions,
  pathOption,
  type Requirement,
  requirementOptions,
} from '../library/options.ts';

export type { EndpointOptions } from '../library/node-endpoint.ts';
export type { Requirement } from '../library/options.ts';

/** The part of a `WebSocketServer` of the package `ws` (made with `noServer: true`) that `guardUpgrade` uses. */
export interface UpgradingServer {
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, done: (socket: unknown) => void): void;
  emit(event: 'connection', ...values: unknown[]): boolean;
}

/** Where a handshake may carry its access token. */
export type TokenPlace = 'header' | 'query' | 'subprotocol';

export interface GuardUpgradeOptions extends Requirement {
  /** The server that completes admitted handshakes. Its `connection` listeners receive `(socket, request, bearer)`. */
  readonly sockets: UpgradingServer;
  /**
   * The origins whose pages may connect, such as `https://app.example`. A handshake from another origin is refused with
   * 403; one without an origin does not come from a browser and is not refused for that. All origins by default: a page
   * needs a token to connect, and the gate never reads one from a cookie.
   */
  readonly origins?: readonly string[] | undefined;
  /**
   * Where a handshake may carry its access token. `header`, the default: `Authorization: Bearer <token>`. The `WebSocket`
   * of a browser cannot send that header; for pages there are
   *
   * - `subprotocol`: `new WebSocket(url, ['bearer', token])`. The response does not repeat the token.
   * - `query`: `wss://…?access_token=<token>`. URLs end up in the logs of proxies and in the history of browsers
   *   (RFC 9700 §4.3.2).
   *
   * The gate removes the token from `request.url` and from the subprotocols before listeners receive the request. It stays
   * in the header.
   */
  readonly tokenFrom?: readonly TokenPlace[] | undefined;
  /** Receives the error if the store cannot be reached; the client gets 503. By default a warning of the process. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** A listener of the `upgrade` event of `http.Server` and `https.Server`. */
export type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/**
 * For `server.on('upgrade', guardUpgrade(gate, { sockets }))`. Admits a handshake whose access token is valid and has the
 * required scopes, and passes it to `sockets`. Any other gets an error response: 401 or 403 with a challenge (RFC 6750 §3),
 * 400 for two tokens, 405 for a method other than GET.
 */
export function guardUpgrade(gate: Gate, options: GuardUpgradeOptions): UpgradeListener {
  knownOptions('guardUpgrade', options, [...requirementOptions, 'sockets', 'origins', 'tokenFrom', 'onError']);
  const { sockets, scopes, audience } = options;
  const onError = functionOption('onError', options.onError, warn);
  const required = gateArgument('guardUpgrade', gate).requirement({ scopes, audience });
  if (typeof sockets?.handleUpgrade !== 'function' || typeof sockets.emit !== 'function') {
    throw new InvalidOption('sockets', 'must be a WebSocketServer, made with noServer: true');
  }
  const origins = originsOption(options.origins);
  const places = placesOption(options.tokenFrom ?? ['header']);

  return (request, socket, head) => {
    // Until a WebSocket takes over, there is no other listener for the errors of this socket.
    const destroy = (): void => void socket.destroy();
    socket.once('error', destroy);

    const refused = refuseHandshake(gate.issuer, { method: request.method, origin: request.headers.origin }, origins);
    if (refused !== undefined) return respond(socket, refused);

    check().then(
      (outcome) => {
        if (outcome.state === 'denied') return respond(socket, outcome.response);
        bearers.set(request, outcome.bearer);
        socket.off('error', destroy);
        sockets.handleUpgrade(request, socket, head, (webSocket) =>
          sockets.emit('connection', webSocket, request, outcome.bearer),
        );
      },
      (error: unknown) => {
        onError(error);
        respond(socket, unavailable);
      },
    );

    async function check(): Promise<Awaited<ReturnType<Gate['checkRequest']>>> {
      return await gate.checkRequest(takeCredentials(request, places), required);
    }
  };
}

const bearers = admittedBearers<IncomingMessage>('no bearer: this handshake did not pass guardUpgrade');

/** The bearer of the access token of this handshake. Throws if it did not pass `guardUpgrade`, which is a bug of the server. */
export function bearerOf(request: IncomingMessage): Bearer {
  return bearers.get(request);
}

// The token in the handshake --------------------------------------------------------------------------------------------

/** Every token in the allowed places, each as a value of the header. Removes those that are not in the header. */
function takeCredentials(
  request: IncomingMessage,
  places: ReadonlySet<TokenPlace>,
): { readonly authorization: readonly string[]; readonly query: string } {
  const authorization = places.has('header') ? [...authorizationOf(request)] : [];
  if (places.has('subprotocol')) authorization.push(...takeFromSubprotocol(request).map(asHeader));
  if (!places.has('query')) {
    // A token in the query is not accepted, in either profile. The core sees it next to another token and may refuse both.
    return { authorization, query: authorization.length === 0 ? '' : targetOf(request).query };
  }
  authorization.push(...takeFromQuery(request).map(asHeader));
  return { authorization, query: '' };
}

const asHeader = (token: string): string => `Bearer ${token}`;

function takeFromQuery(request: IncomingMessage): readonly string[] {
  const { path, query } = targetOf(request);
  const parameters = new URLSearchParams(query);
  const tokens = parameters.getAll('access_token');
  if (tokens.length === 0) return [];
  parameters.delete('access_token');
  request.url = parameters.size === 0 ? path : `${path}?${parameters}`;
  return tokens;
}

/** The subprotocol after `bearer`. `bearer` itself stays, so that the server can select it. */
function takeFromSubprotocol(request: IncomingMessage): readonly string[] {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((protocol) => protocol.trim());
  const marks = offered.flatMap((protocol, index) => (protocol === 'bearer' ? [index] : []));
  const tokens = marks.flatMap((mark) => offered.slice(mark + 1, mark + 2));
  if (tokens.length === 0) return [];
  const others = offered.filter((_protocol, index) => !marks.includes(index - 1));
  request.headers['sec-websocket-protocol'] = others.join(', ');
  return tokens;
}

// The token route -------------------------------------------------------------------------------------------------------

export interface TokenRouteOptions extends EndpointOptions {
  /** The path of the token endpoint. `/oauth2/token` by default. */
  readonly path?: string | undefined;
  /** Receives the error if a request cannot be handled; the client gets 503. By default a warning of the process. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * The token endpoint (RFC 6749 §3.2) for a plain `http.Server`. The listener it returns responds to requests for `path` and
 * returns `true`; for any other request it returns `false` and does nothing: `if (!token(request, response)) …`. Call it
 * before the code that reads request bodies. Methods other than POST get 405.
 */
export function tokenRoute(
  gate: Gate,
  options: TokenRouteOptions = {},
): (request: IncomingMessage, response: ServerResponse) => boolean {
  knownOptions('tokenRoute', options, ['path', 'audience', 'secure', 'bodyTimeout', 'onError']);
  const onError = functionOption('onError', options.onError, warn);
  const path = pathOption('path', options.path ?? '/oauth2/token', '/oauth2/token');
  const { issuer, read } = nodeEndpoint('tokenRoute', gate, options);

  async function responseTo(request: IncomingMessage): Promise<OAuthResponse> {
    return gate.server.token(issuer, await read(request));
  }

  return (request, response) => {
    if (targetOf(request).path !== path) return false;
    responseTo(request)
      .catch((error: unknown) => {
        onError(error);
        return unavailable;
      })
      .then(({ status, headers, body }) => {
        for (const [name, value] of headers) response.appendHeader(name, value);
        response.writeHead(status, { 'Content-Type': json }).end(JSON.stringify(body));
      });
    return true;
  };
}

// Responses to refused handshakes ---------------------------------------------------------------------------------------

const json = 'application/json; charset=utf-8';

function respond(socket: Duplex, { status, headers, body }: OAuthResponse): void {
  const text = JSON.stringify(body);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    'Connection: close',
    `Content-Type: ${json}`,
    `Content-Length: ${Buffer.byteLength(text)}`,
  ];
  socket.once('finish', () => socket.destroy());
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`);
}

// Options -------------------------------------------------------------------------------------------------------------

function originsOption(origins: unknown): ReadonlySet<string> | undefined {
  if (origins === undefined) return undefined;
  if (!Array.isArray(origins)) throw new InvalidOption('origins', 'must be a list');
  for (const origin of origins) {
    if (typeof origin !== 'string' || !URL.canParse(origin) || new URL(origin).origin !== origin) {
      throw new InvalidOption('origins', `must be origins like https://app.example; this one is not: ${origin}`);
    }
  }
  return new Set(origins);
}

function placesOption(places: unknown): ReadonlySet<TokenPlace> {
  const known = ['header', 'query', 'subprotocol'];
  if (!Array.isArray(places) || places.length === 0 || places.some((place) => !known.includes(place))) {
    throw new InvalidOption('tokenFrom', `must be a list of ${known.join(', ')}`);
  }
  return new Set(places);
}
