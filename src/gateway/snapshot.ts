import type { BalancedTarget, Balancer } from '../balancer/balancer.ts';
import type { PathCaptures } from '../routing/criteria.ts';
import type { PluginHooks } from './plugin.ts';
import type { DirectResponse, ProxiedRequest } from './proxied-request.ts';

/**
 * What an operator wrote, compiled: immutable, complete, and all that a request ever looks at. A change makes a new one;
 * requests in flight keep the one they started with.
 */
export interface Snapshot {
  /** The route of a request with everything that is to happen to it, or the answer that says why there is none. */
  match(request: ProxiedRequest): Match | DirectResponse;
  /** Who chooses among the targets of an upstream, by the upstream's id. */
  readonly balancers?: ReadonlyMap<string, Balancer> | undefined;
}

export interface Match {
  readonly routeId: string;
  /** `undefined`: a route without a service. Its plugins run, then the gate answers 503. */
  readonly service: UpstreamService | undefined;
  /** The request's path after normalisation, percent-encoded, without query. */
  readonly path: string;
  /** Path and query for the upstream: prefix stripped, the service's path put before. */
  readonly upstreamTarget: string;
  /** What `strip_path` took away, for X-Forwarded-Prefix; `undefined` when nothing was. */
  readonly strippedPrefix: string | undefined;
  /** Send the client's Host upstream (`preserve_host`) instead of the service's. */
  readonly preserveHost: boolean;
  /** In the order they run. */
  readonly hooks: readonly PluginHooks[];
  /** Whether any of the plugins says who the caller is. */
  readonly authenticates: boolean;
  /** What the groups of the path's regex took; `undefined` when it has none, or the path was matched by a prefix. */
  readonly captures?: (() => PathCaptures) | undefined;
}

/** Where a service lives, and how patiently it is spoken to (Kong's service entity; times in milliseconds). */
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
  /** Ids of the authorities that its certificate is verified by; left out: those the gate has anyway. */
  readonly caCertificates?: readonly string[];
  /** Id of the certificate that the gate shows it. */
  readonly clientCertificate?: string;
  /** Where `host` is the name of an upstream: neither host nor port are called, but one of its targets. */
  readonly balancing?: Balancing | undefined;
}

export interface Balancing {
  readonly balancer: Balancer;
  /** The service as it is spoken to at this target; each time the same object. */
  at(target: BalancedTarget): UpstreamService;
}
