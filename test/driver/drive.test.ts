import { expect } from 'chai';
import fc from 'fast-check';
import { drive } from '../../src/driver/drive.ts';
import { type Effect, type Event, IllegalTransition, type Machine, type Waiting } from '../../src/machine/machine.ts';
import { isPending, type MaybePromise } from '../../src/ports/maybe-promise.ts';

// A machine that asks for numbers and adds them up.
interface Add extends Effect<'add'> {
  readonly to: number;
}
interface Added extends Event<'added'> {
  readonly sum: number;
}
interface Adding extends Waiting<'adding', Add> {
  readonly left: number;
}
interface Done {
  readonly state: 'done';
  readonly sum: number;
}
const adder: Machine<number, { add: Added }, Adding, Done> = {
  name: 'adder',
  start: (times) => next(times, 0),
  transitions: { adding: { added: ({ left }, { sum }) => next(left - 1, sum) } },
};
const next = (left: number, sum: number): Adding | Done =>
  left === 0 ? { state: 'done', sum } : { state: 'adding', left, awaits: { effect: 'add', to: sum } };

const add = ({ to }: Add): Added => ({ event: 'added', sum: to + 1 });

describe('The driver', () => {
  it('runs a machine to its outcome', () => {
    expect(drive(adder, 3, { add })).to.deep.equal({ state: 'done', sum: 3 });
  });

  it('performs no effect for a machine that ends at once', () => {
    const ask = () => {
      throw new Error('asked');
    };
    expect(drive(adder, 0, { add: ask })).to.deep.equal({ state: 'done', sum: 0 });
  });

  it('creates no promise while every effect returns a value', () => {
    expect(isPending(drive(adder, 1000, { add }))).to.equal(false);
  });

  it('has the same outcome, whichever effects return values and whichever promises', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 8 }), async (later) => {
        let asked = 0;
        const some = (effect: Add): MaybePromise<Added> =>
          later[asked++] ? Promise.resolve(add(effect)) : add(effect);
        const outcome = drive(adder, later.length, { add: some });
        expect(isPending(outcome)).to.equal(later.includes(true));
        expect(await outcome).to.deep.equal({ state: 'done', sum: later.length });
      }),
    ));

  it('waits for any thenable', async () => {
    const thenable = (effect: Add): PromiseLike<Added> => ({
      then: (fulfilled) => Promise.resolve(add(effect)).then(fulfilled),
    });
    expect(await drive(adder, 2, { add: thenable })).to.deep.equal({ state: 'done', sum: 2 });
  });

  it('performs one effect at a time', async () => {
    let open = 0;
    const slow = async (effect: Add): Promise<Added> => {
      expect(++open).to.equal(1);
      await Promise.resolve();
      open--;
      return add(effect);
    };
    await drive(adder, 5, { add: slow });
    expect(open).to.equal(0);
  });

  it('passes on the error that a port throws or rejects with', async () => {
    const error = new Error('the store is gone');
    const rejecting = () => Promise.reject(error);
    const throwing = () => {
      throw error;
    };
    expect(await Promise.resolve(drive(adder, 1, { add: rejecting })).catch((caught) => caught)).to.equal(error);
    expect(() => drive(adder, 1, { add: throwing })).to.throw(error);
  });

  it('throws when a performer returns an event that its effect does not allow: a bug, never input', async () => {
    const wrong = () => ({ event: 'subtracted', sum: 0 }) as unknown as Added;
    expect(() => drive(adder, 1, { add: wrong })).to.throw(IllegalTransition);
    const later = Promise.resolve(drive(adder, 1, { add: async () => wrong() }));
    expect(await later.catch((caught) => caught)).to.be.an.instanceOf(IllegalTransition);
  });
});
