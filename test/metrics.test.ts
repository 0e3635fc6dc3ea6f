import { expect } from 'chai';
import { requestsByRoute } from '../adapters/metrics/requests-by-route.ts';
import { type CurrentFigures, metrics } from '../adapters/metrics.ts';
import type { AccessLogEntry } from '../adapters/proxy/access-log.ts';

const current: CurrentFigures = {
  connections: { active: 2, accepted: 5 },
  lostLogLines: 7,
  names: (_, id) => ({ 'route-1': 'orders "v2"', 'route-2': 'route-2', 'service-1': 'shop' })[id],
};

describe('The metrics', () => {
  const request = (milliseconds: number, status = 200, refusal?: AccessLogEntry['refusal']) =>
    ({ status, refusal, milliseconds }) as AccessLogEntry;
  const printed = (...requests: readonly AccessLogEntry[]) => {
    const counted = metrics();
    for (const each of requests) counted.count(each);
    return counted.print(current).split('\n');
  };

  it('have a HELP and a TYPE line before the samples of each family, and each series once', () => {
    const counted = metrics();
    counted.count({ ...request(1), routeId: 'route-1', serviceId: 'service-1' });
    counted.countTokens('password');
    counted.countUpstreamError({ serviceId: 'service-1', kind: 'closed' });
    const text = counted.print(current);
    expect(text.endsWith('\n')).to.equal(true);
    let family = '';
    const series = new Set<string>();
    for (const line of text.trimEnd().split('\n')) {
      const [, help] = /^# HELP (\S+) \S/.exec(line) ?? [];
      if (help !== undefined) family = help;
      else if (line.startsWith('#')) expect(line).to.match(new RegExp(`^# TYPE ${family} (counter|gauge|histogram)$`));
      else {
        const [, name, sample] = /^((\w+)(?:\{(?:\w+="(?:[^"\\]|\\[\\"n])*",?)+\})?) [\d.e+-]+$/.exec(line) ?? [];
        expect(sample, line).to.match(new RegExp(`^${family}(_bucket|_sum|_count)?$`));
        expect(series.has(name!), line).to.equal(false);
        series.add(name!);
      }
    }
    expect(series.size).to.be.greaterThan(25);
  });

  it('count requests by service, route and status, and refusals by code', () => {
    const lines = printed(
      { ...request(1), routeId: 'route-1', serviceId: 'service-1' },
      { ...request(1), routeId: 'route-1', serviceId: 'service-1' },
      { ...request(1, 502), routeId: 'route-2', serviceId: undefined },
      request(1, 401, 'token_missing'),
    );
    expect(lines).to.include('portcullis_requests_total{service="shop",route="orders \\"v2\\"",status="200"} 2');
    expect(lines).to.include('portcullis_requests_total{service="",route="route-2",status="502"} 1');
    expect(lines).to.include('portcullis_requests_total{service="",route="",status="401"} 1');
    expect(lines).to.include('portcullis_refusals_total{code="token_missing"} 1');
    expect(lines).to.include('portcullis_connections_active 2');
    expect(lines).to.include('portcullis_connections_accepted_total 5');
    expect(lines).to.include('portcullis_log_lines_lost_total 7');
  });

  it('count tokens by grant type, upstream errors by service and kind, and store errors', () => {
    const counted = metrics();
    for (const grantType of ['client_credentials', 'client_credentials', 'refresh_token'])
      counted.countTokens(grantType);
    for (const serviceId of ['service-1', 'service-1', 'gone-1', 'gone-2']) {
      counted.countUpstreamError({ serviceId, kind: 'unreachable' });
    }
    counted.countStoreError();
    const lines = counted.print(current).split('\n');
    expect(lines).to.include('portcullis_tokens_issued_total{grant_type="client_credentials"} 2');
    expect(lines).to.include('portcullis_tokens_issued_total{grant_type="refresh_token"} 1');
    expect(lines).to.include('portcullis_upstream_errors_total{service="shop",kind="unreachable"} 2');
    expect(lines).to.include('portcullis_upstream_errors_total{service="(deleted)",kind="unreachable"} 2');
    expect(lines).to.include('portcullis_store_errors_total 1');
  });

  it('show what the process uses', () => {
    const figures = new Map(printed().map((line) => line.split(' ') as [string, string]));
    const of = (name: string) => Number(figures.get(name));
    expect(of('process_cpu_seconds_total')).to.be.greaterThan(0);
    expect(of('process_resident_memory_bytes')).to.be.greaterThan(10_000_000);
    if (process.platform === 'linux') expect(of('process_open_fds')).to.be.greaterThan(2);
    expect(of('process_start_time_seconds')).to.be.within(1_600_000_000, Date.now() / 1000);
    expect(of('nodejs_eventloop_lag_p99_seconds')).to.be.at.least(0);
    expect(of('nodejs_eventloop_lag_max_seconds')).to.be.at.least(0);
  });

  it('count the requests that took at most each bound', () => {
    const lines = printed(request(0), request(5), request(6), request(10_000), request(10_001));
    const under = (bound: string) => `portcullis_request_duration_milliseconds_bucket{le="${bound}"}`;
    for (const [bound, count] of [
      ['5', 2],
      ['10', 3],
      ['5000', 3],
      ['10000', 4],
      ['+Inf', 5],
    ] as const) {
      expect(lines).to.include(`${under(bound)} ${count}`);
    }
    expect(lines).to.include('portcullis_request_duration_milliseconds_sum 20012');
    expect(lines).to.include('portcullis_request_duration_milliseconds_count 5');
  });
});

describe('The requests by route', () => {
  const labelsOf = (counted: ReturnType<typeof requestsByRoute>, names: CurrentFigures['names']) =>
    Object.fromEntries(counted.samples(names).map(({ labels, value }) => [labels['route'], value]));

  it('have labels of their own for a limited number of routes; the others are added up', () => {
    const counted = requestsByRoute(2);
    for (const route of ['a', 'b', 'c', 'd', 'a', undefined]) counted.count(route, 's', 200);
    expect(labelsOf(counted, (_, id) => id)).to.deep.equal({ a: 2, b: 1, '(other)': 2, '': 1 });
  });

  it('are added up for deleted routes, which make room for new ones', () => {
    const counted = requestsByRoute(2);
    for (const route of ['a', 'b', 'b']) counted.count(route, 's', 200);
    const onlyA = (_: unknown, id: string) => (id === 'b' ? undefined : id);
    expect(labelsOf(counted, onlyA)).to.deep.equal({ a: 1, '(deleted)': 2 });
    counted.count('c', 's', 200);
    counted.count('b', 's', 200);
    expect(labelsOf(counted, onlyA)).to.deep.equal({ a: 1, c: 1, '(deleted)': 2, '(other)': 1 });
  });
});
