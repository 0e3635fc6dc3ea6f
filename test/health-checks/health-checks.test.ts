import { expect } from 'chai';
import { healthChecks } from '../../adapters/health-checks/health-checks.ts';
import type { Balancer } from '../../src/balancer/balancer.ts';
import type { Outcome } from '../../src/balancer/health.ts';
import { balancerOver, type Fields } from '../balancer/rows.ts';

/** Timers and probes in the test's hand. */
function world() {
  const timers: { milliseconds: number; task: () => void; stopped: boolean }[] = [];
  const asked: { target: string; givenUp: AbortSignal; answer: (outcome: Outcome | undefined) => Promise<void> }[] = [];
  const turned: string[] = [];
  const checks = healthChecks({
    every(milliseconds, task) {
      const timer = { milliseconds, task, stopped: false };
      timers.push(timer);
      return () => {
        timer.stopped = true;
      };
    },
    probe: (target, _, givenUp) =>
      new Promise((resolve) => {
        const answer = async (outcome: Outcome | undefined) => {
          resolve(outcome);
          await new Promise((done) => setImmediate(done));
        };
        asked.push({ target: target.name, givenUp, answer });
      }),
    turned: ({ target, healthy }) => turned.push(`${target} ${healthy ? 'healthy' : 'unhealthy'}`),
  });
  const running = () => timers.filter(({ stopped }) => !stopped);
  return {
    checks,
    asked,
    turned,
    running,
    tick(milliseconds: number) {
      for (const timer of running()) if (timer.milliseconds === milliseconds) timer.task();
    },
  };
}

const active: Fields = {
  healthy: { interval: 5, successes: 1 },
  unhealthy: { interval: 1, http_failures: 1, tcp_failures: 1, timeouts: 1 },
};
const upstream = (names: readonly string[], checks: Fields = active, before?: Balancer): Balancer =>
  balancerOver(
    names.map((name) => [name, 100]),
    {},
    { active: checks },
    before,
  );
const fine: Outcome = { outcome: 'answered', status: 200 };
const down: Outcome = { outcome: 'tcpFailure' };

describe('Active health checks', () => {
  it('ask those that are fit at one interval, those that are not at the other', async () => {
    const { checks, asked, tick, turned } = world();
    const balancer = upstream(['a:1', 'b:1']);
    checks.follow([balancer]);
    tick(1000);
    expect(asked).to.have.length(0);
    tick(5000);
    expect(asked.map(({ target }) => target)).to.deep.equal(['a:1', 'b:1']);
    await asked[0]!.answer(fine);
    await asked[1]!.answer(down);
    expect(turned).to.deep.equal(['b:1 unhealthy']);
    expect(balancer.pick(undefined, [])!.name).to.equal('a:1');

    tick(1000);
    expect(asked.slice(2).map(({ target }) => target)).to.deep.equal(['b:1']);
    await asked[2]!.answer(fine);
    expect(turned).to.deep.equal(['b:1 unhealthy', 'b:1 healthy']);
  });

  it('an interval of 0 is none', () => {
    const { checks, running } = world();
    checks.follow([upstream(['a:1'], { healthy: { interval: 0 }, unhealthy: { interval: 3 } })]);
    expect(running().map(({ milliseconds }) => milliseconds)).to.deep.equal([3000]);
    checks.follow([upstream(['a:1'], {})]);
    expect(running()).to.deep.equal([]);
  });

  it('a target that has not answered yet is not asked again', async () => {
    const { checks, asked, tick } = world();
    checks.follow([upstream(['a:1'])]);
    tick(5000);
    tick(5000);
    expect(asked).to.have.length(1);
    await asked[0]!.answer(fine);
    tick(5000);
    expect(asked).to.have.length(2);
  });

  it('no more than `concurrency` are asked at once, and each is asked', async () => {
    const { checks, asked, tick } = world();
    checks.follow([upstream(['a:1', 'b:1', 'c:1'], { ...active, concurrency: 2 })]);
    tick(5000);
    expect(asked).to.have.length(2);
    await asked[0]!.answer(fine);
    expect(asked.map(({ target }) => target)).to.deep.equal(['a:1', 'b:1', 'c:1']);
  });

  it('follow the configuration: targets that come are asked, those that go are not, and timers go on', async () => {
    const { checks, asked, tick, running } = world();
    const first = upstream(['a:1', 'b:1']);
    checks.follow([first]);
    const timers = running();
    const second = upstream(['b:1', 'c:1'], active, first);
    checks.follow([second]);
    expect(running()).to.deep.equal(timers);
    tick(5000);
    expect(asked.map(({ target }) => target)).to.deep.equal(['b:1', 'c:1']);
    await asked[0]!.answer(down);
    expect(second.targets[0]!.state.health.healthy).to.equal(false);
  });

  it('a probe that was under way when the targets changed still counts', async () => {
    const { checks, asked, tick } = world();
    const first = upstream(['a:1']);
    checks.follow([first]);
    tick(5000);
    const second = upstream(['a:1', 'b:1'], active, first);
    checks.follow([second]);
    await asked[0]!.answer(down);
    expect(second.targets.map(({ state }) => state.health.healthy)).to.deep.equal([false, true]);
  });

  it('stop for an upstream that is gone, and at the end: no timer is left, and probes are given up', () => {
    const { checks, asked, tick, running } = world();
    checks.follow([upstream(['a:1'])]);
    tick(5000);
    checks.follow([]);
    expect([running().length, asked[0]!.givenUp.aborted]).to.deep.equal([0, true]);
    checks.follow([upstream(['a:1'])]);
    tick(5000);
    checks.close();
    expect([running().length, asked[1]!.givenUp.aborted]).to.deep.equal([0, true]);
  });
});
