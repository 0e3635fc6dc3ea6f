import { expect } from 'chai';
import { steadyClock } from '../../adapters/crypto/system-clock.ts';
import { noon } from '../contract/clock.ts';

const hour = 60 * 60 * 1000;

describe('The clock of a gate', () => {
  const turned = () => {
    const machine = { says: noon, runs: 5 };
    const clock = steadyClock(
      () => machine.says,
      () => machine.runs,
    );
    const pass = (milliseconds: number) => {
      machine.says += milliseconds;
      machine.runs += milliseconds;
    };
    return { machine, clock, pass };
  };

  it('says what the clock of the machine says, also where that is set forward', () => {
    const { machine, clock, pass } = turned();
    expect(clock.now()).to.equal(noon);
    pass(10);
    expect(clock.now()).to.equal(noon + 10);
    machine.says += 1000 * hour;
    expect(clock.now()).to.equal(noon + 1000 * hour + 10);
  });

  it('SE-14: goes on where that is set back, until it is overtaken', () => {
    const { machine, clock, pass } = turned();
    clock.now();
    machine.says -= hour;
    for (let n = 1; n <= 3; n++) {
      pass(1000.25);
      expect(clock.now()).to.equal(noon + n * 1000);
    }
    machine.says = noon + 2 * hour;
    expect(clock.now()).to.equal(noon + 2 * hour);
  });

  it('SE-14: is no earlier than what the store has seen', () => {
    const { clock, pass } = turned();
    clock.notBefore(noon + hour);
    expect(clock.now()).to.equal(noon + hour);
    pass(7);
    clock.notBefore(noon);
    expect(clock.now()).to.equal(noon + hour + 7);
  });

  it('follows a step of more than a day: the clock was wrong, and was mended', () => {
    const { machine, clock } = turned();
    clock.now();
    machine.says -= 25 * hour;
    expect(clock.now()).to.equal(noon - 25 * hour);
    clock.notBefore(noon);
    expect(clock.now()).to.equal(noon - 25 * hour);
  });
});
