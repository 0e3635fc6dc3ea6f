/**
 * Whether a target is fit to be called: a value, and what each outcome makes of it. Failures of one kind count until a
 * success, successes until a failure; whichever count reaches its limit first turns the target. A limit of 0 switches
 * its count off. Checks of either kind, active and passive, write into the same counts (Kong).
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

/** What came of one call of a target, whether a request or a probe. */
export type Outcome =
  | { readonly outcome: 'answered'; readonly status: number }
  /** A probe that only asks for a connection has got it. */
  | { readonly outcome: 'connected' }
  | { readonly outcome: 'malformed' }
  | { readonly outcome: 'tcpFailure' }
  | { readonly outcome: 'timeout' };

/** One of the two sets of rules an upstream has. */
export interface HealthRules {
  /** Only connections count; statuses say nothing. */
  readonly connectionsOnly: boolean;
  readonly healthyStatuses: ReadonlySet<number>;
  readonly unhealthyStatuses: ReadonlySet<number>;
  readonly successes: number;
  readonly httpFailures: number;
  readonly tcpFailures: number;
  readonly timeouts: number;
}

/** As a target begins, and as an operator puts it. */
export const healthy: TargetHealth = { healthy: true, successes: 0, httpFailures: 0, tcpFailures: 0, timeouts: 0 };
export const unhealthy: TargetHealth = { ...healthy, healthy: false };

export function afterOutcome(before: TargetHealth, rules: HealthRules, outcome: Outcome): TargetHealth {
  const said = meaningOf(rules, outcome);
  if (said === undefined || rules[said] === 0) return before;
  if (said === 'successes') {
    if (isSettled(before)) return before;
    const successes = before.successes + 1;
    if (successes >= rules.successes) return healthy;
    return { ...healthy, healthy: before.healthy, successes };
  }
  const failed: TargetHealth = { ...before, successes: 0, [said]: before[said] + 1 };
  if (!before.healthy) return before.successes === 0 ? before : unhealthy;
  return failed[said] >= rules[said] ? unhealthy : failed;
}

/** Nothing speaks against it. */
function isSettled({ healthy, httpFailures, tcpFailures, timeouts }: TargetHealth): boolean {
  return healthy && httpFailures === 0 && tcpFailures === 0 && timeouts === 0;
}

type Count = 'successes' | 'httpFailures' | 'tcpFailures' | 'timeouts';

/** Which count an outcome goes to; a status that stands in neither list says nothing. */
function meaningOf(rules: HealthRules, outcome: Outcome): Count | undefined {
  switch (outcome.outcome) {
    case 'connected':
      return 'successes';
    case 'tcpFailure':
      return 'tcpFailures';
    case 'timeout':
      return 'timeouts';
    case 'malformed':
      return rules.connectionsOnly ? 'successes' : 'httpFailures';
    case 'answered':
      if (rules.connectionsOnly || rules.healthyStatuses.has(outcome.status)) return 'successes';
      return rules.unhealthyStatuses.has(outcome.status) ? 'httpFailures' : undefined;
  }
}
