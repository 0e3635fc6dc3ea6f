import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { edgesOf, fileOf, page, placesIn } from './support/diagram.ts';
import { machines } from './support/machines.ts';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'docs/state-machines');

describe('The drawings in docs/state-machines', () => {
  for (const walkable of machines) {
    const { name } = walkable.machine;

    it(`show ${name} as it is; if not, run: npm run docs`, () => {
      expect(readFileSync(join(folder, fileOf(walkable)), 'utf8')).to.equal(page(walkable));
    });

    it(`every cell of ${name} is taken by some walk`, () => {
      const taken = edgesOf(walkable).map(({ from, event }) => `${from} ${event}`);
      expect(placesIn(walkable).filter((place) => !taken.includes(place))).to.deep.equal([]);
    });

    it(`the drawing at the head of the file of ${name} names its states and its outcomes`, () => {
      const head = headOf(name);
      const states = edgesOf(walkable).flatMap(({ from, to }) => [from, to]);
      const missing = states.filter((state) => state !== '[*]' && !head.includes(state));
      expect([...new Set(missing)]).to.deep.equal([]);
    });
  }

  it('are of machines that are there', () => {
    expect(readdirSync(folder).sort()).to.deep.equal([...machines.map(fileOf), 'README.md'].sort());
  });
});

/** The comment at the head of the file that has the machine of this name. */
function headOf(name: string): string {
  const files = ['src/grants', 'src/authorization', 'src/access'].flatMap((folder) =>
    readdirSync(join(root, folder)).map((file) => readFileSync(join(root, folder, file), 'utf8')),
  );
  const own = files.find((text) => text.includes(`name: '${name}'`));
  return own?.slice(0, own.indexOf('*/')) ?? '';
}
