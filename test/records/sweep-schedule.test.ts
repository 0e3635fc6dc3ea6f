import { expect } from 'chai';
import { sweepSchedule } from '../../src/records/sweep-schedule.ts';

describe('The schedule of sweeps', () => {
  it('is due at first, then after a quarter of a second, or at once if there may be more rows', () => {
    const sweeps = sweepSchedule();
    expect(sweeps.isDue(1_000)).to.equal(true);
    sweeps.swept(1_000, false);
    expect([1_000, 1_249, 1_250].map(sweeps.isDue)).to.deep.equal([false, false, true]);
    sweeps.swept(1_250, true);
    expect(sweeps.isDue(1_250)).to.equal(true);
  });

  it('is due at once when the clock was set back', () => {
    const sweeps = sweepSchedule();
    sweeps.swept(1_000, false);
    expect([1_000, 999].map(sweeps.isDue)).to.deep.equal([false, true]);
  });
});
