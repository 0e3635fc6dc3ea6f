/**
 * The gate's metrics in Prometheus text format, for `GET /metrics` of the Admin API and of the status listeners. No label
 * holds a value from a client.
 */
import { type Budgets, budgetsOf } from '../src/records/budget.ts';
import { type Family, printFamily } from './metrics/exposition.ts';
import { processFigures } from './metrics/process-figures.ts';
import { type EntityNames, requestsByRoute } from './metrics/requests-by-route.ts';
import type { AccessLogEntry } from './proxy/access-log.ts';

export interface Metrics {
  /** Counts a completed request. */
  count(entry: AccessLogEntry): void;
  /** Counts a code challenge that a client sent before. */
  countReusedChallenge(): void;
  /** Counts a response with an access token. */
  countTokens(grantType: string): void;
  /** Counts a connection or request to an upstream that failed. */
  countUpstreamError(problem: { readonly serviceId: string; readonly kind: string }): void;
  /** Counts an operation that the store could not perform. */
  countStoreError(): void;
  print(current: CurrentFigures): string;
}

/** What other parts know. */
export interface CurrentFigures {
  readonly connections: { readonly active: number; readonly accepted: number };
  readonly lostLogLines: number;
  readonly names: EntityNames;
}

/** Upper bounds in milliseconds. */
const bounds = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

export function metrics(budgets: Budgets = budgetsOf()): Metrics {
  const requests = requestsByRoute();
  const byRefusal = new Map<string, number>();
  const tokensByGrantType = new Map<string, number>();
  const upstreamErrors = new Map<string, Map<string, number>>();
  const ofProcess = processFigures();
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
    value: (budget: { readonly used: number; readonly limit: number; readonly rejected: number }) => number,
  ): Family['samples'] => limited.map(([resource, budget]) => ({ labels: { resource }, value: value(budget) }));
  let reusedChallenges = 0;
  let storeErrors = 0;
  let count = 0;
  let sum = 0;

  function families({ connections, lostLogLines, names }: CurrentFigures): readonly Family[] {
    return [
      {
        name: 'portcullis_requests_total',
        type: 'counter',
        help: 'Requests completed, by service, route and response status. Both are empty where no route matched, and (deleted) or (other) stands for deleted routes and for routes beyond the first 2000.',
        samples: requests.samples(names),
      },
      counter(
        'portcullis_refusals_total',
        'Requests that the gate refused or could not complete, by refusal code.',
        labelled('code', byRefusal),
      ),
      counter(
        'portcullis_tokens_issued_total',
        'Responses with an access token, by grant type.',
        labelled('grant_type', tokensByGrantType),
      ),
      counter(
        'portcullis_code_challenges_reused_total',
        'Authorization requests that reuse a code challenge of the same client.',
        [{ value: reusedChallenges }],
      ),
      counter(
        'portcullis_upstream_errors_total',
        'Requests to an upstream that failed, by service and kind: unresolved, unreachable, closed or malformed. A retry counts as well.',
        [...upstreamErrors].flatMap(([service, byKind]) =>
          [...byKind].map(([kind, value]) => ({
            labels: { service: names('services', service) ?? '(deleted)', kind },
            value,
          })),
        ),
      ),
      counter('portcullis_store_errors_total', 'Operations that the store could not perform.', [
        { value: storeErrors },
      ]),
      counter(
        'portcullis_log_lines_lost_total',
        'Lines of the log that were lost, because it could not be written in time.',
        [{ value: lostLogLines }],
      ),
      counter('portcullis_connections_accepted_total', 'Client connections accepted since the start.', [
        { value: connections.accepted },
      ]),
      {
        name: 'portcullis_connections_active',
        type: 'gauge',
        help: 'Open client connections.',
        samples: [{ value: connections.active }],
      },
      {
        name: 'portcullis_budget_used',
        type: 'gauge',
        help: 'What callers hold of each limited resource.',
        samples: ofBudgets(({ used }) => used),
      },
      {
        name: 'portcullis_budget_limit',
        type: 'gauge',
        help: 'The limit of each resource.',
        samples: ofBudgets(({ limit }) => limit),
      },
      counter(
        'portcullis_budget_rejected_total',
        'How often a caller got a 503 because a resource was used up.',
        ofBudgets(({ rejected }) => rejected),
      ),
      ...ofProcess(),
    ];
  }

  function durations(): string[] {
    const name = 'portcullis_request_duration_milliseconds';
    let under = 0;
    return [
      `# HELP ${name} Time from the request head to the end of the response.`,
      `# TYPE ${name} histogram`,
      ...bounds.map((bound, at) => {
        under += buckets[at]!;
        return `${name}_bucket{le="${bound}"} ${under}`;
      }),
      `${name}_bucket{le="+Inf"} ${count}`,
      `${name}_sum ${sum}`,
      `${name}_count ${count}`,
    ];
  }

  return {
    count({ routeId, serviceId, status, refusal, milliseconds }) {
      requests.count(routeId, serviceId, status);
      // The gate defines the codes (docs/errors.md), so the number of labels is bounded.
      if (refusal !== undefined) add(byRefusal, refusal);
      count++;
      sum += milliseconds;
      let at = 0;
      while (at < bounds.length && milliseconds > bounds[at]!) at++;
      buckets[at]!++;
    },
    countReusedChallenge: () => void reusedChallenges++,
    countTokens: (grantType) => add(tokensByGrantType, grantType),
    countUpstreamError({ serviceId, kind }) {
      const byKind = upstreamErrors.get(serviceId) ?? new Map<string, number>();
      add(byKind, kind);
      upstreamErrors.set(serviceId, byKind);
    },
    countStoreError: () => void storeErrors++,
    print: (current) => [...families(current).flatMap(printFamily), ...durations(), ''].join('\n'),
  };
}

function add(counts: Map<string, number>, label: string): void {
  counts.set(label, (counts.get(label) ?? 0) + 1);
}

const counter = (name: string, help: string, samples: Family['samples']): Family => ({
  name,
  type: 'counter',
  help,
  samples,
});

function labelled(label: string, counts: ReadonlyMap<string, number>): Family['samples'] {
  return [...counts].map(([value, n]) => ({ labels: { [label]: value }, value: n }));
}
