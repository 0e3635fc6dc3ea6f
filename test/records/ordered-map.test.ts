import { expect } from 'chai';
import fc from 'fast-check';
import { oldestKey, orderedMap } from '../../src/records/ordered-map.ts';

describe('A map in the order of insertion', () => {
  it('behaves as a Map whose set moves a key to the end', () => {
    const key = fc.integer({ min: 0, max: 7 });
    const call = fc.oneof(
      fc.record({ do: fc.constant('set' as const), key }),
      fc.record({ do: fc.constant('delete' as const), key }),
      fc.record({ do: fc.constant('clear' as const), key }),
    );
    fc.assert(
      fc.property(fc.array(call, { maxLength: 60 }), (calls) => {
        const plain = new Map<number, number>();
        const ordered = orderedMap<number, number>();
        for (const [at, { do: name, key }] of calls.entries()) {
          if (name === 'set') {
            plain.delete(key);
            plain.set(key, at);
            ordered.set(key, at);
          } else if (name === 'delete') expect(ordered.delete(key)).to.equal(plain.delete(key));
          else {
            plain.clear();
            ordered.clear();
          }
          expect([...ordered]).to.deep.equal([...plain]);
          expect(ordered.size).to.equal(plain.size);
          expect(oldestKey(ordered)).to.equal(plain.keys().next().value);
          for (let k = 0; k < 8; k++) {
            expect(ordered.get(k)).to.equal(plain.get(k));
            expect(ordered.has(k)).to.equal(plain.has(k));
          }
        }
      }),
    );
  });

  it('the entry at hand may be deleted or moved to the end during the iteration', () => {
    const ordered = orderedMap<string, number>();
    for (const key of ['a', 'b', 'c', 'd']) ordered.set(key, 1);
    const seen: string[] = [];
    for (const [key, value] of ordered) {
      seen.push(key);
      if (seen.length > 4) break;
      if (key === 'a' || key === 'd') ordered.delete(key);
      else ordered.set(key, value + 1);
    }
    expect(seen.slice(0, 4)).to.deep.equal(['a', 'b', 'c', 'd']);
    expect([...ordered]).to.deep.equal([
      ['b', 2],
      ['c', 2],
    ]);
  });
});
