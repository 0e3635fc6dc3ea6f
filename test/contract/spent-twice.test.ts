import { expect } from 'chai';
import { memoryGrants } from '../../adapters/store-memory/grants.ts';
import { cleanUp, newDirectory, openTestStore } from '../store-lmdb/directory.ts';
import { world } from '../store-lmdb/writer.ts';
import { turnedClock } from './clock.ts';

const stores = {
  memory: memoryGrants,
  lmdb: (clock: ReturnType<typeof turnedClock>) => openTestStore(newDirectory(), clock).grants,
};

describe('A refresh token that an operator made current again and that was used again', () => {
  after(cleanUp);

  for (const [name, open] of Object.entries(stores)) {
    it(`is remembered among the last hundred from then on (${name})`, async () => {
      const grants = open(turnedClock());
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
});
