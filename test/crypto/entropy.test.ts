import { randomFillSync } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { systemEntropy } from '../../adapters/crypto/entropy.ts';
import { derivedSuccessors } from '../../adapters/crypto/successors.ts';
import { openVault } from '../../adapters/crypto/vault.ts';

const form = /^[A-Za-z0-9]{32}$/;

/** How unevenly the characters are distributed: chi-square with 61 degrees of freedom. */
function unevenness(tokens: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const character of tokens.join('')) counts.set(character, (counts.get(character) ?? 0) + 1);
  const expected = (tokens.length * 32) / 62;
  return (
    [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0) +
    (62 - counts.size) * expected
  );
}

/** A random generator exceeds this once in a million million runs. */
const tooUneven = 61 + 12 * Math.sqrt(2 * 61);

describe('Entropy', () => {
  it('AZ-28, TK-20: draws tokens of 32 letters and digits, no two alike', () => {
    const { token } = systemEntropy();
    const tokens = Array.from({ length: 20_000 }, token);
    expect(tokens.filter((one) => !form.test(one))).to.deep.equal([]);
    expect(new Set(tokens).size).to.equal(20_000);
  });

  it('makes no character more likely than another', () => {
    const { token } = systemEntropy();
    expect(unevenness(Array.from({ length: 20_000 }, token))).to.be.below(tooUneven);
  });

  it('the test above finds the bias of a plain remainder', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
    const biased = () => [...randomFillSync(new Uint8Array(32))].map((byte) => alphabet[byte % 62]).join('');
    expect(unevenness(Array.from({ length: 20_000 }, biased))).to.be.above(tooUneven);
  });

  it('uses every byte once, whatever the generator returns', () => {
    let next = 0;
    const counting = systemEntropy((bytes) => {
      for (const at of bytes.keys()) bytes[at] = next++ % 256;
    });
    const drawn = Array.from({ length: 500 }, () => counting.token()).join('');
    const unbiased = Array.from({ length: 70_000 }, (_, at) => at % 256).filter((byte) => byte < 248);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
    expect(drawn).to.equal(
      unbiased
        .slice(0, drawn.length)
        .map((byte) => alphabet[byte % 62])
        .join(''),
    );
  });

  it('draws random UUIDs (RFC 9562 §5.4)', () => {
    const { uuid } = systemEntropy();
    const uuids = Array.from({ length: 1_000 }, uuid);
    expect(
      uuids.filter((one) => !/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(one)),
    ).to.deep.equal([]);
    expect(new Set(uuids).size).to.equal(1_000);
  });
});

describe('Successors of refresh tokens', () => {
  const successors = derivedSuccessors(openVault({ current: new Uint8Array(32).fill(1) }));

  it('RF-06: are the same for the same token, and differ for different tokens', () =>
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        const pair = successors.successorOf(one);
        expect(pair).to.deep.equal(successors.successorOf(one));
        expect(pair.accessToken).to.match(form);
        expect(pair.refreshToken).to.match(form);
        expect(pair.accessToken).to.not.equal(pair.refreshToken);
        if (one !== other) expect(pair).to.not.deep.equal(successors.successorOf(other));
      }),
    ));

  it('cannot be made without the key', () => {
    const others = derivedSuccessors(openVault({ current: new Uint8Array(32).fill(2) }));
    expect(others.successorOf('refresh token')).to.not.deep.equal(successors.successorOf('refresh token'));
  });

  it('are as evenly distributed as random ones', () => {
    const tokens = Array.from({ length: 10_000 }, (_, n) => Object.values(successors.successorOf(`token ${n}`))).flat();
    expect(new Set(tokens).size).to.equal(20_000);
    expect(unevenness(tokens)).to.be.below(tooUneven);
  });
});
