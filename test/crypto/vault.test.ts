import { expect } from 'chai';
import fc from 'fast-check';
import { openVault, SealBroken } from '../../adapters/crypto/vault.ts';

const [first, second, third] = [1, 2, 3].map((n) => new Uint8Array(32).fill(n)) as [Uint8Array, Uint8Array, Uint8Array];
const vault = openVault({ current: first });

describe('The vault', () => {
  it('gives the same digest for the same value and purpose only', () =>
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), fc.string(), (purpose, value, otherPurpose, otherValue) => {
        const isSame = purpose === otherPurpose && value === otherValue;
        expect(vault.digest(purpose, value)).to.equal(vault.digest(purpose, value));
        expect(vault.digest(purpose, value) === vault.digest(otherPurpose, otherValue)).to.equal(isSame);
      }),
      {
        examples: [
          ['a', 'bc', 'ab', 'c'],
          ['', '1:a', '1:', 'a'],
        ],
      },
    ));

  it('opens what it sealed, for any text', () =>
    fc.assert(
      fc.property(fc.string(), fc.string({ unit: 'grapheme' }), (purpose, value) => {
        const sealed = vault.seal(purpose, value);
        expect(vault.unseal(purpose, sealed)).to.equal(value);
        if (value.length > 8) expect(sealed).to.not.include(value);
      }),
    ));

  it('seals the same value differently each time', () => {
    expect(new Set(Array.from({ length: 100 }, () => vault.seal('purpose', 'value'))).size).to.equal(100);
  });

  it('refuses a sealed value with one bit changed, cut short, for another purpose or of another key', () => {
    const sealed = vault.seal('purpose', 'value');
    const [keyId, text] = sealed.split('.') as [string, string];
    const bytes = Buffer.from(text, 'base64url');
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      expect(() => vault.unseal('purpose', `${keyId}.${changed.toString('base64url')}`), `byte ${at}`).to.throw(
        SealBroken,
      );
    }
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.subarray(0, length).toString('base64url');
      expect(() => vault.unseal('purpose', `${keyId}.${cut}`), `${length} bytes`).to.throw(SealBroken);
    }
    expect(() => vault.unseal('another', sealed)).to.throw(SealBroken);
    expect(() => openVault({ current: second }).unseal('purpose', sealed)).to.throw(SealBroken);
    for (const nonsense of ['', '.', 'x', `${keyId}.`])
      expect(() => vault.unseal('purpose', nonsense)).to.throw(SealBroken);
  });

  it('puts no sealed secret into an error', () => {
    try {
      vault.unseal('another', vault.seal('purpose', 'the secret'));
      expect.fail('it opened');
    } catch (error) {
      expect(String((error as Error).stack)).to.not.include('the secret');
    }
  });

  it('names the key in each digest and each sealed value, and proves which key it has', () => {
    expect(vault.digest('purpose', 'value').startsWith(`${vault.keyId}.`)).to.equal(true);
    expect(vault.seal('purpose', 'value').startsWith(`${vault.keyId}.`)).to.equal(true);
    expect(vault.checkValue(vault.keyId)).to.equal(
      openVault({ current: second, previous: [first] }).checkValue(vault.keyId),
    );
    expect(vault.checkValue(openVault({ current: second }).keyId)).to.equal(undefined);
    expect(vault.keyId)
      .to.match(/^[\w-]{8}$/)
      .and.not.equal(openVault({ current: second }).keyId);
  });

  it('after a rotation writes with the new key, and finds and opens values of the previous keys', () => {
    const rotated = openVault({ current: third, previous: [second, first] });
    const [oldest, older] = [vault, openVault({ current: second })];
    expect(rotated.keyIds).to.deep.equal([openVault({ current: third }).keyId, older.keyId, oldest.keyId]);
    expect(rotated.digest('purpose', 'value')).to.equal(openVault({ current: third }).digest('purpose', 'value'));
    expect(rotated.candidates('purpose', 'value')).to.deep.equal(
      [openVault({ current: third }), older, oldest].map((one) => one.digest('purpose', 'value')),
    );
    for (const one of [oldest, older])
      expect(rotated.unseal('purpose', one.seal('purpose', 'value'))).to.equal('value');
    expect(rotated.seal('purpose', 'value').startsWith(`${rotated.keyId}.`)).to.equal(true);
  });

  it('counts a key that is listed twice once', () => {
    expect(openVault({ current: first, previous: [first, second, second] }).keyIds).to.have.length(2);
  });

  it('derives another key for each use', () => {
    const keys = [vault.derive('one'), vault.derive('other'), openVault({ current: second }).derive('one')];
    expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).to.equal(3);
    expect(vault.derive('one')).to.deep.equal(keys[0]);
    expect(keys.every((key) => key.length === 32)).to.equal(true);
  });
});
