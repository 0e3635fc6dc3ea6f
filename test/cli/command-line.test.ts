import { expect } from 'chai';
import { readCommandLine } from '../../adapters/cli/command-line.ts';

const form = { flags: ['port'], switches: ['check'], positionals: ['URL'] };
const read = (...words: string[]) => readCommandLine(words, form);
const problem = (...words: string[]) => {
  const line = read(...words);
  return 'problem' in line ? line.problem : undefined;
};

describe('A command line', () => {
  it('has flags with a value, flags without one, and words', () => {
    for (const words of [
      ['--port', '1', '--check', 'x'],
      ['x', '--check', '--port=1'],
    ]) {
      expect(read(...words)).to.deep.equal({ flags: { port: '1' }, switches: new Set(['check']), positionals: ['x'] });
    }
  });

  it('is refused with the name of what is wrong', () => {
    expect(problem('--check=yes')).to.equal('--check takes no value');
    expect(problem('--port')).to.equal('--port takes a value: --port VALUE');
    expect(problem('--port', '1', '--port=2')).to.equal('--port is given twice');
    expect(problem('--check', '--check')).to.equal('--check is given twice');
    expect(problem('--prot', '1')).to.equal('unknown flag --prot; did you mean --port?');
    expect(problem('-x')).to.equal('unknown flag -x');
    expect(problem('x', 'y')).to.equal('unexpected argument "y"');
  });
});
