/**
 * The proxy: listeners in front, exchanges in the middle, a pool of upstream connections behind. The composition root
 * hands in what it is made of; nothing here reads settings, stores or the clock of the day.
 */
import type { LookupFunction } from 'node:net';
import { parseNetworks } from '../../src/address/ip-address.ts';
import type { Snapshot } from '../../src/gateway/snapshot.ts';
import type { AccessLogEntry } from './access-log.ts';
import { Deadlines } from './deadlines.ts';
import type { ExchangeEnvironment, TurnedTarget, UpstreamProblem } from './environment.ts';
import { beginExchange } from './exchange.ts';
import type { RequestProblem } from './incoming.ts';
import type { ClientConnection } from './listener/connection.ts';
import { type Certificate, type ContextFor, type Listener, type ListenerAddress, listen } from './listener/listen.ts';
import type { ServeEndpoint } from './listener/node-incoming.ts';
import { type UpstreamCertificates, UpstreamPool } from './upstream-pool.ts';

export interface ProxyOptions {
  readonly listen: readonly ListenerAddress[];
  /** What TLS listeners serve unless `contextFor` knows better. Needed if there is one. */
  readonly certificate?: Certificate;
  /** The certificate of a server name (SNI), asked at each handshake. A change holds from the next one on. */
  readonly contextFor?: ContextFor;
  /** What is in force when a request comes in. It keeps what it was given to its end. */
  readonly snapshot: () => Snapshot;
  /** Serves what a plugin hands over, on node's own request and response. */
  readonly serveEndpoint: ServeEndpoint;
  /** Addresses and networks whose word about the client is believed. */
  readonly trustedIps?: readonly string[];
  /** Told of each request once, when it is over. */
  readonly log?: (entry: AccessLogEntry) => void;
  /** Told what the client is not: a plugin or an endpoint threw. */
  readonly failed: (error: unknown, about: { readonly requestId: string; readonly routeId: string }) => void;
  /** Told what the client is not: why an upstream could not be had. */
  readonly upstreamFailed?: (problem: UpstreamProblem) => void;
  /** Told when requests have shown that a target of an upstream is fit no longer, or again. */
  readonly targetTurned?: (turned: TurnedTarget) => void;
  /** The gate's name in the `Server` of its own answers. */
  readonly serverName?: string;
  readonly upstream?: {
    /** Whether certificates of upstreams are verified where the service does not say. Kong: no. */
    readonly tlsVerify?: boolean;
    /** Authorities in PEM to verify them by, in the place of those Node knows. */
    readonly ca?: string | readonly string[];
    /** Authorities and certificates that services name by their ids. */
    readonly certificates?: UpstreamCertificates;
    /** Idle connections kept for one upstream, for how many milliseconds, and for how many requests. */
    readonly idleLimit?: number;
    readonly idleTimeout?: number;
    readonly requestLimit?: number;
    /** Looks names up in the place of the system's resolver. */
    readonly lookup?: LookupFunction;
  };
  readonly limits?: Partial<ProxyLimits>;
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
  /** For a client to take what was sent to it. */
  readonly clientSend: number;
  /** Streams at once on one HTTP/2 connection. */
  readonly streams: number;
}

export interface OpenProxy {
  /** Where it listens, in the order of `listen`. */
  readonly addresses: readonly { readonly address: string; readonly port: number }[];
  /** What was counted since the start, in the words of nginx' stub_status. */
  connections(): ConnectionCounts;
  /** Serves another default certificate from the next handshake on. */
  setCertificate(certificate: Certificate): void;
  /**
   * Stops. Takes no new connections; requests in flight may finish within `graceful` milliseconds, and their answers end
   * the connections. What is left then is cut off.
   */
  close(how?: { readonly graceful?: number }): Promise<void>;
}

export interface ConnectionCounts {
  readonly accepted: number;
  readonly active: number;
  readonly handled: number;
  /** A request is being read; node tells of it only when its head is there. */
  readonly reading: number;
  /** A request is being answered. */
  readonly writing: number;
  /** Nothing happens on the connection. */
  readonly waiting: number;
  readonly requests: number;
}

/** As Kong's nginx is set up, where it is. */
const usualLimits: ProxyLimits = {
  head: 60_000,
  headSize: 32_768,
  idle: 75_000,
  handshake: 20_000,
  clientBody: 60_000,
  clientSend: 60_000,
  streams: 128,
};

/** Opens all listeners, or none: if one cannot be had, the others are closed again and its error is thrown. */
export async function openProxy(options: ProxyOptions): Promise<OpenProxy> {
  const limits = { ...usualLimits, ...options.limits };
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
  let requests = 0;
  let inFlight = 0;
  const log = (entry: AccessLogEntry) => {
    inFlight--;
    options.log?.(entry);
  };
  const environment: ExchangeEnvironment = {
    snapshot: options.snapshot,
    trusted,
    pool,
    limits,
    serverName,
    log,
    failed: options.failed,
    upstreamFailed: options.upstreamFailed ?? (() => {}),
    targetTurned: options.targetTurned ?? (() => {}),
  };
  let draining = false;
  const common = {
    certificate: options.certificate,
    contextFor: options.contextFor,
    limits,
    trusts: trusted.has,
    serverName,
    unread: (requestId: string, problem: RequestProblem, connection: ClientConnection) => {
      requests++;
      options.log?.(unreadEntry(requestId, problem, connection));
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
      // On one HTTP/2 connection several requests may be under way.
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
      const cutOff = () => {
        for (const listener of listeners) listener.destroy();
        pool.destroy();
      };
      if (graceful <= 0) cutOff();
      else {
        const timer = setTimeout(cutOff, graceful);
        await drained;
        clearTimeout(timer);
        pool.destroy();
      }
      await drained;
    },
  };
}

function unreadEntry(
  requestId: string,
  { status, refusal }: RequestProblem,
  connection: ClientConnection,
): AccessLogEntry {
  return {
    requestId,
    method: '',
    path: '',
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
    tries: 0,
  };
}
