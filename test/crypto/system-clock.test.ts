import { expect } from 'chai';
import { steadyClock } from '../../adapters/crypto/system-clock.ts';
import { noon } from '../contract/clock.ts';

const hour = 60 * 60 * 1000;

describe('The clock of a gate', () => {
  const testClock = () => {
    const machine = { time: noon, elapsed: 5 };
    const clock = steadyClock(
      () => machine.time,
      () => machine.elapsed,
    );
    const pass = (milliseconds: number) => {
      machine.time += milliseconds;
      machine.elapsed += milliseconds;
    };
    return { machine, clock, pass };
  };

  it('follows the clock of the machine, also when that is set forward', () => {
    const { machine, clock, pass } = testClock();
    expect(clock.now()).to.equal(noon);
    pass(10);
    expect(clock.now()).to.equal(noon + 10);
    machine.time += 1000 * hour;
    expect(clock.now()).to.equal(noon + 1000 * hour + 10);
  });

  it('SE-14: continues when that is set back, until that has caught up', () => {
    const { machine, clock, pass } = testClock();
    clock.now();
    machine.time -= hour;
    for (let n = 1; n <= 3; n++) {
      pass(1000.25);
      expect(clock.now()).to.equal(noon + n * 1000);
    }
    machine.time = noon + 2 * hour;
    expect(clock.now()).to.equal(noon + 2 * hour);
  });

  it('SE-14: is not earlier than the latest time in the store', () => {
    const { clock, pass } = testClock();
    clock.notBefore(noon + hour);
    expect(clock.now()).to.equal(noon + hour);
    pass(7);
    clock.notBefore(noon);
    expect(clock.now()).to.equal(noon + hour + 7);
  });

  it('follows a step back of more than a day: the clock was wrong before', () => {
    const { machine, clock } = testClock();
    clock.now();
    machine.time -= 25 * hour;
    expect(clock.now()).to.equal(noon - 25 * hour);
    clock.notBefore(noon);
    expect(clock.now()).to.equal(noon - 25 * hour);
  });
});
