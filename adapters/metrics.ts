/** What the gate counts, in Prometheus' text format, for `GET /metrics` of the Admin API. No label holds what a client sent. */
import type { AccessLogEntry } from './proxy/access-log.ts';

export interface Metrics {
  /** One request is over. */
  count(entry: AccessLogEntry): void;
  /** A client has sent a code challenge again. */
  countReusedChallenge(): void;
  print(connections: { readonly active: number; readonly accepted: number }): string;
}

/** Upper bounds in milliseconds. */
const bounds = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

export function metrics(): Metrics {
  const byStatus = new Map<number, number>();
  const byRefusal = new Map<string, number>();
  /** How many fit under each bound and under none before; the last place is for what fits under none. */
  const buckets = [...bounds, Number.POSITIVE_INFINITY].map(() => 0);
  let reusedChallenges = 0;
  let count = 0;
  let sum = 0;

  return {
    count({ status, refusal, milliseconds }) {
      add(byStatus, status);
      // The codes are ours (docs/errors.md), so that there is an end to the labels.
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
        ...family('portcullis_requests_total', 'counter', 'Requests answered, by status.', 'status', byStatus),
        ...family('portcullis_refusals_total', 'counter', 'Requests refused by the gate, by code.', 'code', byRefusal),
        ...single(
          'portcullis_code_challenges_reused_total',
          'counter',
          'Authorization requests with a code challenge that the same client had sent before.',
          reusedChallenges,
        ),
        '# HELP portcullis_request_duration_milliseconds From the head of a request to the end of its answer.',
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
          'Connections of clients since the start.',
          accepted,
        ),
        ...single('portcullis_connections_active', 'gauge', 'Connections of clients now.', active),
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
