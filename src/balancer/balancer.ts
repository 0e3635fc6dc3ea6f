/**
 * Chooses a target for each try of a request to a balanced service, and hears what came of it. Made anew when an
 * upstream or its targets change; what is known of a target that stays, its health and its load, goes over to the new
 * one, so requests that were begun with the old one are still counted.
 *
 * Equal calls in equal order make equal choices: nothing is drawn by chance, no time is looked at.
 */
import { winnerOf } from './consistent-hashing.ts';
import { afterOutcome, healthy, type Outcome, type TargetHealth, unhealthy } from './health.ts';
import type { Target, Upstream } from './upstream.ts';

export interface BalancedTarget extends Target {
  readonly state: TargetState;
}

/** What changes while requests go by. Only the balancer writes it. */
export interface TargetState {
  health: TargetHealth;
  /** Requests under way. */
  connections: number;
  /** Milliseconds until the head of an answer, on a moving average; 0: not known. */
  latency: number;
}

export class Balancer {
  readonly upstream: Upstream;
  /** As their rows have them. */
  readonly members: readonly Target[];
  readonly targets: readonly BalancedTarget[];
  readonly #weight: number;
  /** How far behind its share each target is. */
  readonly #due: number[];

  constructor(upstream: Upstream, targets: readonly Target[], before?: Balancer | undefined) {
    this.upstream = upstream;
    this.members = targets;
    const known = new Map(before?.targets.map((target) => [target.name, target.state]));
    // What other rules have found says nothing.
    const sameRules = before !== undefined && sameChecks(before.upstream, upstream);
    this.targets = targets.map((target) => {
      const state = known.get(target.name);
      return { ...target, state: sameRules && state !== undefined ? state : newState() };
    });
    this.#weight = targets.reduce((sum, { weight }) => sum + weight, 0);
    this.#due = targets.map(() => 0);
  }

  /** The weight of all targets, and of those that are fit. */
  get weight(): { readonly total: number; readonly available: number } {
    return { total: this.#weight, available: this.#available() };
  }

  /** Whether enough of the weight is fit to be called. */
  get isHealthy(): boolean {
    const available = this.#available();
    return available > 0 && (available / this.#weight) * 100 >= this.upstream.threshold;
  }

  /**
   * The target for the next try, among those that are fit; one that was tried before only where there is no other.
   * `undefined`: none can be called.
   */
  pick(key: string | undefined, tried: readonly BalancedTarget[]): BalancedTarget | undefined {
    if (!this.isHealthy) return undefined;
    const isFit = ({ weight, state }: BalancedTarget) => weight > 0 && state.health.healthy;
    const isFresh = (target: BalancedTarget) => isFit(target) && !tried.includes(target);
    const mayBe = tried.length > 0 && this.targets.some(isFresh) ? isFresh : isFit;
    return this.targets[this.#choose(key, (at) => mayBe(this.targets[at]!))];
  }

  /** A request is on its way to the target; `ended` must follow. */
  begun({ state }: BalancedTarget): void {
    state.connections++;
  }

  ended({ state }: BalancedTarget): void {
    state.connections--;
  }

  /** The head of an answer took that long. */
  measured({ state }: BalancedTarget, milliseconds: number): void {
    state.latency = state.latency === 0 ? Math.max(milliseconds, 0.1) : state.latency * 0.7 + milliseconds * 0.3;
  }

  /** Takes note of an outcome. True: the target is no longer what it was, healthy or not. */
  report({ state }: BalancedTarget, by: 'active' | 'passive', outcome: Outcome): boolean {
    const before = state.health;
    state.health = afterOutcome(before, this.upstream[by], outcome);
    return before.healthy !== state.health.healthy;
  }

  /** As an operator says, until checks find otherwise. */
  set({ state }: BalancedTarget, health: 'healthy' | 'unhealthy'): void {
    state.health = health === 'healthy' ? healthy : unhealthy;
  }

  #available(): number {
    let available = 0;
    for (const { weight, state } of this.targets) if (state.health.healthy) available += weight;
    return available;
  }

  #choose(key: string | undefined, mayBe: (at: number) => boolean): number {
    switch (this.upstream.algorithm) {
      case 'round-robin':
        return this.#next(mayBe);
      case 'least-connections':
        return this.#least(mayBe, ({ weight, state }) => state.connections / weight);
      case 'latency': {
        const chosen = this.#least(mayBe, ({ weight, state }) => (state.latency * (state.connections + 1)) / weight);
        // Who is passed over is forgiven little by little, or nobody would learn that it has become quick again.
        this.targets.forEach(({ state }, at) => {
          if (at !== chosen) state.latency *= 0.98;
        });
        return chosen;
      }
      case 'consistent-hashing':
        return key === undefined ? this.#next(mayBe) : winnerOf(key, this.targets, mayBe);
    }
  }

  /** Of those with the smallest load the next in turn, so that an idle upstream is not all one target's. */
  #least(mayBe: (at: number) => boolean, loadOf: (target: BalancedTarget) => number): number {
    let least = Number.POSITIVE_INFINITY;
    for (let at = 0; at < this.targets.length; at++) {
      if (mayBe(at)) least = Math.min(least, loadOf(this.targets[at]!));
    }
    return this.#next((at) => mayBe(at) && loadOf(this.targets[at]!) === least);
  }

  /**
   * Smooth weighted round-robin: all become due by their weights, the one most due is taken and pays for all. Of n·total
   * choices each target has exactly n·weight, spread evenly.
   */
  #next(mayBe: (at: number) => boolean): number {
    let chosen = -1;
    let total = 0;
    for (let at = 0; at < this.targets.length; at++) {
      if (!mayBe(at)) continue;
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

/** Compared as their rows were read: sets and numbers, in the order of reading. */
function sameChecks(one: Upstream, other: Upstream): boolean {
  return one === other || textOf(one) === textOf(other);
}

function textOf({ active, passive }: Upstream): string {
  return JSON.stringify([active, passive], (_, value) => (value instanceof Set ? [...value] : value));
}
