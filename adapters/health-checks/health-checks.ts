/**
 * Active health checks: probes the targets of each upstream, healthy ones at one interval and unhealthy ones at another.
 * The timers follow the configuration: a change applies from the next probe on.
 */
import type { BalancedTarget, Balancer } from '../../src/balancer/balancer.ts';
import type { Probe } from './probe.ts';

export interface HealthChecks {
  /** Checks these upstreams from now on, and no others. */
  follow(balancers: Iterable<Balancer>): void;
  /** Stops all timers and aborts running probes. */
  close(): void;
}

/** Runs a task at an interval. Returns a function that stops it. */
export type Every = (milliseconds: number, task: () => void) => () => void;

export const everyInterval: Every = (milliseconds, task) => {
  const timer = setInterval(task, milliseconds).unref();
  return () => clearInterval(timer);
};

export function healthChecks(options: {
  readonly every: Every;
  readonly probe: Probe;
  /** A target became unhealthy, or healthy again. */
  readonly healthChanged: (change: {
    readonly upstream: string;
    readonly target: string;
    readonly healthy: boolean;
  }) => void;
}): HealthChecks {
  const { every, probe, healthChanged } = options;
  const watches = new Map<string, Watch>();

  function watch(balancer: Balancer): Watch {
    const { healthyInterval, unhealthyInterval } = balancer.upstream.active;
    const aborting = new AbortController();
    const running = new Set<string>();
    const watched: Watch = {
      balancer,
      healthyInterval,
      unhealthyInterval,
      stop() {
        for (const stop of timers) stop();
        aborting.abort();
      },
    };
    const check = async (target: BalancedTarget) => {
      running.add(target.name);
      try {
        const outcome = await probe(target, watched.balancer.upstream, aborting.signal);
        // The target may belong to another balancer by now. Its health is in its state, which both share.
        if (outcome === undefined || !watched.balancer.report(target, 'active', outcome)) return;
        const healthy = target.state.health.healthy;
        healthChanged({ upstream: watched.balancer.upstream.name, target: target.name, healthy });
      } finally {
        running.delete(target.name);
      }
    };
    const round = (healthy: boolean) => () => {
      const { targets, upstream } = watched.balancer;
      // A target whose probe is still running is not probed again.
      const due = targets.filter(({ name, state }) => state.health.healthy === healthy && !running.has(name));
      const next = async () => {
        for (let target = due.shift(); target !== undefined; target = due.shift()) await check(target);
      };
      for (let i = Math.min(upstream.active.concurrency, due.length); i > 0; i--) void next();
    };
    const timers = [
      ...(healthyInterval > 0 ? [every(healthyInterval, round(true))] : []),
      ...(unhealthyInterval > 0 ? [every(unhealthyInterval, round(false))] : []),
    ];
    return watched;
  }

  return {
    follow(balancers) {
      const removed = new Set(watches.keys());
      for (const balancer of balancers) {
        const { id, active } = balancer.upstream;
        removed.delete(id);
        const present = watches.get(id);
        const sameTimes =
          present?.healthyInterval === active.healthyInterval && present.unhealthyInterval === active.unhealthyInterval;
        if (present !== undefined && sameTimes) present.balancer = balancer;
        else {
          present?.stop();
          watches.set(id, watch(balancer));
        }
      }
      for (const id of removed) {
        watches.get(id)!.stop();
        watches.delete(id);
      }
    },
    close() {
      for (const { stop } of watches.values()) stop();
      watches.clear();
    },
  };
}

interface Watch {
  balancer: Balancer;
  readonly healthyInterval: number;
  readonly unhealthyInterval: number;
  stop(): void;
}
