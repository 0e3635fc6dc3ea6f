/** docs/configuration.md, made from the table of settings. `npm run docs` writes it; a test checks that it is current. */
import { type SettingName, settingCalled, settingNames } from './settings.ts';
import { inEnvironment, inFile, onCommandLine, settingsFileVariable } from './sources.ts';

export function configurationPage(): string {
  return `${head}
| setting | default |
|---|---|
${settingNames.map((name) => `| [\`${inFile(name)}\`](#${inFile(name)}) | ${defaultOf(name)} |`).join('\n')}

${settingNames.map(section).join('\n')}`;
}

/** What holds when the setting is not given, in words or as the text that one would write. */
export function defaultOf(name: SettingName): string {
  const { default: text, otherwise = '' } = settingCalled(name);
  return text === undefined ? otherwise : text === '' ? 'none' : `\`${text}\``;
}

function section(name: SettingName): string {
  const about = settingCalled(name);
  const kong = about.kong === undefined ? '' : `- Kong’s name, accepted too: \`KONG_${about.kong}\`\n`;
  return `## ${inFile(name)}

**${about.title}.** ${about.description}

- Write: ${about.form}
- Default: ${defaultOf(name)}
- Recommended: ${about.recommendation}
- Names: \`${inEnvironment(name)}\`, \`${onCommandLine(name)}\`, \`${inFile(name)}\`
${kong}`;
}

const head = `# Configuration

<!-- Written by \`npm run docs\` from adapters/configuration/settings.ts. Edit it there. -->

This page lists all settings of \`portcullis start\`, with their defaults. Each can be given in three ways, under the same name:

\`\`\`
portcullis start --proxy-listen 127.0.0.1:8000        # command line
PORTCULLIS_PROXY_LISTEN=127.0.0.1:8000                # environment
proxy_listen: 127.0.0.1:8000                          # a YAML file, named by --settings FILE or ${settingsFileVariable}
\`\`\`

If several sources give a setting, the first of these wins: the command line, the environment, the file, Kong’s own variables
(\`KONG_PROXY_LISTEN\` and those listed below), the default. An empty variable counts as not set.

The gate does not start with an unknown name or a wrong value. The message says where it is and suggests the name that was
probably meant. Only a \`KONG_…\` variable that this gate does not have is ignored, with a warning. Variables that Kubernetes
makes for a Service (\`PORTCULLIS_PORT=tcp://…\`, \`PORTCULLIS_SERVICE_HOST\`) are not settings and are ignored as well.
`;
