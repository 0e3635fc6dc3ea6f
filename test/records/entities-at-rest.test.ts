import { expect } from 'chai';
import type { EntityKind } from '../../src/ports/entity-store.ts';
import type { Vault } from '../../src/ports/vault.ts';
import { rowEncryption } from '../../src/records/entities-at-rest.ts';

/** Shows what is encrypted or digested, and for which purpose. */
const vault: Pick<Vault, 'digest' | 'candidates' | 'seal' | 'unseal'> = {
  digest: (purpose, text) => `${purpose} ${text}`,
  candidates: (purpose, text) => [`${purpose} ${text}`],
  seal: (purpose, text) => `${purpose} ${text}`,
  unseal(purpose, sealed) {
    if (!sealed.startsWith(`${purpose} `)) throw new Error('sealed for another purpose');
    return sealed.slice(purpose.length + 1);
  },
};

const plugins: EntityKind = {
  name: 'plugins',
  unique: ['instance_name'],
  uniqueTogether: [['name', 'service', 'consumer']],
  foreign: [
    { field: 'service', kind: 'services', onDelete: 'cascade' },
    { field: 'consumer', kind: 'consumers', onDelete: 'null' },
  ],
  encrypted: () => ['config.secret'],
};
const row = {
  id: 'p',
  name: 'oauth2',
  instance_name: 'one',
  service: { id: 's' },
  consumer: { id: 'c' },
  config: { secret: 'x', profile: 'kong' },
};

describe('Rows as a store keeps them', () => {
  const { encrypt, decrypt, withoutReferences, reencrypt } = rowEncryption(vault);

  it('have their secrets apart, for one place of one row', () => {
    const stored = encrypt(plugins, row);
    expect(stored.row['config']).to.deep.equal({ secret: null, profile: 'kong' });
    expect(decrypt(stored)).to.deep.equal(row);
    expect(reencrypt(stored)).to.deep.equal(stored);
    expect(() => decrypt({ ...stored, row: { ...stored.row, id: 'q' } })).to.throw('another purpose');
  });

  it('lose a reference, and with it only the unique keys that it is part of', () => {
    const without = encrypt(plugins, { ...row, consumer: null });
    const { stored, changed } = withoutReferences(encrypt(plugins, row), ['consumer']);
    expect(stored.row).to.deep.equal(without.row);
    expect(stored.references).to.deep.equal(without.references);
    expect(stored.unique).to.have.deep.members(without.unique);
    expect(changed.map(({ fields }) => fields)).to.deep.equal([['name', 'service', 'consumer']]);
    expect(decrypt(stored)).to.deep.equal({ ...row, consumer: null });
  });
});
