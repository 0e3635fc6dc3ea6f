import { expect } from 'chai';
import { boundedCache } from '../../src/records/bounded-cache.ts';

function world(limit: number) {
  const cache = boundedCache<string, { key: string; owner: string; wasUsed: boolean }, 'owner'>(limit, {
    owner: ({ owner }) => [owner],
  });
  return {
    cache,
    keep: (key: string, owner = key) =>
      cache.readAndKeep(
        key,
        () => owner,
        () => ({ key, owner, wasUsed: false }),
      ),
    use(key: string) {
      cache.get(key)!.wasUsed = true;
    },
  };
}

describe('The bounded cache', () => {
  it('evicts an entry that was used once before an entry that was used since', () => {
    const { cache, keep, use } = world(3);
    for (const key of ['a', 'b', 'c']) keep(key);
    use('a');
    // `a` goes to the end, and `b` is evicted.
    keep('d');
    use('c');
    use('d');
    // Now only `a` was not used since it was looked at.
    keep('e');
    expect(['a', 'b', 'c', 'd', 'e'].filter((key) => cache.get(key) !== undefined)).to.deep.equal(['c', 'd', 'e']);
  });

  it('forgets the ids of its entries when it is cleared', () => {
    const { cache, keep } = world(3);
    keep('a', 'ada');
    cache.clear();
    keep('a', 'bob');
    cache.removeBy('owner', 'ada');
    expect(cache.get('a')?.owner).to.equal('bob');
    cache.removeBy('owner', 'bob');
    expect(cache.size).to.equal(0);
  });
});
