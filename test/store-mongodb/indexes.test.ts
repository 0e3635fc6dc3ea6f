import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { text } from '../../adapters/store-mongodb/database.ts';
import { indexes } from '../../adapters/store-mongodb/indexes.ts';
import { hostileText } from '../contract/hostile.ts';

describe('The MongoDB store', () => {
  it('docs/mongodb.md lists the indexes as they are made', () => {
    const shown = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'mongodb.md'), 'utf8')
      .split('\n')
      .flatMap((line) => {
        const [, collection, name, key, rest] = /^\| `(\w+)` \| `(\w+)` \| `\{(.*)\}` \| (.*) \|$/.exec(line) ?? [];
        return name === undefined ? [] : [`${collection} ${name} ${key!.replaceAll(' ', '')} ${rest}`];
      });
    const made = Object.entries(indexes).flatMap(([collection, all]) =>
      all.map(({ name, key, unique, sparse, expireAfterSeconds }) => {
        const rest = [
          ...(unique === true ? ['unique'] : []),
          ...(sparse === true ? ['sparse'] : []),
          ...(expireAfterSeconds === undefined ? [] : [`TTL, ${expireAfterSeconds} s`]),
        ];
        const fields = Object.entries(key as Record<string, number>).map(([field, order]) => `${field}:${order}`);
        return `${collection} ${name} ${fields.join(',')} ${rest.join(', ')}`;
      }),
    );
    expect(shown).to.deep.equal(made);
  });

  it('SE-07: a value is a text when it reaches the driver, and different texts stay different', () =>
    fc.assert(
      fc.property(hostileText, hostileText, (one, other) => {
        expect(text(one) === text(other)).to.equal(one === other);
        expect(text(one)).to.satisfy((stored: string) => stored.isWellFormed() && !stored.includes('\u0000'));
        expect(JSON.parse(`"${text(one)}"`)).to.equal(one);
      }),
    ));

  it('SE-07: and so is what is none', () => {
    for (const value of [{ $ne: null }, ['a', 'b'], null, undefined, 7, true]) {
      expect(text(value)).to.equal(String(value));
    }
  });
});
