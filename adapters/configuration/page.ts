/** docs/configuration.md, written from the schema. `npm run docs` stores it; a test says when it is out of date. */
import { z } from 'zod';
import { descriptions, type SettingName, settings } from '../configuration.ts';
import { inEnvironment, inFile, onCommandLine, settingsFileVariable } from './sources.ts';

export function configurationPage(): string {
  const names = Object.keys(settings.shape) as SettingName[];
  return `${head}
| setting | default |
|---|---|
${names.map((name) => `| [\`${inFile(name)}\`](#${inFile(name)}) | ${defaultOf(name)} |`).join('\n')}

${names.map(section).join('\n')}`;
}

/** What holds when nothing is set, in words or as the text one would write. */
export function defaultOf(name: SettingName): string {
  const about = descriptions.get(settings.shape[name])!;
  const schema: z.ZodType = settings.shape[name];
  const input = schema instanceof z.ZodPipe ? schema.in : schema;
  if (input instanceof z.ZodDefault) {
    return input.def.defaultValue === '' ? 'none' : `\`${String(input.def.defaultValue)}\``;
  }
  return about.otherwise ?? '';
}

function section(name: SettingName): string {
  const about = descriptions.get(settings.shape[name])!;
  const kong = about.kong === undefined ? '' : `- Kong’s name, understood too: \`KONG_${about.kong}\`\n`;
  return `## ${inFile(name)}

**${about.title}.** ${about.description}

- Write: ${about.form}
- Default: ${defaultOf(name)}
- Recommended: ${about.recommendation}
- Names: \`${inEnvironment(name)}\`, \`${onCommandLine(name)}\`, \`${inFile(name)}\`
${kong}`;
}

const head = `# Configuration

<!-- Written by \`npm run docs\` from adapters/configuration.ts. Edit it there. -->

Each setting can be given in three ways, under the same name:

\`\`\`
portcullis start --proxy-listen 127.0.0.1:8000        # command line
PORTCULLIS_PROXY_LISTEN=127.0.0.1:8000                # environment
proxy_listen: 127.0.0.1:8000                          # a YAML file, named by --settings FILE or ${settingsFileVariable}
\`\`\`

Where several are given, the command line comes first, then the environment, then the file, then Kong’s own variables
(\`KONG_PROXY_LISTEN\` and those named below), then the default. An empty variable counts as not set.

A name or a value that is not understood stops the start, and the message says where it stands and what was probably meant.
Only a \`KONG_…\` variable that means nothing here is let pass, with a warning. Variables that Kubernetes makes for a Service
(\`PORTCULLIS_PORT=tcp://…\`, \`PORTCULLIS_SERVICE_HOST\`) are not settings and are let pass as well.
`;
