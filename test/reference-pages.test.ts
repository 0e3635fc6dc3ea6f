import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { plugins } from '../src/plugins/plugins.ts';
import { referencePages } from '../tools/docs/reference-pages.ts';

const docs = join(import.meta.dirname, '..', 'docs');

describe('The reference pages', () => {
  for (const [file, text] of referencePages()) {
    it(`docs/${file} is what \`npm run docs\` writes`, () => {
      expect(readFileSync(join(docs, file), 'utf8')).to.equal(text);
    });
  }

  it('name every setting of every plugin, with a meaning', () => {
    const pages = [...referencePages().values()].join('\n');
    for (const { name, fields } of plugins) {
      const { config } = fields as { config?: { fields?: Readonly<Record<string, unknown>> } };
      for (const setting of Object.keys(config?.fields ?? {})) expect(pages, `${name}.${setting}`).to.include(setting);
    }
    expect(pages).not.to.match(/^\| `[^`]+` \| [^|]* \| [^|]* \|\s+\|$/m);
  });

  it('docs/README.md links every page', () => {
    const index = readFileSync(join(docs, 'README.md'), 'utf8');
    const pages = readdirSync(docs).filter((file) => file.endsWith('.md') && file !== 'README.md');
    expect(pages.filter((page) => !index.includes(`](${page})`))).to.deep.equal([]);
  });
});
