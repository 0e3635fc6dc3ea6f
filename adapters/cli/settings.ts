/** From a command line to a configuration, or to the words that say why there is none. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { onCommandLine, settingsFileVariable } from '../configuration/sources.ts';
import { type ConfigurationReading, problemLine, readConfiguration, settings } from '../configuration.ts';
import type { Terminal } from './terminal.ts';

/** The flags every command that runs a gate understands. */
export const settingFlags: readonly string[] = [
  'settings',
  ...Object.keys(settings.shape).map((name) => onCommandLine(name).slice(2)),
];

/** `undefined` when it said on `err` what is wrong. `defaults`: what the command has in the place of our defaults. */
export function settingsFrom(
  given: Readonly<Record<string, string>>,
  { env, err }: Pick<Terminal, 'env' | 'err'>,
  defaults: Readonly<Record<string, string>> = {},
): Extract<ConfigurationReading, { ok: true }> | undefined {
  const { settings: flag, ...flags } = given;
  const path = flag ?? (env[settingsFileVariable] || undefined);
  let file: { path: string; text: string } | undefined;
  try {
    file = path === undefined ? undefined : { path, text: readFileSync(resolve(path), 'utf8') };
  } catch (error) {
    const from = flag === undefined ? settingsFileVariable : '--settings';
    const { code } = error as NodeJS.ErrnoException;
    err.write(`portcullis: ${from}: ${path} cannot be read (${code === 'ENOENT' ? 'there is no such file' : code})\n`);
    return undefined;
  }
  const reading = readConfiguration({ flags, env, defaults, ...(file === undefined ? {} : { file }) });
  if (reading.ok) return reading;
  err.write(
    [
      'portcullis: nothing was started, since these settings cannot be used:',
      ...reading.problems.map((problem) => `  ${problemLine(problem)}`),
      'All settings: portcullis start --help',
      '',
    ].join('\n'),
  );
  return undefined;
}
