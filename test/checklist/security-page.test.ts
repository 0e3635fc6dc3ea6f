/** docs/security.md says which test holds which promise: here it is held to the tests. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';

const root = join(import.meta.dirname, '..', '..');
const page = readFileSync(join(root, 'docs', 'security.md'), 'utf8');
const lines = [...page.matchAll(/^\| ([A-Z]{2}-\d{2}) \| (.+) \| (.+) \|$/gm)].map(([, id, promise, where]) => ({
  id: id!,
  promise: promise!,
  where: where!,
}));

/** Requirements of a group whose others need a login page. */
const withoutGroup = ['AZ-09', 'AZ-31'];

/** How many requirements each group has. */
const groups = { PK: 14, TK: 26, CA: 12, RF: 12, RS: 24, SE: 14 };

const tests = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('security-page.test.ts'))
  .map((file) => readFileSync(join(root, 'test', file), 'utf8'));

describe('The page on security', () => {
  it('has every requirement of its groups, once and in order', () => {
    const all = Object.entries(groups).flatMap(([group, count]) =>
      Array.from({ length: count }, (_, n) => `${group}-${String(n + 1).padStart(2, '0')}`),
    );
    expect(lines.map(({ id }) => id)).to.deep.equal([...withoutGroup, ...all]);
  });

  for (const { id, where } of lines) {
    const reason = /^not yet: (.+)$/.exec(where)?.[1];
    if (reason !== undefined) {
      it(`${id} is not promised yet, says why, and is claimed by no test`, () => {
        expect(reason).to.have.length.greaterThan(10);
        expect(tests.filter((text) => new RegExp(`['"\`][^'"\`\\n]*\\b${id}\\b`).test(text))).to.have.length(0);
      });
      continue;
    }
    it(`${id} is tested where the page says`, () => {
      const files = [...where.matchAll(/\]\(\.\.\/([^)]+)\)/g)].map(([, file]) => file!);
      expect(files).to.have.length.greaterThan(0);
      for (const file of files) {
        expect(new RegExp(`\\b${id}\\b`).test(readFileSync(join(root, file), 'utf8')), file).to.equal(true);
      }
    });
  }
});
