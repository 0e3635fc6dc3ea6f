/**
 * A listener: plain or TLS, HTTP/1.1 and HTTP/2 on the same port. Over TLS the client chooses by ALPN (RFC 7301). Without
 * TLS, the first bytes of a connection decide: they are the HTTP/2 preface or not (RFC 9113 §3.3). Then node:http or
 * node:http2 reads the connection directly.
 */
import {
  createServer as createHttp1,
  type Server as Http1Server,
  type IncomingMessage,
  type ServerOptions,
  STATUS_CODES,
} from 'node:http';
import { createServer as createHttp2, type Http2Server, Http2ServerRequest, type ServerHttp2Session } from 'node:http2';
import { createServer as createHttps, type Server as HttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { SecureContext, TLSSocket } from 'node:tls';
import { errorResponse } from '../../../src/gateway/error-response.ts';
import type { GateHeaders } from '../../../src/gateway/gate-headers.ts';
import type { Budget } from '../../../src/records/budget.ts';
import { Deadlines } from '../../deadlines.ts';
import { lineOf, targetReader } from '../../raw-targets.ts';
import type { RequestProblem } from '../incoming.ts';
import { newRequestId } from '../request-id.ts';
import { ClientConnection } from './connection.ts';
import type { ConnectionLimits } from './connection-limits.ts';
import { badRequest, headTooLarge } from './message.ts';
import { type ListenerEnvironment, NodeIncoming } from './node-incoming.ts';
import { lookForPreface } from './preface.ts';
import { GateRequest } from './requests.ts';
import { GateHttp2Response, GateResponse } from './responses.ts';

/** One entry of `proxy_listen`. */
export interface ListenerAddress {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly ssl: boolean;
  /** Whether TLS offers HTTP/2. A plain listener always accepts it from clients that start with its preface. */
  readonly http2: boolean;
  readonly reusePort?: boolean;
  readonly backlog?: number | undefined;
  readonly ipv6Only?: boolean;
  readonly keepAlive?: boolean;
  readonly keepAliveDelay?: number | undefined;
}

/** In PEM: a key, and its certificate with the chain after it. */
export interface Certificate {
  readonly key: string | Buffer;
  readonly cert: string | Buffer;
}

/** Returns the certificate for a server name, at each handshake; `undefined`: the default certificate. */
export type ContextFor = (serverName: string) => SecureContext | undefined;

/** Times in milliseconds. */
export interface ListenerLimits {
  /** For a whole head, and for the first bytes of a new connection. */
  readonly head: number;
  /** For an idle connection. */
  readonly idle: number;
  /** For a TLS handshake. */
  readonly handshake: number;
  /** Bytes of a request line and head together. */
  readonly headSize: number;
  /** Streams at once on one HTTP/2 connection. */
  readonly streams: number;
}

export interface ListenerOptions {
  readonly address: ListenerAddress;
  /** Served to clients that send no server name, or an unknown one. */
  readonly certificate: Certificate | undefined;
  readonly contextFor: ContextFor | undefined;
  readonly limits: ListenerLimits;
  readonly trusts: (address: string) => boolean;
  readonly connections: ConnectionLimits;
  /** Streams of all HTTP/2 connections. */
  readonly streams: Budget;
  readonly serverName: string;
  readonly headers: GateHeaders;
  readonly environment: ListenerEnvironment;
  /** Called for a request that could not be parsed, with the response it got. */
  readonly rejected: (requestId: string, problem: RequestProblem, connection: ClientConnection, line: Line) => void;
}

export interface Listener {
  readonly address: AddressInfo;
  setCertificate(certificate: Certificate): void;
  /** Accepts no new connections and ends idle ones. Resolves when the last one is closed. */
  drain(): Promise<void>;
  /** Closes all connections immediately. */
  destroy(): void;
  /** Connections accepted since the start, and open connections. */
  readonly accepted: number;
  readonly open: number;
}

export async function listen(options: ListenerOptions): Promise<Listener> {
  const { address, limits } = options;
  const server = address.ssl ? tlsServer(options) : createHttp1(http1Options(options));
  const sockets = new Set<Socket>();
  let accepted = 0;
  const sessions = new Set<ServerHttp2Session>();
  /** Connections that have sent nothing yet. */
  const silent = new Set<Socket>();
  const arrivals = address.ssl ? 'secureConnection' : 'connection';
  const toHttp1 = http1Reader(server, arrivals, options);
  const toHttp2 = http2Reader(sessions, options);

  server.prependListener('connection', (socket: Socket) => {
    accepted++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // The reader of the connection gets a `close` too, and acts on that.
    socket.on('error', () => {});
    options.connections.opened(socket);
  });
  server.on(arrivals, (socket: Socket) => {
    if ((socket as Partial<TLSSocket>).alpnProtocol === 'h2') {
      toHttp2(socket);
      return;
    }
    silent.add(socket);
    socket.on('close', () => silent.delete(socket));
    lookForPreface(socket, limits.head, (isHttp2) => {
      silent.delete(socket);
      // Over TLS, HTTP/2 must be negotiated by ALPN (RFC 9113 §3.2).
      if (isHttp2 && !address.ssl) toHttp2(socket);
      else toHttp1(socket);
    });
  });

  const where = await bind(server, address);
  // There is no file descriptor for another connection. Open connections continue.
  server.on('error', (error) => options.environment.failed(error, { requestId: '', routeId: '' }));
  return {
    address: where,
    setCertificate(certificate) {
      if (address.ssl) (server as HttpsServer).setSecureContext({ ...tlsSettings, ...certificate });
    },
    drain() {
      return new Promise((resolve) => {
        server.close(() => resolve());
        for (const session of sessions) session.close();
        for (const socket of silent) socket.destroy();
      });
    },
    destroy() {
      for (const session of sessions) session.destroy();
      for (const socket of sockets) socket.destroy();
    },
    get accepted() {
      return accepted;
    },
    get open() {
      return sockets.size;
    },
  };
}

function bind(server: Http1Server | HttpsServer, address: ListenerAddress): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(
      {
        host: address.host,
        port: address.port,
        reusePort: address.reusePort ?? false,
        ipv6Only: address.ipv6Only ?? false,
        ...(address.backlog === undefined ? {} : { backlog: address.backlog }),
      },
      () => {
        server.off('error', reject);
        resolve(server.address() as AddressInfo);
      },
    );
  });
}

// HTTP/1.1 -----------------------------------------------------------------------------------------------------------

function http1Options({ address, limits }: ListenerOptions): ServerOptions {
  return {
    IncomingMessage: GateRequest as never,
    ServerResponse: GateResponse as never,
    maxHeaderSize: limits.headSize,
    headersTimeout: limits.head,
    // A long upload is no attack. The exchange ends one that stalls.
    requestTimeout: 0,
    // `ClientConnection` limits idle time: one timer for all connections costs less than one for each request.
    keepAliveTimeout: 0,
    connectionsCheckingInterval: Math.max(10, Math.min(5000, Math.ceil(limits.head / 4))),
    // message.ts checks it, and the gate's own response says what is wrong.
    requireHostHeader: false,
    optimizeEmptyRequests: true,
    noDelay: true,
    keepAlive: address.keepAlive ?? false,
    ...(address.keepAliveDelay === undefined ? {} : { keepAliveInitialDelay: address.keepAliveDelay }),
  };
}

const tlsSettings = { minVersion: 'TLSv1.2' } as const;

function tlsServer(options: ListenerOptions): HttpsServer {
  const { address, certificate, contextFor, limits } = options;
  if (certificate === undefined) throw new TypeError(`the TLS listener on port ${address.port} needs a certificate`);
  return createHttps({
    ...http1Options(options),
    ...tlsSettings,
    ...certificate,
    // Without a common protocol the handshake fails. Kong's nginx offers HTTP/1.0 too.
    ALPNProtocols: address.http2 ? ['h2', 'http/1.1', 'http/1.0'] : ['http/1.1', 'http/1.0'],
    handshakeTimeout: limits.handshake,
    ...(contextFor === undefined
      ? {}
      : {
          SNICallback: (name: string, found: (error: Error | null, context?: SecureContext) => void) => {
            found(null, contextFor(name));
          },
        }),
  });
}

/** Passes HTTP/1.1 connections to node:http, which no longer gets them from the server directly. */
function http1Reader(
  server: Http1Server | HttpsServer,
  arrivals: 'connection' | 'secureConnection',
  options: ListenerOptions,
): (socket: Socket) => void {
  const readers = server.listeners(arrivals) as ((socket: Socket) => void)[];
  server.removeAllListeners(arrivals);
  // No limit: node:http would drop further fields silently, and message.ts could not reject the request.
  server.maxHeadersCount = 0;
  const connectionOf = (socket: object) => (socket as Connected)[ofSocket];
  const targets = targetReader(
    (socket) => {
      for (const read of readers) read.call(server, socket);
    },
    { size: options.limits.headSize, milliseconds: options.limits.head },
  );
  const idle = { deadlines: new Deadlines(), milliseconds: options.limits.idle };

  const begin = (request: GateRequest, response: GateResponse): void => {
    const connection = connectionOf(request.socket)!;
    request.begun = true;
    if (connection.closing) return;
    connection.enqueue(new NodeIncoming(options.environment, connection, request, response, connection.refused));
  };
  const typed = server as unknown as Http1Server<typeof GateRequest, typeof GateResponse>;
  typed.on('request', begin);
  typed.on('checkContinue', begin);
  typed.on('checkExpectation', begin);
  typed.on('connect', ({ method, url }, socket) => {
    refuseRest(options, connectionOf(socket)!, noTunnels, { method: method!, path: url! });
  });
  typed.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const connection = connectionOf(socket);
    const problem = problemOf(error);
    if (connection === undefined || problem === undefined || !socket.writable) socket.destroy();
    else if (connection.failed || connection.latest !== undefined || !targets.readAgain(error, connection.socket)) {
      refuseRest(options, connection, problem, lineOf(error));
    }
  });
  return (socket) => {
    const connection = new ClientConnection(socket, options.trusts, options.connections.problemOf(socket));
    connection.limitIdle(idle);
    (socket as Connected)[ofSocket] = connection;
    targets.read(socket);
  };
}

const ofSocket = Symbol('client connection');
type Connected = Socket & { [ofSocket]?: ClientConnection };

/** Method and path of a request that was refused; `undefined` if they could not be read. */
export type Line = ReturnType<typeof lineOf>;

/** The bytes that come next cannot be parsed. Requests read before get their responses first. */
function refuseRest(options: ListenerOptions, connection: ClientConnection, problem: RequestProblem, line: Line): void {
  if (connection.failed) return;
  connection.failed = true;
  const latest = connection.latest as NodeIncoming | undefined;
  if (latest !== undefined && !latest.isComplete) latest.failRequest(problem);
  else if (latest !== undefined) connection.whenIdle = () => reject(options, connection, problem, line);
  else reject(options, connection, problem, line);
}

/** Responds to bytes that are not a request, and closes the connection. */
function reject(
  { serverName, headers: sent, rejected }: ListenerOptions,
  connection: ClientConnection,
  problem: RequestProblem,
  line: Line,
): void {
  const requestId = newRequestId();
  const { status, message } = problem;
  const { headers, body } = errorResponse({ requestId, header: () => undefined }, status, message, {
    otherwise: 'text',
  });
  const fields = [
    ...headers,
    ['Content-Length', String(body.length)],
    ['Connection', 'close'],
    ['Date', new Date().toUTCString()],
    ...(sent.server ? [['Server', serverName]] : []),
    ...(sent.requestId ? [['X-Kong-Request-Id', requestId]] : []),
  ];
  const head = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  connection.socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head}\r\n${body}`, 'latin1');
  connection.linger();
  rejected(requestId, problem, connection, line);
}

const noTunnels: RequestProblem = { status: 405, message: 'Method not allowed', refusal: 'method_not_allowed' };

/** `undefined`: the client has disconnected. */
function problemOf({ code = '' }: NodeJS.ErrnoException): RequestProblem | undefined {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return headTooLarge;
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return { status: 413, message: 'Payload too large', refusal: 'bad_request' };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, message: 'Request timeout', refusal: 'head_timeout' };
    case 'HPE_INVALID_EOF_STATE':
      return undefined;
    default:
      return code.startsWith('HPE_') ? badRequest : undefined;
  }
}

const tooManyStreams: RequestProblem = {
  status: 503,
  message: 'The gate has too many requests on HTTP/2 connections; try again',
  refusal: 'streams_full',
  retryAfter: 1,
};

// HTTP/2 -------------------------------------------------------------------------------------------------------------

function http2Reader(sessions: Set<ServerHttp2Session>, options: ListenerOptions): (socket: Socket) => void {
  const { limits, environment, streams } = options;
  const server = createHttp2({
    Http2ServerRequest,
    Http2ServerResponse: GateHttp2Response as never,
    maxHeaderListPairs: 2000,
    // message.ts checks repeated fields of requests; repeated fields of responses are the upstream's responsibility.
    strictSingleValueFields: false,
    settings: {
      maxConcurrentStreams: limits.streams,
      maxHeaderListSize: limits.headSize,
      initialWindowSize: 262_144,
      enablePush: false,
    },
  });
  const connections = new WeakMap<object, ClientConnection>();
  let arriving: ClientConnection;
  server.on('session', (session) => {
    const connection = arriving;
    connections.set(session, connection);
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.setTimeout(limits.idle);
    session.on('timeout', () => {
      if (connection.inFlight === 0) session.close();
    });
  });
  const begin = (request: Http2ServerRequest, response: GateHttp2Response): void => {
    const { session } = request.stream;
    if (session === undefined) return;
    const connection = connections.get(session)!;
    let { refused } = connection;
    if (refused !== undefined) session.close();
    else if (streams.take(1)) response.on('close', () => streams.release(1));
    else refused = tooManyStreams;
    new NodeIncoming(environment, connection, request, response, refused).begin();
  };
  const typed = server as unknown as Http2Server<
    typeof IncomingMessage,
    typeof GateResponse,
    typeof Http2ServerRequest,
    typeof GateHttp2Response
  >;
  typed.on('request', begin);
  typed.on('checkContinue', begin);
  typed.on('checkExpectation', begin);
  return (socket) => {
    arriving = new ClientConnection(socket, options.trusts, options.connections.problemOf(socket));
    // If the end arrived together with the first bytes, it has been read already, and node:http2 would never see it.
    socket.on('end', () => socket.destroy());
    server.emit('connection', socket);
  };
}
