/** What all proxied calls of a gate share, and what they report. */

import type { Networks } from '../../src/address/ip-address.ts';
import type { Snapshot } from '../../src/gateway/snapshot.ts';
import type { AccessLogEntry } from './access-log.ts';
import type { UpstreamPool } from './upstream-pool.ts';

/** What all exchanges have in common. */
export interface ExchangeEnvironment {
  readonly snapshot: () => Snapshot;
  readonly trusted: Networks;
  readonly pool: UpstreamPool;
  readonly limits: ForwardLimits;
  /** The gate's name in `Server`, where it answers itself. */
  readonly serverName: string;
  readonly log: ((entry: AccessLogEntry) => void) | undefined;
  /** Something of ours has failed; the client was told no more than that. */
  readonly failed: (error: unknown, about: { readonly requestId: string; readonly routeId: string }) => void;
  /** An upstream could not be had, for the operator: the client is not told more than that. */
  readonly upstreamFailed: (failure: UpstreamProblem) => void;
  /** Requests have shown that a target is fit no longer, or again. */
  readonly targetTurned: (turned: TurnedTarget) => void;
}

export interface TurnedTarget {
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

/** How long a client may keep us waiting, in milliseconds. How long an upstream may is the service's to say. */
export interface ForwardLimits {
  /** Between two pieces of a request's body. */
  readonly clientBody: number;
  /** Until the client has taken what was sent to it. */
  readonly clientSend: number;
}
