/**
 * `import … from 'portcullis/ws'`: guards the handshake of WebSockets on Node's HTTP server, for the package `ws` or any
 * server with its `handleUpgrade`. A refusal is said while it still is HTTP (RFC 6455 §4.2.2); and beside it stands a token
 * route, which takes POST alone, so that no handshake ever reaches it.
 */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Bearer } from '../../src/oauth/tokens.ts';
import { unavailable } from '../../src/wire/endpoint.ts';
import { refuseHandshake } from '../../src/wire/handshake.ts';
import type { OAuthResponse } from '../../src/wire/response.ts';
import { admittedBearers } from '../library/admitted-bearers.ts';
import { largestBody } from '../library/calls.ts';
import type { Gate } from '../library/create-gate.ts';
import { authorizationOf, targetOf, warn } from '../library/incoming.ts';
import { type EndpointOptions, nodeEndpoint } from '../library/node-endpoint.ts';
import {
  InvalidOption,
  knownOptions,
  pathOption,
  type Requirement,
  readRequirement,
  requirementOptions,
} from '../library/options.ts';
import { readBody } from '../request-body.ts';

export type { EndpointOptions } from '../library/node-endpoint.ts';
export type { Requirement } from '../library/options.ts';

/** As much of a `WebSocketServer` of the package `ws` (made with `noServer: true`) as is needed here. */
export interface UpgradingServer {
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, done: (socket: unknown) => void): void;
  emit(event: 'connection', ...told: unknown[]): boolean;
}

/** Where a handshake may carry its access token. */
export type TokenPlace = 'header' | 'query' | 'subprotocol';

export interface GuardUpgradeOptions extends Requirement {
  /** Who speaks WebSocket once a handshake is admitted. Its listeners of `connection` are told `(socket, request, bearer)`. */
  readonly sockets: UpgradingServer;
  /**
   * The origins whose pages may connect, as `https://app.example`. A handshake that names another is refused with 403; one
   * that names none does not come from a browser. Anything goes by default: without a token no page gets in, and a cookie
   * is no token.
   */
  readonly origins?: readonly string[] | undefined;
  /**
   * `header`, the default: `Authorization: Bearer <token>`. A browser's `WebSocket` cannot send that; for it there are
   *
   * - `subprotocol`: `new WebSocket(url, ['bearer', token])`. The token is not sent back.
   * - `query`: `wss://…?access_token=<token>`. Off unless asked for, since URLs end up in the logs of every proxy on the
   *   way and in browsers' histories (RFC 9700 §4.3.2).
   *
   * Wherever it was, the token is taken out of `request` before a listener sees it, but for the header.
   */
  readonly tokenFrom?: readonly TokenPlace[] | undefined;
  /** Hears why the store could not be asked; the client is told 503. By default a warning of the process. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** A listener of the `upgrade` event of `http.Server` and `https.Server`. */
export type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/**
 * For `server.on('upgrade', guardUpgrade(gate, { sockets }))`. Admits a handshake whose token is good, and hands it to
 * `sockets`; refuses any other with 401 or 403 and a challenge (RFC 6750 §3), 400 for two tokens, 405 for another method
 * than GET.
 */
export function guardUpgrade(gate: Gate, options: GuardUpgradeOptions): UpgradeListener {
  knownOptions('guardUpgrade', options, [...requirementOptions, 'sockets', 'origins', 'tokenFrom', 'onError']);
  const { sockets, onError = warn } = options;
  if (typeof sockets?.handleUpgrade !== 'function') {
    throw new InvalidOption('sockets', 'must be a WebSocketServer, made with noServer: true');
  }
  const required = readRequirement(options);
  const origins = originsOption(options.origins);
  const places = placesOption(options.tokenFrom ?? ['header']);

  return (request, socket, head) => {
    // Until a WebSocket takes over, nobody else listens for the errors of this socket.
    const gone = (): void => void socket.destroy();
    socket.once('error', gone);

    const refused = refuseHandshake(gate.issuer, { method: request.method, origin: request.headers.origin }, origins);
    if (refused !== undefined) return respond(socket, refused);

    check().then(
      (outcome) => {
        if (outcome.state === 'denied') return respond(socket, outcome.response);
        bearers.set(request, outcome.bearer);
        socket.off('error', gone);
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

/** Every token that the handshake carries where it may, each as a header would say it; those elsewhere are taken out. */
function takeCredentials(
  request: IncomingMessage,
  places: ReadonlySet<TokenPlace>,
): { readonly authorization: readonly string[]; readonly query: string } {
  const authorization = places.has('header') ? [...authorizationOf(request)] : [];
  if (places.has('subprotocol')) authorization.push(...takeFromSubprotocol(request).map(asHeader));
  if (!places.has('query')) {
    // No token is taken from there, in any profile; but one beside another is shown to the core, which may refuse both.
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

/** The one after `bearer`, which itself stays to be agreed upon. */
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
  /** `/oauth2/token` by default. */
  readonly path?: string | undefined;
  /** Hears why the request could not be handled; the client is told 503. By default a warning of the process. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * The token endpoint (RFC 6749 §3.2) for a plain `http.Server`, beside the WebSockets that its tokens are for; to come
 * before whatever reads bodies. Tells whether the request was for it, and answers it then:
 * `if (!tokenRoute(request, response)) …`. POST is all it takes; a handshake is a GET and goes to `upgrade`, so it can
 * never come here.
 */
export function tokenRoute(
  gate: Gate,
  options: TokenRouteOptions = {},
): (request: IncomingMessage, response: ServerResponse) => boolean {
  knownOptions('tokenRoute', options, ['path', 'audience', 'secure', 'onError']);
  const { onError = warn } = options;
  const path = pathOption('path', options.path ?? '/oauth2/token', '/oauth2/token');
  const { issuer, read } = nodeEndpoint('tokenRoute', gate, options);

  async function responseTo(request: IncomingMessage): Promise<OAuthResponse> {
    const head = read(request);
    const body = await readBody(request, request.headers['content-length'], largestBody);
    return gate.server.token(issuer, { ...head, body });
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

// Answers while it still is HTTP ----------------------------------------------------------------------------------------

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
      throw new InvalidOption('origins', `has one that is no origin like https://app.example: ${origin}`);
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
