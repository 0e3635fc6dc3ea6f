import { expect } from 'chai';
import type { Clock } from '../../src/ports/clock.ts';
import type { Grants } from '../../src/ports/grants.ts';
import type { MaybePromise } from '../../src/ports/maybe-promise.ts';
import { world } from '../store-lmdb/writer.ts';
import { testClock } from './clock.ts';

/** A store of ours remembers the last hundred used refresh tokens of a grant, in the order of their last use. */
export function remembersTokensUsedTwice(name: string, open: (clock: Clock) => MaybePromise<Grants>): void {
  it(`${name} counts a refresh token that an operator made current again from its second use`, async () => {
    const grants = await open(testClock());
    const { grant, first, rotation } = world(1);
    const rotate = (from: string, n: number) =>
      grants.rotate(from, {
        ...rotation,
        attempt: `attempt ${n}`,
        tokens: { accessToken: `access ${n}`, refreshToken: `refresh ${n}` },
      });
    await grants.open(grant, first);
    await rotate(first.refreshToken, -1);
    await rotate('refresh -1', 0);
    await grants.replace(grant, first);
    await rotate(first.refreshToken, 1);
    for (let n = 2; n <= 100; n++) await rotate(`refresh ${n - 1}`, n);
    expect(await rotate(first.refreshToken, 101)).to.include({ outcome: 'reused' });
    await rotate('refresh 100', 102);
    expect(await rotate(first.refreshToken, 103)).to.include({ outcome: 'unknown' });
  });
}
