import { expect } from 'chai';
import { StoreUnusable } from '../../src/ports/unavailable.ts';
import { checkMasterKeys, checkSchema, reencryptStore, schemaVersion } from '../../src/records/store-format.ts';

/** A store with rows of the keys `old`, `used` and `new`, of which `used` cannot be replaced. */
function store(isAsync: boolean) {
  const calls: string[] = [];
  const maybeLater = <T>(value: T) => (isAsync ? Promise.resolve(value) : value);
  let keys = ['old', 'used', 'new'];
  const part = (name: string, needs: readonly string[]) => ({
    reencrypt() {
      calls.push(`reencrypt ${name}`);
      return maybeLater<void>(undefined);
    },
    uses(keyId: string) {
      calls.push(`${name} uses ${keyId}`);
      return maybeLater(needs.includes(keyId));
    },
  });
  return {
    calls,
    vault: { keyId: 'new' },
    keysInUse: () => maybeLater<readonly string[]>(keys),
    forgetKey(keyId: string) {
      calls.push(`forget ${keyId}`);
      keys = keys.filter((one) => one !== keyId);
      return maybeLater<void>(undefined);
    },
    parts: [part('grants', ['used']), part('entities', [])],
  };
}

describe('A change of the master key', () => {
  for (const isAsync of [false, true]) {
    it(`re-encrypts every part before it forgets the keys that are not used, ${isAsync ? 'later' : 'at once'}`, async () => {
      const rotated = store(isAsync);
      expect(await reencryptStore(rotated)).to.deep.equal(['used', 'new']);
      expect(rotated.calls).to.deep.equal([
        'reencrypt grants',
        'reencrypt entities',
        'grants uses old',
        'entities uses old',
        'forget old',
        'grants uses used',
      ]);
    });
  }

  it('does nothing if all rows are under the current key', () => {
    const current = { ...store(false), keysInUse: () => ['new'] };
    expect(reencryptStore(current)).to.deep.equal(['new']);
    expect(current.calls).to.deep.equal([]);
  });
});

describe('The checks of a store before it is used', () => {
  it('accept the current schema version only, and say which one they found', () => {
    expect(() => checkSchema('in /data', schemaVersion)).to.not.throw();
    expect(() => checkSchema('in /data', schemaVersion + 1)).to.throw(StoreUnusable, /in \/data .* a newer version/);
    expect(() => checkSchema('in /data', schemaVersion - 1)).to.throw(StoreUnusable, /an older version \(schema 1/);
    expect(() => checkSchema('in /data', 'x')).to.throw(StoreUnusable, /\(schema x, this one knows 2\)/);
  });

  it('accept only keys with the same check value, and say what to do', () => {
    const vault = { checkValue: (keyId: string) => (keyId === 'known' ? 'value' : undefined) };
    expect(() => checkMasterKeys('at db', vault, [['known', 'value']])).to.not.throw();
    for (const check of [
      ['known', 'another value'],
      ['unknown', 'value'],
    ] as const) {
      expect(() => checkMasterKeys('at db', vault, [['known', 'value'], check])).to.throw(
        StoreUnusable,
        /at db was written with another master key .* keep it below the new one in the key file/,
      );
    }
  });
});
