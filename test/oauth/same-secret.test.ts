import { expect } from 'chai';
import fc from 'fast-check';
import { sameOctets, sameSecret } from '../../src/oauth/same-secret.ts';

describe('Comparing secrets', () => {
  it('CA-08: says the same as ===, for any two texts', () => {
    const text = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(text, text, (one, other) => {
        expect(sameSecret(one, other)).to.equal(one === other);
        expect(sameSecret(one, one)).to.equal(true);
      }),
    );
  });

  it('compares octets', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (one, other) => {
        expect(sameOctets(one, other)).to.equal(Buffer.from(one).equals(other));
        expect(sameOctets(one, Uint8Array.from(one))).to.equal(true);
      }),
    );
  });

  it('CA-08: takes texts of any two lengths', () => {
    for (const other of ['', 's', 'secre', 'secrett', 'Secret', 'secret\0', 'x'.repeat(1_000_000)]) {
      expect(sameSecret('secret', other)).to.equal(false);
    }
  });
});
