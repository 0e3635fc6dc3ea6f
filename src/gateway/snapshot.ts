import type { BalancedTarget, Balancer } from '../balancer/balancer.ts';
import type { PathCaptures } from '../routing/criteria.ts';
import type { MatchedRows, PluginHooks } from './plugin.ts';
import type { DirectResponse, ProxiedRequest } from './proxied-request.ts';

/**
 * The active configuration, compiled: immutable, complete, and the only configuration that a request reads. A change makes
 * a new snapshot; requests in flight keep the one that they started with.
 */
export interface Snapshot {
  /** The route of a request with all that it needs, or the error response if there is none. */
  match(request: ProxiedRequest): Match | DirectResponse;
  /** The balancers of upstreams, by the upstream's id. */
  readonly balancers?: ReadonlyMap<string, Balancer> | undefined;
}

export interface Match {
  readonly routeId: string;
  /** The rows of the route and the service; `undefined` only in tests. */
  readonly rows?: MatchedRows | undefined;
  /** `undefined`: a route without a service. Its plugins run, then the gate responds with 503. */
  readonly service: UpstreamService | undefined;
  /** The request's path after normalisation, percent-encoded, without query. */
  readonly path: string;
  /** Path and query for the upstream: prefix stripped, the service's path in front. */
  readonly upstreamTarget: string;
  /** The prefix that `strip_path` removed, for X-Forwarded-Prefix; `undefined` if none. */
  readonly strippedPrefix: string | undefined;
  /** Send the client's Host upstream (`preserve_host`) instead of the service's. */
  readonly preserveHost: boolean;
  /** Read a body without a length as a whole, and send it with its length (`request_buffering`). */
  readonly requestBuffering?: boolean;
  /** In the order that they run. */
  readonly hooks: readonly PluginHooks[];
  /** Whether one of the plugins authenticates the caller. */
  readonly authenticates: boolean;
  /** The groups of the path's regex; `undefined` if it has none, or a prefix matched the path. */
  readonly captures?: (() => PathCaptures) | undefined;
}

/** The address of a service, its timeouts (in milliseconds) and TLS settings (Kong's service entity). */
export interface UpstreamService {
  readonly id: string;
  readonly name: string | undefined;
  readonly protocol: 'http' | 'https' | 'grpc' | 'grpcs' | 'ws' | 'wss' | 'tcp' | 'tls';
  readonly host: string;
  readonly port: number;
  readonly retries: number;
  readonly connectTimeout: number;
  readonly writeTimeout: number;
  readonly readTimeout: number;
  /** `undefined`: the gate's own default. */
  readonly tlsVerify: boolean | undefined;
  /** Ids of the CA certificates that verify it. Left out: the CA certificates of the gate. */
  readonly caCertificates?: readonly string[];
  /** Id of the client certificate that the gate presents to it. */
  readonly clientCertificate?: string;
  /** Set if `host` is the name of an upstream: requests go to its targets instead of `host` and `port`. */
  readonly balancing?: Balancing | undefined;
}

export interface Balancing {
  readonly balancer: Balancer;
  /** The service at this target; the same object each time. */
  at(target: BalancedTarget): UpstreamService;
}
