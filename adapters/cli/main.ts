/**
 * The command `portcullis`: runs the subcommand, or says what is wrong with the command line. bin/portcullis.js calls
 * `runCommand` after it has checked the version of Node.
 */
import { type CommandForm, readCommandLine, suggestionFor } from './command-line.ts';
import { config } from './config.ts';
import { demo } from './demo.ts';
import { exportConfiguration } from './export.ts';
import { commands, helpFor, overview } from './help.ts';
import { protect } from './protect.ts';
import { reload } from './reload.ts';
import { settingFlags } from './settings.ts';
import { operatorSignals } from './signals.ts';
import { start } from './start.ts';
import { paintFor, type Terminal } from './terminal.ts';
import { version } from './version.ts';

/** Runs the command of this process, then exits. */
export async function runCommand(): Promise<void> {
  const runsGate = gateCommands.has(process.argv[2] ?? '');
  const terminal: Terminal = {
    env: process.env,
    out: process.stdout,
    err: process.stderr,
    stopped: () =>
      new Promise((stop) => {
        let firstSignal: number | undefined;
        const onSignal = () => {
          const now = performance.now();
          // A second signal means: do not wait for the requests in flight. It does not count within 500 ms, since npm
          // passes on a Ctrl-C that the terminal has already sent to this process.
          if (firstSignal !== undefined && now - firstSignal > 500) process.exit(1);
          firstSignal ??= now;
          stop();
        };
        process.on('SIGINT', onSignal);
        process.on('SIGTERM', onSignal);
        process.on('SIGQUIT', onSignal);
      }),
    ...(runsGate ? { onSignal: operatorSignals(process) } : {}),
    onCrash: (report) => {
      process.on('uncaughtException', (error) => {
        report(error).finally(() => process.exit(1));
      });
    },
    gate: async () => (await import('../composition-root.ts')).openGate,
  };
  // The reader has closed the pipe, as in `portcullis --help | head -1`. A gate continues without it.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (!runsGate) process.exit(error.code === 'EPIPE' ? 0 : 1);
  });
  process.stderr.on('error', () => {});
  const status = await main(process.argv.slice(2), terminal);
  // process.exit discards what a slow reader has not yet taken from the pipe. A gate does not wait for its reader.
  if (runsGate) setTimeout(() => process.exit(status), 500);
  for (const stream of [process.stdout, process.stderr]) await new Promise((done) => stream.write('', done));
  process.exit(status);
}

/** Returns the exit status: 0 success, 1 failure, 2 a wrong command line or setting. */
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
    err.write(`portcullis ${command}: ${line.problem}\nFor help: portcullis ${command} --help\n`);
    return 2;
  }
  return form.run(line, terminal);
}

/** The commands that run a gate until they are stopped. bin/portcullis.js has the same list. */
const gateCommands: ReadonlySet<string> = new Set(['start', 'demo', 'protect']);

function unknownCommand(command: string, { err }: Terminal): number {
  const hint = command.startsWith('-')
    ? suggestionFor(command.replace(/^--?/, ''), ['help', 'version'], '--')
    : suggestionFor(command, commands);
  err.write(`portcullis: unknown command ${JSON.stringify(command)}${hint}\nFor all commands: portcullis --help\n`);
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
