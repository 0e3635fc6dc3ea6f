/**
 * The health of a target as a value, and how outcomes change it. A success resets the counts of failures, a failure the count
 * of successes. The count that reaches its limit changes the health. A limit of 0 switches its count off. Active and passive
 * checks share the counts (Kong).
 *
 *   healthy ──▶ http_failures, tcp_failures or timeouts in a row ──▶ unhealthy
 *      ▲────────────────── successes in a row ─────────────────────────┘
 */

export interface TargetHealth {
  readonly healthy: boolean;
  readonly successes: number;
  readonly httpFailures: number;
  readonly tcpFailures: number;
  readonly timeouts: number;
}

/** The outcome of one request or probe to a target. */
export type Outcome =
  | { readonly outcome: 'responded'; readonly status: number }
  /** A probe that only opens a connection succeeded. */
  | { readonly outcome: 'connected' }
  | { readonly outcome: 'malformed' }
  | { readonly outcome: 'tcpFailure' }
  | { readonly outcome: 'timeout' };

/** The rules of active or of passive checks. */
export interface HealthRules {
  /** Only connections count, not statuses. */
  readonly connectionsOnly: boolean;
  readonly healthyStatuses: ReadonlySet<number>;
  readonly unhealthyStatuses: ReadonlySet<number>;
  readonly successes: number;
  readonly httpFailures: number;
  readonly tcpFailures: number;
  readonly timeouts: number;
}

/** The state of a new target, and of one that an operator set. */
export const healthy: TargetHealth = { healthy: true, successes: 0, httpFailures: 0, tcpFailures: 0, timeouts: 0 };
export const unhealthy: TargetHealth = { ...healthy, healthy: false };

export function afterOutcome(before: TargetHealth, rules: HealthRules, outcome: Outcome): TargetHealth {
  const count = countOf(rules, outcome);
  if (count === undefined || rules[count] === 0) return before;
  if (count === 'successes') {
    if (isSettled(before)) return before;
    const successes = before.successes + 1;
    if (successes >= rules.successes) return healthy;
    return { ...healthy, healthy: before.healthy, successes };
  }
  const failed: TargetHealth = { ...before, successes: 0, [count]: before[count] + 1 };
  if (!before.healthy) return before.successes === 0 ? before : unhealthy;
  return failed[count] >= rules[count] ? unhealthy : failed;
}

/** Healthy, and without counted failures. */
function isSettled({ healthy, httpFailures, tcpFailures, timeouts }: TargetHealth): boolean {
  return healthy && httpFailures === 0 && tcpFailures === 0 && timeouts === 0;
}

type Count = 'successes' | 'httpFailures' | 'tcpFailures' | 'timeouts';

/** The count that an outcome adds to; a status in neither list adds to none. */
function countOf(rules: HealthRules, outcome: Outcome): Count | undefined {
  switch (outcome.outcome) {
    case 'connected':
      return 'successes';
    case 'tcpFailure':
      return 'tcpFailures';
    case 'timeout':
      return 'timeouts';
    case 'malformed':
      return rules.connectionsOnly ? 'successes' : 'httpFailures';
    case 'responded':
      if (rules.connectionsOnly || rules.healthyStatuses.has(outcome.status)) return 'successes';
      return rules.unhealthyStatuses.has(outcome.status) ? 'httpFailures' : undefined;
  }
}
