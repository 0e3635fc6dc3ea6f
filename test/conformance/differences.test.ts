import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { errorsOf, readDifferences } from './kong/differences.ts';

describe('The intended differences from Kong', () => {
  const page = (...rows: string[]) => ['| place | what | why |', '|---|---|---|', ...rows].join('\n');

  it('are rows of the page: a place with its steps, what, and why', () => {
    expect(readDifferences(page('| `a/b-c:1,22` | what | why |'))).to.deep.equal([
      { place: 'a/b-c:1', what: 'what', why: 'why' },
      { place: 'a/b-c:22', what: 'what', why: 'why' },
    ]);
  });

  it('a row without a reason and an unreadable row are errors', () => {
    for (const row of [
      '| `a/b:1` | what |',
      '| `a/b` | what | why |',
      '| `a/b:1, 2` | what | why |',
      '| `a/b:1` | what |  |',
    ]) {
      expect(() => readDifferences(page(row)), row).to.throw(/differences-from-kong.md:3/);
    }
    expect(() => readDifferences(page('| `a/b:1,2` | w | y |', '| `a/b:2` | w | y |'))).to.throw(
      /a\/b:2 is listed twice/,
    );
  });

  it('fail a run that has no such difference, no such step, or other differences', () => {
    const compared = [
      { place: 'a/b:1', equal: true },
      { place: 'a/b:2', equal: false },
      { place: 'a/b:3', equal: false },
      { place: 'a/b:4', equal: true },
    ];
    const meant = readDifferences(page('| `a/b:2,4,5` | w | y |'));
    expect(errorsOf(compared, meant)).to.deep.equal({ unmeant: ['a/b:3'], gone: ['a/b:4'], unknown: ['a/b:5'] });
  });

  it('without a recording have a test whose name begins with their id', () => {
    const root = join(import.meta.dirname, '..', '..');
    const [, text = ''] = readFileSync(join(root, 'docs', 'differences-from-kong.md'), 'utf8').split(
      '\n## Differences without a recording\n',
    );
    const lines = text.split(/^- /m).slice(1);
    expect(lines.length).to.be.greaterThan(10);
    const ids = lines.map((line) => /^\*\*(KD-\d\d)\*\* /.exec(line)?.[1] ?? line);
    expect(ids).to.deep.equal(ids.map((_, at) => `KD-${String(at + 1).padStart(2, '0')}`));
    for (const [at, line] of lines.entries()) {
      const files = [...line.matchAll(/`(test\/[\w./-]+\.test\.ts)`/g)].map(([, file]) => file!);
      expect(files, ids[at]).not.to.deep.equal([]);
      for (const file of files) {
        const tests = readFileSync(join(root, file), 'utf8');
        expect(
          tests.includes(`it('${ids[at]}: `) || tests.includes(`describe('${ids[at]}: `),
          `${ids[at]} ${file}`,
        ).to.equal(true);
      }
    }
  });

  it('are for recorded steps only', () => {
    const golden = (topic: string) =>
      readFileSync(join(import.meta.dirname, 'kong', 'golden', `${topic}.jsonl`), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { topic: string; case: string; step: number });
    const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'differences-from-kong.md'), 'utf8');
    const places = readDifferences(text).map(({ place }) => place);
    expect(places.length).to.be.greaterThan(0);
    const topics = [...new Set(places.map((place) => place.split('/')[0]!))];
    const recorded = new Set(topics.flatMap(golden).map((one) => `${one.topic}/${one.case}:${one.step}`));
    expect(places.filter((place) => !recorded.has(place))).to.deep.equal([]);
  });
});
