/** The attempts of one request to a balanced service: each at a target that was not tried yet, while there is one. */
import type { BalancedTarget } from '../../src/balancer/balancer.ts';
import type { Outcome } from '../../src/balancer/health.ts';
import type { HashInput } from '../../src/gateway/hash-input.ts';
import type { Balancing, UpstreamService } from '../../src/gateway/snapshot.ts';
import type { TargetHealthChange } from './environment.ts';

export class BalancedCall {
  readonly #balancing: Balancing;
  readonly #hash: HashInput;
  readonly #tried: BalancedTarget[] = [];
  /** The target of the current attempt. */
  #target: BalancedTarget | undefined;

  constructor(balancing: Balancing, hash: HashInput) {
    this.#balancing = balancing;
    this.#hash = hash;
  }

  /** The value of Host for targets; `undefined`: their own. */
  get hostHeader(): string | undefined {
    return this.#balancing.balancer.upstream.hostHeader;
  }

  /** The cookie that keeps a client at its target. */
  get setCookie(): string | undefined {
    return this.#hash.setCookie;
  }

  /** The service with the target of the next attempt. `undefined`: no target is healthy. */
  choose(): UpstreamService | undefined {
    const { balancer } = this.#balancing;
    this.leave();
    const target = balancer.pick(this.#hash.key, this.#tried);
    if (target === undefined) return undefined;
    this.#tried.push(target);
    this.#target = target;
    balancer.begun(target);
    return this.#balancing.at(target);
  }

  leave(): void {
    if (this.#target === undefined) return;
    this.#balancing.balancer.ended(this.#target);
    this.#target = undefined;
  }

  /** The outcome of an attempt is a passive health check. Returns the change that it makes, if it makes one. */
  report(outcome: Outcome, latency: number): TargetHealthChange | undefined {
    const target = this.#target;
    if (target === undefined) return undefined;
    const { balancer } = this.#balancing;
    if (outcome.outcome === 'responded') balancer.measured(target, latency);
    if (!balancer.report(target, 'passive', outcome)) return undefined;
    return { upstream: balancer.upstream.name, target: target.name, healthy: target.state.health.healthy };
  }
}
