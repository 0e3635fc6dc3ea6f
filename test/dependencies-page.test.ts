/** docs/dependencies.md lists every package of package.json, and no others. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';

const root = join(import.meta.dirname, '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
  'dependencies' | 'devDependencies' | 'peerDependencies',
  Readonly<Record<string, string>>
>;
const sections = readFileSync(join(root, 'docs', 'dependencies.md'), 'utf8').split(/^## .*$/m);
const [, atRunTime = '', peers = '', development = ''] = sections;

describe('docs/dependencies.md', () => {
  const isPeer = (name: string) => name in manifest.peerDependencies;
  for (const [section, text, packages] of [
    ['at run time', atRunTime, Object.keys(manifest.dependencies)],
    ['peers', peers, Object.keys(manifest.peerDependencies)],
    ['for development', development, Object.keys(manifest.devDependencies).filter((name) => !isPeer(name))],
  ] as const) {
    it(`lists each package ${section} once, with what it is for, why this one, and its upkeep`, () => {
      const rows = text.split('\n').filter((line) => line.startsWith('| `'));
      const cells = rows.map((row) => row.split(/(?<!\\)\|/).map((cell) => cell.trim()));
      expect(cells.map(([, name]) => name!.replaceAll('`', ''))).to.deep.equal([...packages].sort());
      for (const row of cells) {
        expect(row, row[1]).to.have.length(6);
        for (const cell of row.slice(1, 5)) expect(cell, row[1]).not.to.equal('');
      }
    });
  }

  it('has exact versions to list', () => {
    const versions = Object.values({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).to.deep.equal([]);
  });
});
