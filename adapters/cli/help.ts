/** What `--help` prints. The settings are told by their schema. */
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
  ${bold('portcullis start')}           run the gate; what it guards, its Admin API is told
                             (port 8001), or a file like kong.yml
  ${bold('portcullis config check')}    all that is wrong with such a file, with lines
  ${bold('portcullis reload')}          have the running gate read its file again
  ${bold('portcullis export')}          print what the running gate guards, as such a file

${dim('portcullis COMMAND --help says more; portcullis --version tells the version.')}
`;
}

export function helpFor(command: string, paint: Paint): string {
  const { bold } = paint;
  switch (command) {
    case 'start':
      return `${bold('portcullis start')} [--settings FILE] [--kong-conf FILE] [--SETTING VALUE …]

Runs the gate. Every setting can also stand in the environment, or in a YAML
file (--settings, ${settingsFileVariable}); the command line comes first, then the
environment, then the file. Kong's own names are understood last: KONG_… in the
environment, and a kong.conf (--kong-conf, ${kongConfVariable}).

${settingsHelp(paint)}`;
    case 'demo':
      return `${bold('portcullis demo')} [--check]

Opens a gate on free loopback ports in front of a small service, keeps all it
has in a temporary directory, and shows a denied call, how a client gets a
token, and the admitted call. It stays up, so that you can try more; Ctrl-C
ends it.

  --check   make the three calls, say whether each was answered as it must be,
            and end (0: all were, 1: one was not)
`;
    case 'protect':
      return `${bold('portcullis protect')} URL [--port PORT] [--new-client] [--SETTING VALUE …]

Puts the service at URL behind the gate. The first time it registers a client
and prints its secret, once; what it made is kept for the next time.

  --port PORT    where the gate listens on loopback (8000); --proxy-listen says
                 it in full
  --new-client   register one more client, if the secret of the first is lost

The settings of ${bold('portcullis start')} can be given as well.
`;
    case 'config':
      return `${bold('portcullis config check')} FILE [--skip-plugins …] [--plugin-modules …]

Reads a declarative configuration (kong.yml, YAML or JSON) and lists everything
that is wrong with it at once, with lines. No gate is needed, none is touched.

  --skip-plugins NAME,…     plugins to leave out that this gate does not have;
                            those that authenticate or limit cannot be
  --plugin-modules PATH,…   modules with plugins of your own;
                            PORTCULLIS_PLUGIN_MODULES says the same

Tells the shell 0 if a gate would load it, and 1 if not.
`;
    case 'export':
      return `${bold('portcullis export')} [--admin-listen ADDRESS] [--settings FILE] > gate.yml

Prints the configuration of the running gate as a declarative file, with ids,
so that tokens stay valid where it is loaded. It holds secrets. The gate is
found by the settings that it was started with: its Admin address and token.
`;
    case 'reload':
      return `${bold('portcullis reload')} [--admin-listen ADDRESS] [--settings FILE]

Tells the running gate to read its configuration file again, and says what came
of it. A file that cannot be used changes nothing. The gate is found by the
settings that it was started with: its Admin address and token.
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

/** In lines that a terminal of 80 columns shows as they are. */
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
