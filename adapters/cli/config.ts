/** `portcullis config check FILE`: everything that is wrong with a declarative configuration, without a gate. */
import { readFileSync } from 'node:fs';
import type { CommandLine } from './command-line.ts';
import { paintFor, type Terminal } from './terminal.ts';

export async function config({ positionals, flags }: CommandLine, { out, err, env }: Terminal): Promise<number> {
  const [act, file] = positionals;
  if (act !== 'check' || file === undefined) {
    err.write('portcullis config: takes check and a file: portcullis config check kong.yml\n');
    return 2;
  }
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    err.write(`portcullis config: ${file} cannot be read (${code === 'ENOENT' ? 'there is no such file' : code})\n`);
    return 2;
  }
  // YAML is only needed here.
  const [{ checkText }, { problemLines }] = await Promise.all([
    import('../declarative/check-text.ts'),
    import('../declarative/problem-lines.ts'),
  ]);
  const skip = (flags['skip-plugins'] ?? '').split(',').flatMap((name) => (name.trim() === '' ? [] : [name.trim()]));
  const checked = checkText(text, skip, Date.now());
  if (checked.problems !== undefined) {
    err.write(`${problemLines(checked.problems, file).join('\n')}\n`);
    return 1;
  }
  const { green } = paintFor(out, env);
  const counts = [...checked.counts].map(([kind, count]) => `${kind} ${count}`).join(', ');
  const skipped = checked.skipped.length === 0 ? '' : `; left out: ${checked.skipped.join(', ')}`;
  out.write(`${green(`${file} can be loaded`)}: ${counts === '' ? 'it is empty' : counts}${skipped}\n`);
  return 0;
}
