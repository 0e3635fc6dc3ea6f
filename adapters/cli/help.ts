/** The text of `--help`. The settings come from their table. */
import { defaultOf } from '../configuration/page.ts';
import { settingCalled, settingNames } from '../configuration/settings.ts';
import { inEnvironment, kongConfVariable, onCommandLine, settingsFileVariable } from '../configuration/sources.ts';
import type { Paint } from './terminal.ts';
import { version } from './version.ts';

export const commands = ['start', 'demo', 'protect', 'config', 'reload', 'export', 'help', 'version'] as const;

export function overview({ bold, dim }: Paint): string {
  return `${bold(`Portcullis ${version()}`)}  an OAuth 2.0 gate in front of your services

  ${bold('portcullis demo')}            see it work: denied, a token, admitted
  ${bold('portcullis protect URL')}     put your own service behind the gate, as in
                             portcullis protect http://localhost:3000
  ${bold('portcullis start')}           run the gate; configure it through its Admin API
                             (port 8001) or a file like kong.yml
  ${bold('portcullis config check')}    list all problems of such a file, with lines
  ${bold('portcullis reload')}          have the running gate read its file again
  ${bold('portcullis export')}          print the running gate's configuration as a file

${dim('For one command: portcullis COMMAND --help; version: portcullis --version')}
`;
}

export function helpFor(command: string, paint: Paint): string {
  const { bold } = paint;
  switch (command) {
    case 'start':
      return `${bold('portcullis start')} [--settings FILE] [--kong-conf FILE] [--SETTING VALUE …]

Runs the gate. Every setting can also be in the environment, or in a YAML file
(--settings, ${settingsFileVariable}). The command line comes first, then the
environment, then the file, then Kong's own names: KONG_… in the environment,
and a kong.conf (--kong-conf, ${kongConfVariable}).

${settingsHelp(paint)}`;
    case 'demo':
      return `${bold('portcullis demo')} [--check]

Opens a gate on free loopback ports in front of a small service, with all data
in a temporary directory. Shows a denied call, how a client gets a token, and
the admitted call. Then the gate keeps running, so that you can try more;
Ctrl-C stops it.

  --check   check the responses of the three calls, and exit (0: all were as
            expected, 1: one was not)
`;
    case 'protect':
      return `${bold('portcullis protect')} URL [--port PORT] [--new-client] [--SETTING VALUE …]

Puts the service at URL behind the gate. The first start registers a client
and prints its secret once; later starts use the same client.

  --port PORT    the port on loopback (8000); --proxy-listen takes a whole
                 listener
  --new-client   register another client, if the secret of the first is lost

Takes the settings of ${bold('portcullis start')} as well.
`;
    case 'config':
      return `${bold('portcullis config check')} FILE [--skip-plugins …] [--plugin-modules …]

Reads a declarative configuration (kong.yml, YAML or JSON) and lists all its
problems at once, with lines. Needs no running gate and changes none.

  --skip-plugins NAME,…     plugins of the file that this gate does not have,
                            to ignore; not those that authenticate or limit
  --plugin-modules PATH,…   modules with plugins of your own; also
                            PORTCULLIS_PLUGIN_MODULES

Exits with 0 if a gate would load the file, else with 1.
`;
    case 'export':
      return `${bold('portcullis export')} [--admin-listen ADDRESS] [--settings FILE] > gate.yml

Prints the configuration of the running gate as a declarative file, with ids,
so that tokens stay valid in a gate that loads it. The file contains secrets.
Give the Admin address and token that the gate was started with.
`;
    case 'reload':
      return `${bold('portcullis reload')} [--admin-listen ADDRESS] [--settings FILE]

Has the running gate read its configuration file again, and prints the outcome.
A file with problems changes nothing. Give the Admin address and token that
the gate was started with.
`;
    default:
      return overview(paint);
  }
}

function settingsHelp({ bold, dim }: Paint): string {
  return settingNames
    .map((name) => {
      const about = settingCalled(name);
      return `  ${bold(onCommandLine(name))}  ${dim(inEnvironment(name))}
${folded(`${about.title}: ${about.form}`)}
${dim(folded(`default: ${defaultOf(name).replaceAll('`', '')}`))}
`;
    })
    .join('');
}

/** Breaks a text into lines for a terminal of 80 columns. */
function folded(text: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > 74) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((folded) => `      ${folded}`).join('\n');
}
