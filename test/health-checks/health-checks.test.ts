import { expect } from 'chai';
import { healthChecks } from '../../adapters/health-checks/health-checks.ts';
import type { Balancer } from '../../src/balancer/balancer.ts';
import type { Outcome } from '../../src/balancer/health.ts';
import { balancerOver, type Fields } from '../balancer/rows.ts';

/** Timers and probes that the test controls. */
function world() {
  const timers: { milliseconds: number; task: () => void; stopped: boolean }[] = [];
  const probes: { target: string; signal: AbortSignal; respond: (outcome: Outcome | undefined) => Promise<void> }[] =
    [];
  const changes: string[] = [];
  const checks = healthChecks({
    every(milliseconds, task) {
      const timer = { milliseconds, task, stopped: false };
      timers.push(timer);
      return () => {
        timer.stopped = true;
      };
    },
    probe: (target, _, signal) =>
      new Promise((resolve) => {
        const respond = async (outcome: Outcome | undefined) => {
          resolve(outcome);
          await new Promise((done) => setImmediate(done));
        };
        probes.push({ target: target.name, signal, respond });
      }),
    healthChanged: ({ target, healthy }) => changes.push(`${target} ${healthy ? 'healthy' : 'unhealthy'}`),
  });
  const running = () => timers.filter(({ stopped }) => !stopped);
  return {
    checks,
    probes,
    changes,
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
const fine: Outcome = { outcome: 'responded', status: 200 };
const down: Outcome = { outcome: 'tcpFailure' };

describe('Active health checks', () => {
  it('probe healthy targets at one interval, unhealthy targets at the other', async () => {
    const { checks, probes, tick, changes } = world();
    const balancer = upstream(['a:1', 'b:1']);
    checks.follow([balancer]);
    tick(1000);
    expect(probes).to.have.length(0);
    tick(5000);
    expect(probes.map(({ target }) => target)).to.deep.equal(['a:1', 'b:1']);
    await probes[0]!.respond(fine);
    await probes[1]!.respond(down);
    expect(changes).to.deep.equal(['b:1 unhealthy']);
    expect(balancer.pick(undefined, [])!.name).to.equal('a:1');

    tick(1000);
    expect(probes.slice(2).map(({ target }) => target)).to.deep.equal(['b:1']);
    await probes[2]!.respond(fine);
    expect(changes).to.deep.equal(['b:1 unhealthy', 'b:1 healthy']);
  });

  it('with an interval of 0 do not run', () => {
    const { checks, running } = world();
    checks.follow([upstream(['a:1'], { healthy: { interval: 0 }, unhealthy: { interval: 3 } })]);
    expect(running().map(({ milliseconds }) => milliseconds)).to.deep.equal([3000]);
    checks.follow([upstream(['a:1'], {})]);
    expect(running()).to.deep.equal([]);
  });

  it('do not probe a target again whose probe is still running', async () => {
    const { checks, probes, tick } = world();
    checks.follow([upstream(['a:1'])]);
    tick(5000);
    tick(5000);
    expect(probes).to.have.length(1);
    await probes[0]!.respond(fine);
    tick(5000);
    expect(probes).to.have.length(2);
  });

  it('run no more than `concurrency` probes at once, and probe each target', async () => {
    const { checks, probes, tick } = world();
    checks.follow([upstream(['a:1', 'b:1', 'c:1'], { ...active, concurrency: 2 })]);
    tick(5000);
    expect(probes).to.have.length(2);
    await probes[0]!.respond(fine);
    expect(probes.map(({ target }) => target)).to.deep.equal(['a:1', 'b:1', 'c:1']);
  });

  it('follow the configuration: new targets are probed, removed ones are not, and timers continue', async () => {
    const { checks, probes, tick, running } = world();
    const first = upstream(['a:1', 'b:1']);
    checks.follow([first]);
    const timers = running();
    const second = upstream(['b:1', 'c:1'], active, first);
    checks.follow([second]);
    expect(running()).to.deep.equal(timers);
    tick(5000);
    expect(probes.map(({ target }) => target)).to.deep.equal(['b:1', 'c:1']);
    await probes[0]!.respond(down);
    expect(second.targets[0]!.state.health.healthy).to.equal(false);
  });

  it('count a probe that was running when the targets changed', async () => {
    const { checks, probes, tick } = world();
    const first = upstream(['a:1']);
    checks.follow([first]);
    tick(5000);
    const second = upstream(['a:1', 'b:1'], active, first);
    checks.follow([second]);
    await probes[0]!.respond(down);
    expect(second.targets.map(({ state }) => state.health.healthy)).to.deep.equal([false, true]);
  });

  it('stop for a removed upstream, and at the end: no timer is left, and probes are aborted', () => {
    const { checks, probes, tick, running } = world();
    checks.follow([upstream(['a:1'])]);
    tick(5000);
    checks.follow([]);
    expect([running().length, probes[0]!.signal.aborted]).to.deep.equal([0, true]);
    checks.follow([upstream(['a:1'])]);
    tick(5000);
    checks.close();
    expect([running().length, probes[1]!.signal.aborted]).to.deep.equal([0, true]);
  });
});
