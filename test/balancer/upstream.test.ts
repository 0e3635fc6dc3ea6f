import { expect } from 'chai';
import { targetOf, upstreamOf } from '../../src/balancer/upstream.ts';
import { targetRow, upstreamRow } from './rows.ts';

describe('The rows of upstreams and targets', () => {
  for (const [target, host, port] of [
    ['a.example:8080', 'a.example', 8080],
    ['192.0.2.1:80', '192.0.2.1', 80],
    ['[2001:db8::1]:443', '2001:db8::1', 443],
    ['[2001:db8::1]', '2001:db8::1', 8000],
    ['a.example', 'a.example', 8000],
  ] as const) {
    it(`${target} is ${host}, port ${port}`, () => {
      expect(targetOf(targetRow(target))).to.include({ host, port, name: target });
    });
  }

  it('intervals and timeouts of checks are in seconds', () => {
    const { active } = upstreamOf(
      upstreamRow({}, { active: { timeout: 0.5, healthy: { interval: 2 }, unhealthy: { interval: 0.1 } } }),
    );
    expect([active.timeout, active.healthyInterval, active.unhealthyInterval]).to.deep.equal([500, 2000, 100]);
  });

  it('a probe of type grpc only opens a connection', () => {
    const { active } = upstreamOf(upstreamRow({}, { active: { type: 'grpcs' } }));
    expect([active.type, active.connectionsOnly]).to.deep.equal(['tcp', true]);
  });

  it('there are no checks without a limit or an interval', () => {
    expect(upstreamOf(upstreamRow()).isChecked).to.equal(false);
    expect(upstreamOf(upstreamRow({}, { active: { unhealthy: { interval: 1 } } })).isChecked).to.equal(true);
    expect(upstreamOf(upstreamRow({}, { passive: { unhealthy: { timeouts: 1 } } })).isChecked).to.equal(true);
  });
});
