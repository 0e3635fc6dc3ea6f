import { expect } from 'chai';
import fc from 'fast-check';
import { memoryEntityStore } from '../../adapters/store-memory/entity-store.ts';
import type { CountedWindow } from '../../src/ports/counters.ts';
import type { EntityStore } from '../../src/ports/entity-store.ts';
import { countersKind, storedCounters } from '../../src/records/stored-counters.ts';

const window = (from: number, limit: number): CountedWindow => ({ name: 'minute', from, until: from + 60_000, limit });

describe('Counters in the store', () => {
  it('with any number of gates and any order of store results, no more calls are counted than the limit allows', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 6 }),
        async (s, limit, calls) => {
          const store = late(s, memoryEntityStore());
          const gates = [storedCounters(store, { now: () => 0 }), storedCounters(store, { now: () => 0 })];
          const counts = Promise.all(
            Array.from(
              { length: calls },
              async (_, i) => (await gates[i % 2]!.count('caller', [window(0, limit)]))[0]!,
            ),
          );
          const before = await s.waitFor(counts);
          const passed = before.filter((count) => count < limit);
          expect(passed.toSorted()).to.deep.equal(Array.from({ length: Math.min(limit, calls) }, (_, i) => i));
        },
      ),
      { numRuns: 50 },
    );
  });

  it('the test finds a store that reads first and writes later', async () => {
    const careless = fc.asyncProperty(fc.scheduler(), async (s) => {
      const store = memoryEntityStore();
      const writes: EntityStore = { ...store, replace: (kind, row) => store.replace(kind, row, { orInsert: true }) };
      writes.insert = (kind, row) => writes.replace(kind, row);
      const counters = storedCounters(late(s, writes), { now: () => 0 });
      const counts = Promise.all([1, 2].map(async () => (await counters.count('caller', [window(0, 5)]))[0]!));
      const before = await s.waitFor(counts);
      expect(before.toSorted()).to.deep.equal([0, 1]);
    });
    expect((await fc.check(careless, { numRuns: 100 })).failed).to.equal(true);
  });

  it('start again with the next window, and delete expired windows', async () => {
    const store = memoryEntityStore();
    let now = 0;
    const counters = storedCounters(store, { now: () => now });
    expect(await counters.count('caller', [window(0, 1)])).to.deep.equal([0]);
    expect(await counters.count('caller', [window(0, 1)])).to.deep.equal([1]);
    expect(await counters.count('caller', [window(60_000, 1)])).to.deep.equal([0]);
    await counters.count('gone', [window(0, 1)]);
    now = 60_000;
    await counters.sweep();
    const { rows } = await store.page(countersKind, { size: 10, after: undefined });
    expect(rows).to.have.length(1);
    expect(await counters.count('caller', [window(60_000, 1)])).to.deep.equal([1]);
  });
});

function late(s: fc.Scheduler, store: EntityStore): EntityStore {
  return {
    ...store,
    get: s.scheduleFunction(async (...args) => store.get(...args)),
    insert: s.scheduleFunction(async (...args) => store.insert(...args)),
    replace: s.scheduleFunction(async (...args) => store.replace(...args)),
  };
}
