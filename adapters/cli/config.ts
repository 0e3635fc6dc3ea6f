/** `portcullis config check FILE`: lists all problems of a declarative configuration, without a gate. */
import { readFileSync } from 'node:fs';
import type { Plugins } from '../configuration/plugin-modules.ts';
import { readPaths } from '../configuration/values.ts';
import type { CommandLine } from './command-line.ts';
import { paintFor, type Terminal } from './terminal.ts';

export async function config({ positionals, flags }: CommandLine, { out, err, env }: Terminal): Promise<number> {
  const [act, file] = positionals;
  if (act !== 'check' || file === undefined) {
    err.write('portcullis config: takes check and a file, as in portcullis config check kong.yml\n');
    return 2;
  }
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    err.write(`portcullis config: ${file} cannot be read (${code === 'ENOENT' ? 'no such file' : code})\n`);
    return 2;
  }
  // Imported here, since no other command needs YAML.
  const [{ checkText }, { problemLines }, { loadPlugins }] = await Promise.all([
    import('../declarative/check-text.ts'),
    import('../declarative/problem-lines.ts'),
    import('../configuration/plugin-modules.ts'),
  ]);
  const skip = (flags['skip-plugins'] ?? '').split(',').flatMap((name) => (name.trim() === '' ? [] : [name.trim()]));
  const modules = readPaths(flags['plugin-modules'] ?? env['PORTCULLIS_PLUGIN_MODULES'] ?? '');
  if ('problem' in modules) {
    err.write(`portcullis config: plugin_modules: ${modules.problem}\n`);
    return 2;
  }
  let plugins: Plugins;
  try {
    plugins = await loadPlugins(modules.value);
  } catch (error) {
    err.write(`portcullis config: ${(error as Error).message}\n`);
    return 2;
  }
  const checked = checkText(text, plugins.descriptions, skip, Date.now());
  if (checked.problems !== undefined) {
    err.write(`${problemLines(checked.problems, file).join('\n')}\n`);
    return 1;
  }
  for (const line of problemLines(checked.warnings, file)) err.write(`warning: ${line}\n`);
  const { green } = paintFor(out, env);
  const counts = [...checked.counts].map(([kind, count]) => `${kind} ${count}`).join(', ');
  const skipped = checked.skipped.length === 0 ? '' : `; without ${checked.skipped.join(', ')}`;
  out.write(`${green(`${file} can be loaded`)}: ${counts === '' ? 'no entities' : counts}${skipped}\n`);
  return 0;
}
