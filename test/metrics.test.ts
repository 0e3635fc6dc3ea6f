import { expect } from 'chai';
import { metrics } from '../adapters/metrics.ts';
import type { AccessLogEntry } from '../adapters/proxy/access-log.ts';

describe('The metrics', () => {
  const request = (milliseconds: number, status = 200, refusal?: AccessLogEntry['refusal']) =>
    ({ status, refusal, milliseconds }) as AccessLogEntry;
  const printed = (...requests: readonly AccessLogEntry[]) => {
    const counted = metrics();
    for (const each of requests) counted.count(each);
    return counted.print({ active: 2, accepted: 5 }).split('\n');
  };

  it('count requests by status and refusals by code', () => {
    const lines = printed(request(1), request(1), request(1, 401, 'token_missing'));
    expect(lines).to.include('portcullis_requests_total{status="200"} 2');
    expect(lines).to.include('portcullis_requests_total{status="401"} 1');
    expect(lines).to.include('portcullis_refusals_total{code="token_missing"} 1');
    expect(lines).to.include('portcullis_connections_active 2');
    expect(lines).to.include('portcullis_connections_accepted_total 5');
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
