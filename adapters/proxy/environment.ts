/** What all proxied requests of a gate share, and what they report. */

import type { Networks } from '../../src/address/ip-address.ts';
import type { RealIp } from '../../src/gateway/forwarded.ts';
import type { GateHeaders } from '../../src/gateway/gate-headers.ts';
import type { Snapshot } from '../../src/gateway/snapshot.ts';
import type { Budget } from '../../src/records/budget.ts';
import type { UpstreamPool } from '../upstream/pool.ts';
import type { AccessLogEntry } from './access-log.ts';

/** Shared by all exchanges. */
export interface ExchangeEnvironment {
  readonly snapshot: () => Snapshot;
  readonly trusted: Networks;
  readonly realIp: RealIp;
  /** A trusted proxy names its client only in X-Forwarded-For. */
  readonly forwardedForIgnored: () => void;
  readonly pool: UpstreamPool;
  /** For request bodies that are kept after they were sent, for a retry. Beyond it, requests are not sent again. */
  readonly sentBodies: Budget;
  readonly limits: ForwardLimits;
  /** The value of `Server` in responses of the gate itself. */
  readonly serverName: string;
  /** Which fields the gate adds to responses. */
  readonly headers: GateHeaders;
  readonly log: ((entry: AccessLogEntry) => void) | undefined;
  /** Logs an internal error. The client gets only a 500 or 503. */
  readonly failed: (error: unknown, about: { readonly requestId: string; readonly routeId: string }) => void;
  /** Logs why a request to an upstream failed. The client gets only a 502 or 503. */
  readonly upstreamFailed: (failure: UpstreamProblem) => void;
  /** Requests have shown that a target became unhealthy, or healthy again. */
  readonly targetHealthChanged: (change: TargetHealthChange) => void;
}

export interface TargetHealthChange {
  /** Its name. */
  readonly upstream: string;
  /** `host:port` */
  readonly target: string;
  readonly healthy: boolean;
}

export interface UpstreamProblem {
  readonly requestId: string;
  readonly serviceId: string;
  readonly host: string;
  readonly port: number;
  readonly kind: 'unresolved' | 'unreachable' | 'closed' | 'malformed';
  /** The code of the error, or a few words. */
  readonly cause: string;
}

/** Time limits for clients, in milliseconds. Those for upstreams are properties of the service. */
export interface ForwardLimits {
  /** Between two pieces of a request's body. */
  readonly clientBody: number;
  /** Until the client has read what was sent to it. */
  readonly clientSend: number;
}
