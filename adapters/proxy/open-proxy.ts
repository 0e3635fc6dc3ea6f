/**
 * The proxy: listeners, exchanges, and a pool of upstream connections. The composition root passes in all it needs; nothing
 * here reads settings, stores or the time of day.
 */
import type { LookupFunction } from 'node:net';
import { parseNetworks } from '../../src/address/ip-address.ts';
import type { ConnectionCounts } from '../../src/gateway/connection-counts.ts';
import { defaultRealIp, type RealIp } from '../../src/gateway/forwarded.ts';
import { type GateHeaders, gateHeaders } from '../../src/gateway/gate-headers.ts';
import type { Snapshot } from '../../src/gateway/snapshot.ts';
import { Budget, type Budgets, budgetsOf } from '../../src/records/budget.ts';
import { Deadlines } from '../deadlines.ts';
import { UpstreamPool } from '../upstream/pool.ts';
import type { UpstreamCertificates } from '../upstream/socket.ts';
import type { AccessLogEntry } from './access-log.ts';
import type { ExchangeEnvironment, TargetHealthChange, UpstreamProblem } from './environment.ts';
import { beginExchange } from './exchange.ts';
import type { RequestProblem } from './incoming.ts';
import type { ClientConnection } from './listener/connection.ts';
import { ConnectionLimits } from './listener/connection-limits.ts';
import {
  type Certificate,
  type ContextFor,
  type Line,
  type Listener,
  type ListenerAddress,
  listen,
} from './listener/listen.ts';
import type { ServeEndpoint } from './listener/node-incoming.ts';

export interface ProxyOptions {
  readonly listen: readonly ListenerAddress[];
  /** The default certificate of TLS listeners, required if there is one. */
  readonly certificate?: Certificate;
  /** Returns the certificate for a server name (SNI). Called at each handshake. */
  readonly contextFor?: ContextFor;
  /** The current configuration. A request keeps the one it began with. */
  readonly snapshot: () => Snapshot;
  /** Serves requests that a plugin hands over, with Node's own request and response. */
  readonly serveEndpoint: ServeEndpoint;
  /** Addresses and networks of peers whose forwarding headers are trusted. */
  readonly trustedIps?: readonly string[];
  /** How a trusted peer names its client. Kong's default: the last address in X-Real-IP. */
  readonly realIp?: RealIp;
  /** Called once, when a trusted peer names its client only in X-Forwarded-For. */
  readonly forwardedForIgnored?: () => void;
  /** Called once for each request, when it is complete. */
  readonly log?: (entry: AccessLogEntry) => void;
  /** Called with the error that a plugin or an endpoint threw. The client gets only a 500. */
  readonly failed: (error: unknown, about: { readonly requestId: string; readonly routeId: string }) => void;
  /** Called with the reason why a request to an upstream failed. The client gets only a 502 or 503. */
  readonly upstreamFailed?: (problem: UpstreamProblem) => void;
  /** Called when requests have shown that a target became unhealthy, or healthy again. */
  readonly targetHealthChanged?: (change: TargetHealthChange) => void;
  /** The value of `Server` in responses of the gate itself. */
  readonly serverName?: string;
  /** Which fields the gate adds to responses. Kong's default: server, latencies and request id. */
  readonly headers?: GateHeaders;
  readonly upstream?: {
    /** Whether upstream certificates are verified, for services that do not set it. Kong's default: no. */
    readonly tlsVerify?: boolean;
    /** CA certificates in PEM, in place of Node's own. */
    readonly ca?: string | readonly string[];
    /** CA certificates and client certificates that services refer to by id. */
    readonly certificates?: UpstreamCertificates;
    /** Idle connections kept for one upstream (0: none), for how many milliseconds (0: no limit), and for how many requests (0: no limit). */
    readonly idleLimit?: number;
    readonly idleTimeout?: number;
    readonly requestLimit?: number;
    /** Resolves host names, in place of the system's resolver. */
    readonly lookup?: LookupFunction;
  };
  readonly limits?: Partial<ProxyLimits>;
  /** What all callers together may hold; defaults where it is not given. */
  readonly budgets?: Budgets;
}

/** Times in milliseconds. */
export interface ProxyLimits {
  /** For a whole head of a request. */
  readonly head: number;
  /** Bytes of a request line and head together; more is 431. */
  readonly headSize: number;
  /** Between two requests on a connection. */
  readonly idle: number;
  /** For a TLS handshake. */
  readonly handshake: number;
  /** Between two pieces of a request's body; then it is 408. */
  readonly clientBody: number;
  /** For a client to read what was sent to it. */
  readonly clientSend: number;
  /** Streams at once on one HTTP/2 connection. */
  readonly streams: number;
}

export interface OpenProxy {
  /** The listening addresses, in the order of `listen`. */
  readonly addresses: readonly { readonly address: string; readonly port: number }[];
  /** Counted since the start, with the names of nginx's stub_status. */
  connections(): ConnectionCounts;
  /** Changes the default certificate, from the next handshake on. */
  setCertificate(certificate: Certificate): void;
  /**
   * Stops accepting connections. Requests in flight may finish within `graceful` milliseconds, and their responses close
   * the connections. Then all remaining connections are closed.
   */
  close(how?: { readonly graceful?: number }): Promise<void>;
}

/** As in Kong's nginx configuration, where that has them. */
const defaultLimits: ProxyLimits = {
  head: 60_000,
  headSize: 32_768,
  idle: 75_000,
  handshake: 20_000,
  clientBody: 60_000,
  clientSend: 60_000,
  streams: 128,
};

/** Opens all listeners. If one fails, closes the others and throws its error. */
export async function openProxy(options: ProxyOptions): Promise<OpenProxy> {
  const limits = { ...defaultLimits, ...options.limits };
  const trusted = parseNetworks(options.trustedIps ?? []);
  if ('invalid' in trusted) throw new TypeError(`trustedIps: ${trusted.invalid} is neither an address nor a network`);
  const {
    tlsVerify = false,
    ca,
    certificates,
    idleLimit = 512,
    idleTimeout = 60_000,
    requestLimit = 10_000,
    lookup,
  } = options.upstream ?? {};
  const pool = new UpstreamPool(
    { tlsVerify, ca, certificates, idleLimit, idleTimeout, requestLimit, lookup },
    new Deadlines(),
  );
  const serverName = options.serverName ?? 'kong/3.9.1';
  const headers = options.headers ?? gateHeaders();
  let requests = 0;
  let inFlight = 0;
  const log = (entry: AccessLogEntry) => {
    inFlight--;
    options.log?.(entry);
  };
  let { forwardedForIgnored } = options;
  const budgets = options.budgets ?? budgetsOf();
  const environment: ExchangeEnvironment = {
    snapshot: options.snapshot,
    trusted,
    realIp: options.realIp ?? defaultRealIp,
    forwardedForIgnored() {
      forwardedForIgnored?.();
      forwardedForIgnored = undefined;
    },
    pool,
    sentBodies: new Budget(Math.floor(budgets.bodyBytes.limit / 4)),
    limits,
    serverName,
    headers,
    log,
    failed: options.failed,
    upstreamFailed: options.upstreamFailed ?? (() => {}),
    targetHealthChanged: options.targetHealthChanged ?? (() => {}),
  };
  let draining = false;
  const common = {
    certificate: options.certificate,
    contextFor: options.contextFor,
    limits,
    trusts: trusted.has,
    connections: new ConnectionLimits(budgets, trusted.has),
    streams: budgets.streams,
    serverName,
    headers,
    rejected: (requestId: string, problem: RequestProblem, connection: ClientConnection, line: Line) => {
      requests++;
      options.log?.(rejectedEntry(requestId, problem, connection, line));
    },
    environment: {
      begin: (incoming) => {
        requests++;
        inFlight++;
        beginExchange(environment, incoming);
      },
      serveEndpoint: options.serveEndpoint,
      failed: options.failed,
      headSize: limits.headSize,
      clientBody: limits.clientBody,
      clientSend: limits.clientSend,
      bodyBytes: budgets.bodyBytes,
      isDraining: () => draining,
    },
  } satisfies Omit<Parameters<typeof listen>[0], 'address'>;

  const listeners: Listener[] = [];
  try {
    for (const address of options.listen) listeners.push(await listen({ ...common, address }));
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.drain()));
    throw error;
  }

  return {
    addresses: listeners.map(({ address }) => ({ address: address.address, port: address.port })),
    connections() {
      const accepted = listeners.reduce((sum, listener) => sum + listener.accepted, 0);
      const active = listeners.reduce((sum, listener) => sum + listener.open, 0);
      // One HTTP/2 connection may have several requests in progress.
      const writing = Math.min(inFlight, active);
      return { accepted, active, handled: accepted, reading: 0, writing, waiting: active - writing, requests };
    },
    setCertificate(certificate) {
      for (const listener of listeners) listener.setCertificate(certificate);
    },
    async close({ graceful = 0 } = {}) {
      draining = true;
      const drained = Promise.all(listeners.map((listener) => listener.drain()));
      pool.close();
      const destroy = () => {
        for (const listener of listeners) listener.destroy();
        pool.destroy();
      };
      if (graceful <= 0) destroy();
      else {
        const timer = setTimeout(destroy, graceful);
        await drained;
        clearTimeout(timer);
        pool.destroy();
      }
      await drained;
    },
  };
}

function rejectedEntry(
  requestId: string,
  { status, refusal }: RequestProblem,
  connection: ClientConnection,
  line: Line,
): AccessLogEntry {
  return {
    requestId,
    method: line?.method ?? '',
    path: line?.path ?? '',
    scheme: connection.scheme,
    httpVersion: '1.1',
    host: '',
    status,
    clientAddress: connection.peer,
    routeId: undefined,
    serviceId: undefined,
    consumerId: undefined,
    clientId: undefined,
    refusal,
    bytesReceived: 0,
    bytesSent: 0,
    milliseconds: 0,
    upstreamMilliseconds: undefined,
    upstreamAttempts: 0,
  };
}
