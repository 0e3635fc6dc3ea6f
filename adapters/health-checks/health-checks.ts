/**
 * Active health checks: the targets of each upstream are probed at its intervals, those that are fit at one, those that
 * are not at the other. The timers follow the configuration: what an operator changes holds from the next probe on.
 */
import type { BalancedTarget, Balancer } from '../../src/balancer/balancer.ts';
import type { Probe } from './probe.ts';

export interface HealthChecks {
  /** From now on these upstreams are checked, and no others. */
  follow(balancers: Iterable<Balancer>): void;
  /** Stops all timers and gives up the probes that are under way. */
  close(): void;
}

/** Calls again and again until it is told to stop. */
export type Every = (milliseconds: number, task: () => void) => () => void;

export const everyInterval: Every = (milliseconds, task) => {
  const timer = setInterval(task, milliseconds).unref();
  return () => clearInterval(timer);
};

export function healthChecks(options: {
  readonly every: Every;
  readonly probe: Probe;
  /** A target is fit no longer, or again. */
  readonly turned: (turned: { readonly upstream: string; readonly target: string; readonly healthy: boolean }) => void;
}): HealthChecks {
  const { every, probe, turned } = options;
  const watches = new Map<string, Watch>();

  function watch(balancer: Balancer): Watch {
    const { healthyInterval, unhealthyInterval } = balancer.upstream.active;
    const givenUp = new AbortController();
    const underWay = new Set<string>();
    const found: Watch = {
      balancer,
      healthyInterval,
      unhealthyInterval,
      stop() {
        for (const stop of timers) stop();
        givenUp.abort();
      },
    };
    const check = async (target: BalancedTarget) => {
      underWay.add(target.name);
      try {
        const outcome = await probe(target, found.balancer.upstream, givenUp.signal);
        // The target may have got another balancer meanwhile; what is known of it is in its state.
        if (outcome === undefined || !found.balancer.report(target, 'active', outcome)) return;
        const healthy = target.state.health.healthy;
        turned({ upstream: found.balancer.upstream.name, target: target.name, healthy });
      } finally {
        underWay.delete(target.name);
      }
    };
    const round = (healthy: boolean) => () => {
      const { targets, upstream } = found.balancer;
      // Those that are still being asked are not asked twice.
      const due = targets.filter(({ name, state }) => state.health.healthy === healthy && !underWay.has(name));
      const next = async () => {
        for (let target = due.shift(); target !== undefined; target = due.shift()) await check(target);
      };
      for (let i = Math.min(upstream.active.concurrency, due.length); i > 0; i--) void next();
    };
    const timers = [
      ...(healthyInterval > 0 ? [every(healthyInterval, round(true))] : []),
      ...(unhealthyInterval > 0 ? [every(unhealthyInterval, round(false))] : []),
    ];
    return found;
  }

  return {
    follow(balancers) {
      const gone = new Set(watches.keys());
      for (const balancer of balancers) {
        const { id, active } = balancer.upstream;
        gone.delete(id);
        const running = watches.get(id);
        const sameTimes =
          running?.healthyInterval === active.healthyInterval && running.unhealthyInterval === active.unhealthyInterval;
        if (running !== undefined && sameTimes) running.balancer = balancer;
        else {
          running?.stop();
          watches.set(id, watch(balancer));
        }
      }
      for (const id of gone) {
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
