import { expect } from 'chai';
import fc from 'fast-check';
import { readPhc, secretHashes } from '../../adapters/crypto/secret-hash.ts';
import { isHashedSecret } from '../../src/oauth/hashed-secret.ts';

const kongs = '$pbkdf2-sha512$i=10000,l=32$3me1eyrg3GUFSB9rACTYjg$wy0EyR36adKPxl4UNzMRs1jrvU4zS0M1G3n67RZziCY';

describe('A stored secret is a hash', () => {
  it('if Kong or the gate has hashed it', async () => {
    expect(isHashedSecret(kongs)).to.equal(true);
    expect(isHashedSecret(await secretHashes().hash('secret'))).to.equal(true);
  });

  it('even if its numbers are too large or wrong, so that the hash itself never becomes the secret', () => {
    for (const text of [kongs.replace('i=10000', 'i=10000000'), kongs.replace('l=32', 'l=33')]) {
      expect(readPhc(text), text).to.equal(undefined);
      expect(isHashedSecret(text), text).to.equal(true);
    }
  });

  it('whenever it can be verified as one', () => {
    const number = fc.nat(2_000_000);
    const base64 = fc.base64String().map((text) => text.replaceAll('=', ''));
    fc.assert(
      fc.property(number, number, base64, base64, (i, l, salt, digest) => {
        const text = `$pbkdf2-sha512$i=${i},l=${l}$${salt}$${digest}`;
        if (readPhc(text) !== undefined) expect(isHashedSecret(text)).to.equal(true);
      }),
    );
  });

  it('in no other form', () => {
    const others = ['', 'secret', '$pbkdf2-sha512$', '$pbkdf2-sha512$secret', ` ${kongs}`, kongs.replace('512', '256')];
    for (const text of others) expect(isHashedSecret(text), text).to.equal(false);
    fc.assert(fc.property(fc.string(), (text) => !isHashedSecret(text)));
  });
});
