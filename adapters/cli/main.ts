/**
 * The command `portcullis`: finds the command that is meant and says what is wrong with it if none is. bin/portcullis.js
 * calls `runCommand` after it has seen that this Node can run us.
 */
import { type CommandForm, meant, readCommandLine } from './command-line.ts';
import { config } from './config.ts';
import { demo } from './demo.ts';
import { exportConfiguration } from './export.ts';
import { commands, helpFor, overview } from './help.ts';
import { protect } from './protect.ts';
import { reload } from './reload.ts';
import { settingFlags } from './settings.ts';
import { start } from './start.ts';
import { paintFor, type Terminal } from './terminal.ts';
import { version } from './version.ts';

/** Runs the command of this process and ends it. */
export async function runCommand(): Promise<void> {
  const terminal: Terminal = {
    env: process.env,
    out: process.stdout,
    err: process.stderr,
    stopped: () =>
      new Promise((stop) => {
        let asked: number | undefined;
        const hear = () => {
          const now = performance.now();
          // Whoever asks twice does not want to wait for the requests in flight. Not meant is a Ctrl-C that the terminal
          // gives to us and to npm, which hands it on to us once more.
          if (asked !== undefined && now - asked > 500) process.exit(1);
          asked ??= now;
          stop();
        };
        process.on('SIGINT', hear);
        process.on('SIGTERM', hear);
      }),
    onHangup: (listener) => void process.on('SIGHUP', listener),
    onBreakdown: (report) => {
      process.on('uncaughtException', (error) => {
        report(error).finally(() => process.exit(1));
      });
    },
    gate: async () => (await import('../composition-root.ts')).openGate,
  };
  // Nobody listens any more, as in `portcullis --help | head -1`.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  const status = await main(process.argv.slice(2), terminal);
  // A pipe takes what its reader takes; the rest would be lost with the process.
  for (const stream of [process.stdout, process.stderr]) await new Promise((done) => stream.write('', done));
  process.exit(status);
}

/** What the shell is told: 0 when all went well, 1 when it did not, 2 when the command or a setting was not understood. */
export async function main(words: readonly string[], terminal: Terminal): Promise<number> {
  const { out, err, env } = terminal;
  const paint = paintFor(out, env);
  const [command, ...rest] = words;
  switch (command) {
    case undefined:
      out.write(overview(paint));
      return 2;
    case 'help':
    case '--help':
    case '-h':
      if (rest[0] !== undefined && !isCommand(rest[0])) return unknownCommand(rest[0], terminal);
      out.write(helpFor(rest[0] ?? '', paint));
      return 0;
    case 'version':
    case '--version':
    case '-v':
      out.write(`${version()}\n`);
      return 0;
  }
  const form = Object.hasOwn(forms, command) ? forms[command as keyof typeof forms] : undefined;
  if (form === undefined) return unknownCommand(command, terminal);
  if (rest.includes('--help') || rest.includes('-h')) {
    out.write(helpFor(command, paint));
    return 0;
  }
  const line = readCommandLine(rest, form);
  if ('problem' in line) {
    err.write(`portcullis ${command}: ${line.problem}\nportcullis ${command} --help says more.\n`);
    return 2;
  }
  return form.run(line, terminal);
}

function unknownCommand(command: string, { err }: Terminal): number {
  const hint = command.startsWith('-')
    ? meant(command.replace(/^--?/, ''), ['help', 'version'], '--')
    : meant(command, commands);
  err.write(`portcullis: there is no command ${JSON.stringify(command)}${hint}\nportcullis --help lists them.\n`);
  return 2;
}

const isCommand = (word: string): boolean => (commands as readonly string[]).includes(word);

const forms = {
  start: { run: start, flags: settingFlags, switches: [], positionals: [] },
  demo: { run: demo, flags: [], switches: ['check'], positionals: [] },
  config: { run: config, flags: ['skip-plugins', 'plugin-modules'], switches: [], positionals: ['check', 'FILE'] },
  export: { run: exportConfiguration, flags: settingFlags, switches: [], positionals: [] },
  reload: { run: reload, flags: settingFlags, switches: [], positionals: [] },
  protect: { run: protect, flags: [...settingFlags, 'port'], switches: ['new-client'], positionals: ['URL'] },
} satisfies Readonly<Record<string, CommandForm & { readonly run: unknown }>>;
