/** The gate's metrics in Prometheus text format, for `GET /metrics` of the Admin API. No label holds a value from a client. */
import { type Budgets, budgetsOf } from '../src/records/budget.ts';
import type { AccessLogEntry } from './proxy/access-log.ts';

export interface Metrics {
  /** Counts a completed request. */
  count(entry: AccessLogEntry): void;
  /** Counts a code challenge that a client sent before. */
  countReusedChallenge(): void;
  print(connections: { readonly active: number; readonly accepted: number }): string;
}

/** Upper bounds in milliseconds. */
const bounds = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

export function metrics(budgets: Budgets = budgetsOf()): Metrics {
  const byStatus = new Map<number, number>();
  const byRefusal = new Map<string, number>();
  /** Requests per bound, not cumulative; the last place is for those above all bounds. */
  const buckets = [...bounds, Number.POSITIVE_INFINITY].map(() => 0);
  const limited = [
    ['body_bytes', budgets.bodyBytes],
    ['connections', budgets.connections],
    ['connections_per_address', budgets.connectionsPerAddress],
    ['hashes', budgets.hashes],
    ['streams', budgets.streams],
  ] as const;
  const ofBudgets = (
    name: string,
    type: string,
    help: string,
    value: (budget: { readonly used: number; readonly limit: number; readonly rejected: number }) => number,
  ) => family(name, type, help, 'resource', new Map(limited.map(([resource, budget]) => [resource, value(budget)])));
  let reusedChallenges = 0;
  let count = 0;
  let sum = 0;

  return {
    count({ status, refusal, milliseconds }) {
      add(byStatus, status);
      // The gate defines the codes (docs/errors.md), so the number of labels is bounded.
      if (refusal !== undefined) add(byRefusal, refusal);
      count++;
      sum += milliseconds;
      let at = 0;
      while (at < bounds.length && milliseconds > bounds[at]!) at++;
      buckets[at]!++;
    },
    countReusedChallenge: () => void reusedChallenges++,
    print: ({ active, accepted }) =>
      [
        ...family(
          'portcullis_requests_total',
          'counter',
          'Requests completed, by response status.',
          'status',
          byStatus,
        ),
        ...family(
          'portcullis_refusals_total',
          'counter',
          'Requests that the gate refused or could not complete, by refusal code.',
          'code',
          byRefusal,
        ),
        ...single(
          'portcullis_code_challenges_reused_total',
          'counter',
          'Authorization requests that reuse a code challenge of the same client.',
          reusedChallenges,
        ),
        '# HELP portcullis_request_duration_milliseconds Time from the request head to the end of the response.',
        '# TYPE portcullis_request_duration_milliseconds histogram',
        ...bounds.map((bound, at) => {
          const under = buckets.slice(0, at + 1).reduce((total, each) => total + each);
          return `portcullis_request_duration_milliseconds_bucket{le="${bound}"} ${under}`;
        }),
        `portcullis_request_duration_milliseconds_bucket{le="+Inf"} ${count}`,
        `portcullis_request_duration_milliseconds_sum ${sum}`,
        `portcullis_request_duration_milliseconds_count ${count}`,
        ...single(
          'portcullis_connections_accepted_total',
          'counter',
          'Client connections accepted since the start.',
          accepted,
        ),
        ...single('portcullis_connections_active', 'gauge', 'Open client connections.', active),
        ...ofBudgets('portcullis_budget_used', 'gauge', 'What callers hold of each limited resource.', (b) => b.used),
        ...ofBudgets('portcullis_budget_limit', 'gauge', 'The limit of each resource.', (b) => b.limit),
        ...ofBudgets(
          'portcullis_budget_rejected_total',
          'counter',
          'How often a caller got a 503 because a resource was used up.',
          (b) => b.rejected,
        ),
        '',
      ].join('\n'),
  };
}

function add<Label>(counts: Map<Label, number>, label: Label): void {
  counts.set(label, (counts.get(label) ?? 0) + 1);
}

function family(
  name: string,
  type: string,
  help: string,
  label: string,
  counts: ReadonlyMap<string | number, number>,
): string[] {
  const rows = [...counts].sort(([one], [other]) => (one < other ? -1 : 1));
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...rows.map(([key, n]) => `${name}{${label}="${key}"} ${n}`),
  ];
}

function single(name: string, type: string, help: string, value: number): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, `${name} ${value}`];
}
