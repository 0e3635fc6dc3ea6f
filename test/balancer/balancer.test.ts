import { expect } from 'chai';
import fc from 'fast-check';
import type { Balancer } from '../../src/balancer/balancer.ts';
import { balancer, balancerOver } from './rows.ts';

const algorithms = ['round-robin', 'least-connections', 'consistent-hashing', 'latency'] as const;
const weights = fc.array(fc.oneof(fc.constantFrom(0, 1, 100, 65_535), fc.nat(300)), { minLength: 1, maxLength: 8 });

/** How often each target is chosen. */
function counts(by: Balancer, times: number, keyOf: (i: number) => string | undefined = () => undefined): number[] {
  const chosen = by.targets.map(() => 0);
  for (let i = 0; i < times; i++) {
    const target = by.pick(keyOf(i), []);
    if (target !== undefined) chosen[by.targets.indexOf(target)]!++;
  }
  return chosen;
}

describe('The balancer', () => {
  describe('with any algorithm', () => {
    it('never chooses a target of weight 0 or an unhealthy one; one that was tried only if there is no other', () => {
      fc.assert(
        fc.property(
          fc.constantFrom(...algorithms),
          weights,
          fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
          fc.array(
            fc.record({ key: fc.option(fc.string(), { nil: undefined }), tries: fc.integer({ min: 1, max: 12 }) }),
            {
              maxLength: 20,
            },
          ),
          (algorithm, given, fit, requests) => {
            const by = balancer(given, { algorithm });
            by.targets.forEach((target, at) => {
              by.set(target, fit[at]! ? 'healthy' : 'unhealthy');
            });
            const usable = by.targets.filter(({ weight }, at) => weight > 0 && fit[at]);
            for (const { key, tries } of requests) {
              const tried = [];
              for (let i = 0; i < tries; i++) {
                const target = by.pick(key, tried);
                if (usable.length === 0) expect(target).to.equal(undefined);
                else {
                  expect(usable).to.include(target);
                  if (tried.length < usable.length) expect(tried).not.to.include(target);
                  by.begun(target!);
                  tried.push(target!);
                }
              }
              for (const target of tried) by.ended(target);
            }
          },
        ),
      );
    });

    it('makes the same choices for the same calls', () => {
      fc.assert(
        fc.property(fc.constantFrom(...algorithms), weights, fc.array(fc.string()), (algorithm, given, keys) => {
          const [one, other] = [balancer(given, { algorithm }), balancer(given, { algorithm })];
          for (const key of keys) expect(one.pick(key, [])?.name).to.equal(other.pick(key, [])?.name);
        }),
      );
    });

    it('chooses none if there are no targets', () => {
      for (const algorithm of algorithms) expect(balancer([], { algorithm }).pick('key', [])).to.equal(undefined);
    });
  });

  describe('round-robin', () => {
    it('gives each target exactly its weight in as many choices as the sum of weights', () => {
      fc.assert(
        fc.property(
          fc.array(fc.nat(60), { minLength: 1, maxLength: 8 }),
          fc.integer({ min: 1, max: 3 }),
          (given, rounds) => {
            const total = given.reduce((sum, weight) => sum + weight, 0);
            expect(counts(balancer(given), total * rounds)).to.deep.equal(given.map((weight) => weight * rounds));
          },
        ),
      );
    });

    it('stays within one choice of each target’s share, times the number of targets', () => {
      fc.assert(
        fc.property(
          fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 2, maxLength: 6 }),
          fc.nat(200),
          (given, times) => {
            const total = given.reduce((sum, weight) => sum + weight, 0);
            counts(balancer(given), times).forEach((count, at) => {
              expect(Math.abs(count - (times * given[at]!) / total)).to.be.lessThan(given.length);
            });
          },
        ),
      );
    });

    it('spreads the choices of the heaviest target evenly', () => {
      const by = balancer([5, 1, 1]);
      const order = Array.from({ length: 7 }, () => by.pick(undefined, [])!.name[0]).join('');
      expect(order).to.equal('aabacaa');
    });
  });

  describe('least-connections', () => {
    it('gives the next request to the target with the fewest for its weight', () => {
      fc.assert(
        fc.property(
          fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 6 }),
          fc.nat(120),
          (given, held) => {
            const by = balancer(given, { algorithm: 'least-connections' });
            for (let i = 0; i < held; i++) by.begun(by.pick(undefined, [])!);
            const loads = by.targets.map(({ weight, state }) => state.connections / weight);
            const chosen = by.pick(undefined, [])!;
            expect(chosen.state.connections / chosen.weight).to.equal(Math.min(...loads));
          },
        ),
      );
    });

    it('gives no request to a slow target while it is busy', () => {
      const by = balancer([100, 100], { algorithm: 'least-connections' });
      const slow = by.pick(undefined, [])!;
      by.begun(slow);
      for (let i = 0; i < 10; i++) {
        const quick = by.pick(undefined, [])!;
        expect(quick).not.to.equal(slow);
        by.begun(quick);
        by.ended(quick);
      }
    });

    it('distributes the requests of an idle upstream by weight, not all to the first', () => {
      expect(counts(balancer([3, 1], { algorithm: 'least-connections' }), 8)).to.deep.equal([6, 2]);
    });
  });

  describe('latency', () => {
    it('prefers the fast target, and tries the slow one again later', () => {
      const by = balancer([100, 100], { algorithm: 'latency' });
      const [quick, slow] = by.targets as [Balancer['targets'][0], Balancer['targets'][0]];
      const chosen = [0, 0];
      for (let i = 0; i < 1000; i++) {
        const target = by.pick(undefined, [])!;
        chosen[target === quick ? 0 : 1]!++;
        by.measured(target, target === quick ? 10 : 200);
      }
      expect(chosen[0]).to.be.greaterThan(900);
      expect(chosen[1]).to.be.greaterThan(1);
      expect(slow.state.latency).to.be.greaterThan(quick.state.latency);
    });
  });

  describe('consistent-hashing', () => {
    const hashing = { algorithm: 'consistent-hashing' };
    const keys = (n: number) => Array.from({ length: n }, (_, i) => `consumer-${i}`);

    it('gives a key the same target, each time and on each gate', () => {
      fc.assert(
        fc.property(weights, fc.string(), (given, key) => {
          const by = balancer(given, hashing);
          const first = by.pick(key, []);
          for (let i = 0; i < 3; i++) expect(by.pick(key, [])).to.equal(first);
          const shuffled = balancerOver(
            by.targets.map(({ name, weight }) => [name, weight] as const).reverse(),
            hashing,
          );
          expect(shuffled.pick(key, [])?.name).to.equal(first?.name);
        }),
      );
    });

    it('distributes the keys by weight, within a few percent', () => {
      const given = [100, 200, 300, 400];
      const shares = counts(balancer(given, hashing), 20_000, (i) => `10.0.${i >> 8}.${i & 255}`);
      shares.forEach((count, at) => {
        expect(count / 20_000).to.be.closeTo(given[at]! / 1000, 0.015);
      });
    });

    it('moves only keys of a removed target, and only to an added one', () => {
      fc.assert(
        fc.property(
          fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 2, maxLength: 8 }),
          fc.nat(7),
          (given, gone) => {
            const all = balancer(given, hashing);
            const leaver = all.targets[gone % given.length]!;
            const named = all.targets.map(({ name, weight }) => [name, weight] as const);
            const without = balancerOver(
              named.filter(([name]) => name !== leaver.name),
              hashing,
            );
            for (const key of keys(60)) {
              const [before, after] = [all.pick(key, [])!.name, without.pick(key, [])!.name];
              if (before !== leaver.name) expect(after).to.equal(before);
            }
          },
        ),
      );
    });

    it('an unhealthy target moves only its own keys, and gets them back', () => {
      const by = balancer([100, 100, 100], hashing);
      const before = keys(300).map((key) => by.pick(key, [])!);
      const out = by.targets[1]!;
      by.set(out, 'unhealthy');
      keys(300).forEach((key, i) => {
        if (before[i] === out) expect(by.pick(key, [])).not.to.equal(out);
        else expect(by.pick(key, [])).to.equal(before[i]);
      });
      by.set(out, 'healthy');
      expect(keys(300).map((key) => by.pick(key, []))).to.deep.equal(before);
    });

    it('a heavier target gets keys of the others, and loses none', () => {
      const [one, other] = [balancer([100, 100, 100], hashing), balancer([150, 100, 100], hashing)];
      for (const key of keys(300)) {
        const before = one.pick(key, [])!.name;
        const after = other.pick(key, [])!.name;
        if (before !== after) expect(after).to.equal(other.targets[0]!.name);
      }
    });

    it('distributes requests without a key by weight', () => {
      expect(counts(balancer([3, 1], hashing), 8)).to.deep.equal([6, 2]);
    });
  });

  describe('with a threshold', () => {
    it('chooses none once less than that percentage of the weight is healthy', () => {
      const by = balancer([50, 30, 20], {}, { threshold: 50 });
      const [half, third, fifth] = by.targets;
      by.set(third!, 'unhealthy');
      by.set(fifth!, 'unhealthy');
      expect(by.pick(undefined, [])).to.equal(half);
      by.set(third!, 'healthy');
      by.set(half!, 'unhealthy');
      expect(by.pick(undefined, [])).to.equal(undefined);
      expect(by.weight).to.deep.equal({ total: 100, available: 30 });
      by.set(fifth!, 'healthy');
      expect(by.pick(undefined, [])).not.to.equal(undefined);
    });
  });

  describe('made from the one before', () => {
    const checks = { passive: { unhealthy: { http_statuses: [500], http_failures: 1, tcp_failures: 0, timeouts: 0 } } };

    it('keeps the state of a target that stays, also with another weight', () => {
      const before = balancerOver(
        [
          ['a:80', 100],
          ['b:80', 100],
        ],
        {},
        checks,
      );
      before.report(before.targets[0]!, 'passive', { outcome: 'responded', status: 500 });
      before.begun(before.targets[1]!);
      const after = balancerOver(
        [
          ['a:80', 1],
          ['b:80', 9],
          ['c:80', 5],
        ],
        {},
        checks,
        before,
      );
      expect(after.targets.map(({ state }) => [state.health.healthy, state.connections])).to.deep.equal([
        [false, 0],
        [true, 1],
        [true, 0],
      ]);
      // A request that began with the one before ends there.
      before.ended(before.targets[1]!);
      expect(after.targets[1]!.state.connections).to.equal(0);
    });

    it('resets the health if the rules differ', () => {
      const before = balancerOver([['a:80', 100]], {}, checks);
      before.set(before.targets[0]!, 'unhealthy');
      expect(balancerOver([['a:80', 100]], {}, {}, before).targets[0]!.state.health.healthy).to.equal(true);
      expect(before.targets[0]!.state.health.healthy).to.equal(false);
    });
  });
});
