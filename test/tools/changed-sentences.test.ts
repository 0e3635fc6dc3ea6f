import { expect } from 'chai';
import { changedSentences, sentencesIn } from '../../tools/changed-sentences.ts';

describe('The sentences of a file', () => {
  it('are those of comments and strings in code', () => {
    const code = [
      '/**',
      ' * The first sentence goes on',
      ' * over two lines. The second one ends.',
      ' */',
      "import { a } from './some/path-to-a.ts';",
      '// One comment over',
      '// two more lines.',
      "throw new Error('this message has words');",
      'const text = `so has this template`;',
    ].join('\n');
    expect(sentencesIn('a.ts', code)).to.deep.equal([
      'The first sentence goes on over two lines.',
      'The second one ends.',
      'One comment over two more lines.',
      'this message has words',
      'so has this template',
    ]);
  });

  it('are those of paragraphs, items and cells in a page, without code blocks', () => {
    const page =
      '# A heading of four words\n\nA paragraph over\ntwo lines.\n\n```\nno sentence in here at all\n```\n\n- an item of five words\n\n| a cell of four | two |\n';
    expect(sentencesIn('a.md', page)).to.deep.equal([
      'A heading of four words',
      'A paragraph over two lines.',
      'an item of five words',
      'a cell of four',
    ]);
  });
});

describe('Changed sentences', () => {
  const before = new Map([
    ['a.ts', ['The client sees an error.', 'This sentence stays.', 'The grant ends with its tokens.']],
    ['old.ts', ['A row that is old is removed here.']],
  ]);

  it('are paired with their former wording; equal and unrelated ones are not', () => {
    const after = new Map([
      ['a.ts', ['This sentence stays.', 'The client receives an error.', 'Certificates are read once a day.']],
    ]);
    expect(changedSentences(before, after)).to.deep.equal([
      { path: 'a.ts', before: 'The client sees an error.', after: 'The client receives an error.' },
    ]);
  });

  it('are found in a renamed file, and in another file if they are similar enough', () => {
    const after = new Map([
      ['new.ts', ['A row that is expired is deleted here.']],
      ['b.ts', ['The grant expires with its tokens.']],
    ]);
    const former = (path: string) => (path === 'new.ts' ? 'old.ts' : path);
    expect(changedSentences(before, after, former).map(({ path, before }) => [path, before])).to.deep.equal([
      ['new.ts', 'A row that is old is removed here.'],
      ['b.ts', 'The grant ends with its tokens.'],
    ]);
  });

  it('that only moved are not listed', () => {
    const after = new Map([['elsewhere.ts', [...before.values()].flat()]]);
    expect(changedSentences(before, after)).to.deep.equal([]);
  });
});
