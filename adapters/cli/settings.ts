/** Reads the configuration of a command: its flags, the environment, and files. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { settingNames } from '../configuration/settings.ts';
import { type Given, kongConfVariable, onCommandLine, settingsFileVariable } from '../configuration/sources.ts';
import { type ConfigurationReading, problemLine, readConfiguration } from '../configuration.ts';
import type { Terminal } from './terminal.ts';

/** The flags of each command that runs a gate. */
export const settingFlags: readonly string[] = [
  'settings',
  'kong-conf',
  ...settingNames.map((name) => onCommandLine(name).slice(2)),
];

/** Returns `undefined` after it has written the problems to `err`. `defaults`: of the command, instead of ours. */
export function settingsFrom(
  given: Readonly<Record<string, string>>,
  { env, err }: Pick<Terminal, 'env' | 'err'>,
  defaults: Readonly<Record<string, Given>> = {},
): Extract<ConfigurationReading, { ok: true }> | undefined {
  const { settings: settingsFlag, 'kong-conf': kongConfFlag, ...flags } = given;
  const named = [
    { flag: settingsFlag, option: '--settings', variable: settingsFileVariable },
    { flag: kongConfFlag, option: '--kong-conf', variable: kongConfVariable },
  ];
  const files: ({ readonly path: string; readonly text: string } | undefined)[] = [];
  for (const { flag, option, variable } of named) {
    const path = flag ?? (env[variable] || undefined);
    try {
      files.push(path === undefined ? undefined : { path, text: readFileSync(resolve(path), 'utf8') });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const why = code === 'ENOENT' ? 'no such file' : code;
      err.write(`portcullis: ${flag === undefined ? variable : option}: ${path} cannot be read (${why})\n`);
      return undefined;
    }
  }
  const [file, kongConf] = files;
  const reading = readConfiguration({
    flags,
    env,
    defaults,
    ...(file === undefined ? {} : { file }),
    ...(kongConf === undefined ? {} : { kongConf }),
  });
  if (reading.ok) return reading;
  err.write(
    [
      'portcullis: nothing was done, because these settings are wrong:',
      ...reading.problems.map((problem) => `  ${problemLine(problem)}`),
      'All settings: portcullis start --help',
      '',
    ].join('\n'),
  );
  return undefined;
}
