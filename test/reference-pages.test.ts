import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { plugins } from '../src/plugins/plugins.ts';
import { referencePages } from '../tools/docs/reference-pages.ts';

const docs = join(import.meta.dirname, '..', 'docs');

describe('The reference pages', () => {
  let pages: ReadonlyMap<string, string>;
  before(async () => {
    pages = await referencePages();
  });

  it('are what `npm run docs` writes', () => {
    expect(pages.size).to.equal(4);
    for (const [file, text] of pages) expect(readFileSync(join(docs, file), 'utf8'), file).to.equal(text);
  });

  it('name every setting and every field, with a meaning', () => {
    const all = [...pages.values()].join('\n');
    for (const { name, fields } of plugins) {
      const { config } = fields as { config?: { fields?: Readonly<Record<string, unknown>> } };
      for (const setting of Object.keys(config?.fields ?? {})) expect(all, `${name}.${setting}`).to.include(setting);
    }
    for (const [file, text] of pages) {
      const withoutMeaning = text.split('\n').filter((line) => /^\| `[^`]+` \|.*\|\s+\|$/.test(line));
      expect(withoutMeaning, file).to.deep.equal([]);
    }
  });

  it('are linked from docs/README.md, with every other page, and it links nothing else', () => {
    const links = [...readFileSync(join(docs, 'README.md'), 'utf8').matchAll(/\]\(([^)/]+\.md)\)/g)].map(
      ([, to]) => to!,
    );
    const files = readdirSync(docs).filter((file) => file.endsWith('.md') && file !== 'README.md');
    expect([...new Set(links)].sort()).to.deep.equal(files.sort());
  });
});
