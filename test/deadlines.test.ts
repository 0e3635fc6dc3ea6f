import { expect } from 'chai';
import { Deadlines, type Limited } from '../adapters/deadlines.ts';

describe('Time limits', () => {
  class Waiting implements Limited {
    deadline = Number.POSITIVE_INFINITY;
    deadlineAt = -1;
    readonly over: Promise<void>;
    times = 0;
    #resolve!: () => void;
    #act: () => void;

    constructor(act: () => void = () => {}) {
      this.#act = act;
      this.over = new Promise((resolve) => {
        this.#resolve = resolve;
      });
    }

    expired(): void {
      this.times++;
      this.#act();
      this.#resolve();
    }
  }

  it('call `expired` when they end, once', async () => {
    const deadlines = new Deadlines();
    const [first, second] = [new Waiting(), new Waiting()];
    deadlines.add(first);
    deadlines.add(second);
    deadlines.set(first, 1, performance.now());
    await first.over;
    deadlines.set(second, 1, performance.now());
    await second.over;
    expect([first.times, second.times]).to.deep.equal([1, 1]);
    deadlines.remove(first);
    deadlines.remove(second);
  });

  it('do not exist at 0, and are replaced by a later one', async () => {
    const deadlines = new Deadlines();
    const [none, later, witness] = [new Waiting(), new Waiting(), new Waiting()];
    for (const each of [none, later, witness]) deadlines.add(each);
    const now = performance.now();
    deadlines.set(none, 1, now);
    deadlines.set(none, 0, now);
    deadlines.set(later, 1, now);
    deadlines.set(later, 60_000, now);
    deadlines.set(witness, 2, now);
    await witness.over;
    expect([none.times, later.times]).to.deep.equal([0, 0]);
    for (const each of [none, later, witness]) deadlines.remove(each);
  });

  it('stay correct when a connection removes itself as it expires, or was removed before', async () => {
    const deadlines = new Deadlines();
    const all: Waiting[] = [];
    for (let i = 0; i < 7; i++) {
      const waiting: Waiting = new Waiting(() => deadlines.remove(waiting));
      all.push(waiting);
      deadlines.add(waiting);
    }
    deadlines.remove(all[2]!);
    deadlines.remove(all[6]!);
    deadlines.remove(all[6]!);
    for (const each of all) if (each.deadlineAt !== -1) deadlines.set(each, 1, performance.now());
    await Promise.all([0, 1, 3, 4, 5].map((i) => all[i]!.over));
    expect(all.map(({ times }) => times)).to.deep.equal([1, 1, 0, 1, 1, 1, 0]);
  });
});
