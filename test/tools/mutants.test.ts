import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { mutantsOf } from '../../tools/mutation/mutants.ts';

const root = join(import.meta.dirname, '..', '..');

describe('The mutants of a source file', () => {
  it('can be listed for every file of src and adapters, and each replaces the text that it names', async () => {
    for (const top of ['src', 'adapters']) {
      for (const file of readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })) {
        if (!file.endsWith('.ts')) continue;
        const text = readFileSync(join(root, top, file), 'utf8');
        for (const { start, end, line, original } of await mutantsOf(join(top, file), text)) {
          expect(text.slice(start, end), file).to.equal(original);
          expect(text.slice(0, start).split('\n'), file).to.have.length(line);
        }
      }
    }
  }).timeout(120_000);

  it('are small changes of decisions, not of texts for people', async () => {
    const text = "if (a[0]!++ > 1) throw new Error('too many');\nlog.warn('many');\n";
    const found = (await mutantsOf('x.ts', text)).map(({ original, replacement }) => `${original} -> ${replacement}`);
    expect(found).to.include('a[0]!++ > 1 -> true');
    expect(found.join('\n')).not.to.include("'too many'").and.not.include("'many' ->");
  });
});
