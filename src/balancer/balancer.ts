/**
 * Chooses a target for each attempt of a request to a balanced service, and counts the outcomes. A change of an upstream or
 * its targets makes a new balancer. It takes over the state of targets that stay, so that requests that began with the old
 * balancer are still counted.
 *
 * The choice is deterministic: it depends on no clock and no random number.
 */
import { winnerOf } from './consistent-hashing.ts';
import { afterOutcome, healthy, type Outcome, type TargetHealth, unhealthy } from './health.ts';
import type { Target, Upstream } from './upstream.ts';

export interface BalancedTarget extends Target {
  readonly state: TargetState;
}

/** The state of a target that requests change. Only the balancer writes it. */
export interface TargetState {
  health: TargetHealth;
  /** Requests in flight. */
  connections: number;
  /** Moving average of the milliseconds until the head of a response; 0: not known. */
  latency: number;
}

export class Balancer {
  readonly upstream: Upstream;
  /** The targets as their rows have them. */
  readonly members: readonly Target[];
  readonly targets: readonly BalancedTarget[];
  readonly #weight: number;
  /** How far each target is behind its share. */
  readonly #due: number[];

  constructor(upstream: Upstream, targets: readonly Target[], before?: Balancer | undefined) {
    this.upstream = upstream;
    this.members = targets;
    const known = new Map(before?.targets.map((target) => [target.name, target.state]));
    // The health that other rules found does not apply.
    const sameRules = before !== undefined && sameChecks(before.upstream, upstream);
    this.targets = targets.map((target) => {
      const state = known.get(target.name);
      return { ...target, state: sameRules && state !== undefined ? state : newState() };
    });
    this.#weight = targets.reduce((sum, { weight }) => sum + weight, 0);
    this.#due = targets.map(() => 0);
  }

  /** The weight of all targets, and of the healthy ones. */
  get weight(): { readonly total: number; readonly available: number } {
    return { total: this.#weight, available: this.#available() };
  }

  /** Whether the healthy share of the weight reaches the threshold. */
  get isHealthy(): boolean {
    const available = this.#available();
    return available > 0 && (available / this.#weight) * 100 >= this.upstream.threshold;
  }

  /**
   * The target for the next attempt, among the healthy ones; one that was tried before only if there is no other.
   * `undefined`: there is none.
   */
  pick(key: string | undefined, tried: readonly BalancedTarget[]): BalancedTarget | undefined {
    if (!this.isHealthy) return undefined;
    const isUsable = ({ weight, state }: BalancedTarget) => weight > 0 && state.health.healthy;
    const isFresh = (target: BalancedTarget) => isUsable(target) && !tried.includes(target);
    const isCandidate = tried.length > 0 && this.targets.some(isFresh) ? isFresh : isUsable;
    return this.targets[this.#choose(key, (at) => isCandidate(this.targets[at]!))];
  }

  /** Call it when a request to the target begins; `ended` must follow. */
  begun({ state }: BalancedTarget): void {
    state.connections++;
  }

  ended({ state }: BalancedTarget): void {
    state.connections--;
  }

  /** Counts the time until the head of a response. */
  measured({ state }: BalancedTarget, milliseconds: number): void {
    state.latency = state.latency === 0 ? Math.max(milliseconds, 0.1) : state.latency * 0.7 + milliseconds * 0.3;
  }

  /** Counts an outcome. Returns whether the target has become healthy or unhealthy by it. */
  report({ state }: BalancedTarget, by: 'active' | 'passive', outcome: Outcome): boolean {
    const before = state.health;
    state.health = afterOutcome(before, this.upstream[by], outcome);
    return before.healthy !== state.health.healthy;
  }

  /** Sets the health of a target, as an operator asked, until checks change it. */
  set({ state }: BalancedTarget, health: 'healthy' | 'unhealthy'): void {
    state.health = health === 'healthy' ? healthy : unhealthy;
  }

  #available(): number {
    let available = 0;
    for (const { weight, state } of this.targets) if (state.health.healthy) available += weight;
    return available;
  }

  #choose(key: string | undefined, isCandidate: (at: number) => boolean): number {
    switch (this.upstream.algorithm) {
      case 'round-robin':
        return this.#next(isCandidate);
      case 'least-connections':
        return this.#least(isCandidate, ({ weight, state }) => state.connections / weight);
      case 'latency': {
        const chosen = this.#least(
          isCandidate,
          ({ weight, state }) => (state.latency * (state.connections + 1)) / weight,
        );
        // The latency of the others decays, so that a target that has become fast again is tried.
        this.targets.forEach(({ state }, at) => {
          if (at !== chosen) state.latency *= 0.98;
        });
        return chosen;
      }
      case 'consistent-hashing':
        return key === undefined ? this.#next(isCandidate) : winnerOf(key, this.targets, isCandidate);
    }
  }

  /** Of the targets with the smallest load the next in turn, so that one target does not get all requests of an idle upstream. */
  #least(isCandidate: (at: number) => boolean, loadOf: (target: BalancedTarget) => number): number {
    let least = Number.POSITIVE_INFINITY;
    for (let at = 0; at < this.targets.length; at++) {
      if (isCandidate(at)) least = Math.min(least, loadOf(this.targets[at]!));
    }
    return this.#next((at) => isCandidate(at) && loadOf(this.targets[at]!) === least);
  }

  /**
   * Smooth weighted round-robin: each choice adds its weight to every target's due, takes the target with the largest due,
   * and subtracts the total from it. Of n·total choices each target gets exactly n·weight, spread evenly.
   */
  #next(isCandidate: (at: number) => boolean): number {
    let chosen = -1;
    let total = 0;
    for (let at = 0; at < this.targets.length; at++) {
      if (!isCandidate(at)) continue;
      const { weight } = this.targets[at]!;
      total += weight;
      this.#due[at]! += weight;
      if (chosen === -1 || this.#due[at]! > this.#due[chosen]!) chosen = at;
    }
    if (chosen !== -1) this.#due[chosen]! -= total;
    return chosen;
  }
}

function newState(): TargetState {
  return { health: healthy, connections: 0, latency: 0 };
}

/** Whether both have the same checks, in the order that their rows were read. */
function sameChecks(one: Upstream, other: Upstream): boolean {
  return one === other || textOf(one) === textOf(other);
}

function textOf({ active, passive }: Upstream): string {
  return JSON.stringify([active, passive], (_, value) => (value instanceof Set ? [...value] : value));
}
