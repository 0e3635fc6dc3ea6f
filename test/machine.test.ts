import { expect } from 'chai';
import fc from 'fast-check';
import { bearerToken } from '../src/access/bearer-token.ts';
import {
  type Event,
  IllegalTransition,
  type Machine,
  startingWith,
  transition,
  type Waiting,
} from '../src/machine/machine.ts';
import { reached } from './support/walk.ts';

interface Ask extends Waiting<'asking', { effect: 'ask'; question: string }> {}
const yes = { event: 'yes' } as const;
const oneQuestion: Machine<string, { ask: Event<'yes'> | Event<'no'> }, Ask, { state: 'done'; said: boolean }> = {
  name: 'one question',
  start: (question) => ({ state: 'asking', awaits: { effect: 'ask', question } }),
  transitions: {
    asking: {
      yes: () => ({ state: 'done', said: true }),
      no: () => ({ state: 'done', said: false }),
    },
  },
};

describe('A machine', () => {
  it('names the effect it waits for', () => {
    expect(oneQuestion.start('?')).to.deep.equal({ state: 'asking', awaits: { effect: 'ask', question: '?' } });
  });

  it('goes on by the cell of its state and the event', () => {
    expect(reached(oneQuestion, '?', yes)).to.deep.equal({ state: 'done', said: true });
  });

  it('returns the same result for the same state and event, each time', () => {
    const state = oneQuestion.start('?') as Ask;
    expect(transition(oneQuestion, state, yes)).to.deep.equal(transition(oneQuestion, state, yes));
  });

  it('takes no event but those its state awaits, whatever their name', () => {
    const state = bearerToken.start({
      accessToken: 'at',
      audience: { boundTo: 'global', serviceId: undefined },
      requiredScope: [],
      receivedAt: 0,
    });
    // Random strings almost never spell the names that every object answers to.
    const name = fc
      .oneof(fc.string(), fc.constantFrom(...Object.getOwnPropertyNames(Object.prototype)))
      .filter((name) => !Object.hasOwn(bearerToken.transitions.awaitingBearer, name));
    fc.assert(
      fc.property(name, (event) => {
        expect(() => transition(bearerToken, state as never, { event })).to.throw(IllegalTransition);
      }),
    );
  });

  it('takes no event in a state it does not have, whatever its name', () => {
    for (const state of ['nowhere', ...Object.getOwnPropertyNames(Object.prototype)]) {
      const strange = { state, awaits: { effect: 'ask', question: '?' } };
      expect(() => transition(oneQuestion, strange as never, yes), state).to.throw(IllegalTransition);
    }
  });

  describe('that starts with a sub-machine', () => {
    interface Done {
      readonly state: 'done';
      readonly said: boolean;
    }
    interface Count extends Waiting<'counting', { effect: 'count' }> {}
    const counted = { event: 'counted' } as const;
    type Results = { ask: Event<'yes'> | Event<'no'>; count: Event<'counted'> };
    const first: Machine<string, Results, Ask, Done | { state: 'silent' }> = {
      name: 'question',
      start: (question) =>
        question === '' ? { state: 'silent' } : { state: 'asking', awaits: { effect: 'ask', question } },
      transitions: oneQuestion.transitions,
    };
    const whole = startingWith<string, Results, Ask, Done | { state: 'silent' }, Count, { state: 'silent' | 'end' }>(
      first,
      {
        name: 'question and count',
        then: {
          done: ({ said }) => (said ? { state: 'counting', awaits: { effect: 'count' } } : { state: 'end' }),
        },
        transitions: { counting: { counted: () => ({ state: 'end' }) } },
      },
    );

    it('has the states of the sub-machine, then its own', () => {
      expect(Object.keys(whole.transitions)).to.deep.equal(['asking', 'counting']);
      expect(whole.start('?')).to.deep.equal(first.start('?'));
      expect(reached(whole, '?', yes)).to.deep.equal({ state: 'counting', awaits: { effect: 'count' } });
      expect(reached(whole, '?', yes, counted)).to.deep.equal({ state: 'end' });
    });

    it('goes on by the cell for the outcome of the sub-machine', () => {
      expect(reached(whole, '?', { event: 'no' })).to.deep.equal({ state: 'end' });
    });

    it('ends with an outcome of the sub-machine that has no cell, even at the start', () => {
      expect(whole.start('')).to.deep.equal({ state: 'silent' });
    });

    it('takes no event that the sub-machine does not take', () => {
      expect(() => reached(whole, '?', counted)).to.throw(IllegalTransition, 'question and count: asking awaits ask');
    });
  });

  it('says who could not take what', () => {
    expect(() => transition(oneQuestion, oneQuestion.start('?') as Ask, { event: 'perhaps' })).to.throw(
      'one question: asking awaits ask and cannot take perhaps',
    );
  });
});
