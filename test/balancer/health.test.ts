import { expect } from 'chai';
import fc from 'fast-check';
import {
  afterOutcome,
  type HealthRules,
  healthy,
  type Outcome,
  type TargetHealth,
  unhealthy,
} from '../../src/balancer/health.ts';

const rules: HealthRules = {
  connectionsOnly: false,
  healthyStatuses: new Set([200]),
  unhealthyStatuses: new Set([500]),
  successes: 2,
  httpFailures: 3,
  tcpFailures: 2,
  timeouts: 1,
};
const good: Outcome = { outcome: 'responded', status: 200 };
const bad: Outcome = { outcome: 'responded', status: 500 };
const other: Outcome = { outcome: 'responded', status: 404 };
const refused: Outcome = { outcome: 'tcpFailure' };
const late: Outcome = { outcome: 'timeout' };
const garbled: Outcome = { outcome: 'malformed' };
const connected: Outcome = { outcome: 'connected' };

const healthAfter = (
  outcomes: readonly Outcome[],
  from: TargetHealth = healthy,
  by: HealthRules = rules,
): TargetHealth => outcomes.reduce((health, outcome) => afterOutcome(health, by, outcome), from);

describe('The health of a target', () => {
  it('a new target is healthy', () => {
    expect(healthy.healthy).to.equal(true);
  });

  it('each kind of failure has its own count and limit', () => {
    expect(healthAfter([bad, bad]).healthy).to.equal(true);
    expect(healthAfter([bad, bad, bad]).healthy).to.equal(false);
    expect(healthAfter([refused]).healthy).to.equal(true);
    expect(healthAfter([refused, refused]).healthy).to.equal(false);
    expect(healthAfter([late]).healthy).to.equal(false);
    expect(healthAfter([bad, bad, refused]).healthy).to.equal(true);
  });

  it('a success resets the counts of failures', () => {
    expect(healthAfter([bad, bad, good, bad, bad]).healthy).to.equal(true);
    expect(healthAfter([refused, good, refused]).healthy).to.equal(true);
  });

  it('a failure resets the count of successes', () => {
    expect(healthAfter([bad, good])).to.include({ successes: 1, httpFailures: 0 });
    expect(healthAfter([bad, good, bad])).to.include({ successes: 0, httpFailures: 1 });
  });

  it('a status in neither list has no effect', () => {
    expect(healthAfter([bad, bad, other])).to.deep.equal(healthAfter([bad, bad]));
    expect(healthAfter([bad, bad, other, bad]).healthy).to.equal(false);
  });

  it('an unhealthy target starts without successes, whatever it had before', () => {
    expect(unhealthy).to.deep.equal({ healthy: false, successes: 0, httpFailures: 0, tcpFailures: 0, timeouts: 0 });
    expect(healthAfter([bad, good, refused, refused])).to.deep.equal(unhealthy);
    expect(healthAfter([good, bad, bad, bad])).to.deep.equal(unhealthy);
  });

  it('a malformed response is an HTTP failure', () => {
    expect(healthAfter([garbled, garbled, garbled]).healthy).to.equal(false);
  });

  it('successes in a row make it healthy again; a failure resets their count', () => {
    expect(healthAfter([good], unhealthy).healthy).to.equal(false);
    expect(healthAfter([good, good], unhealthy)).to.deep.equal(healthy);
    expect(healthAfter([good, bad, good], unhealthy).healthy).to.equal(false);
  });

  it('a limit of 0 switches its count off', () => {
    const off = { ...rules, successes: 0, httpFailures: 0, tcpFailures: 0, timeouts: 0 };
    expect(healthAfter([bad, bad, bad, bad, refused, refused, late, garbled], healthy, off)).to.equal(healthy);
    expect(healthAfter([good, good, good], unhealthy, off)).to.equal(unhealthy);
    // Failures are then never forgotten: no success resets their count.
    expect(healthAfter([bad, good, bad, good, bad], healthy, { ...rules, successes: 0 }).healthy).to.equal(false);
  });

  it('of type tcp only the connection counts', () => {
    const tcp = { ...rules, connectionsOnly: true };
    expect(healthAfter([bad, bad, bad, bad], healthy, tcp).healthy).to.equal(true);
    expect(healthAfter([connected, connected], unhealthy, tcp).healthy).to.equal(true);
    expect(healthAfter([refused, refused], healthy, tcp).healthy).to.equal(false);
  });

  it('no count is ever negative or past its limit, and the input is not changed', () => {
    const outcomes = fc.array(fc.constantFrom(good, bad, other, refused, late, garbled, connected), { maxLength: 60 });
    fc.assert(
      fc.property(outcomes, fc.boolean(), (list, begins) => {
        let health: TargetHealth = begins ? healthy : unhealthy;
        for (const outcome of list) {
          const next = afterOutcome(Object.freeze(health), rules, outcome);
          expect(next.successes).to.be.within(0, rules.successes - 1);
          expect(next.httpFailures).to.be.within(0, rules.httpFailures - 1);
          expect(next.tcpFailures).to.be.within(0, rules.tcpFailures - 1);
          expect(next.timeouts).to.be.within(0, rules.timeouts);
          if (!health.healthy && next.healthy) expect(outcome).to.be.oneOf([good, connected]);
          if (health.healthy && !next.healthy) expect(outcome).not.to.be.oneOf([good, connected, other]);
          health = next;
        }
      }),
    );
  });
});
