import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { sameOctets, sameSecret } from '../../src/oauth/same-secret.ts';

const root = join(import.meta.dirname, '..', '..', 'src');

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

  it('CA-08: compares digests in constant time, and secrets nowhere else', () => {
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    const source = (file: string) => readFileSync(join(root, file), 'utf8');
    expect(source('oauth/same-secret.ts')).to.match(
      /sameSecret\([^)]*\)[^}]*timingSafeEqual\(digest\(one\), digest\(other\)\)/,
    );
    expect(files.filter((file) => /\btimingSafeEqual\b/.test(source(file)))).to.deep.equal(['oauth/same-secret.ts']);
    const compared = /\b\w*[sS]ecret\w* ===? (?!undefined|null|''|'string')\w/;
    expect(files.filter((file) => compared.test(source(file)))).to.deep.equal([]);
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
