/** The reference pages that are written from the code. `npm run docs` stores them; a test says when one is out of date. */
import { join } from 'node:path';
import { metrics } from '../../adapters/metrics.ts';
import { describeEntities } from '../../src/entities/entities.ts';
import { profiles } from '../../src/oauth/profile.ts';
import { plugins } from '../../src/plugins/plugins.ts';
import type { RecordField } from '../../src/schema/description.ts';
import { adminPage } from './admin-page.ts';
import { documentedMembers } from './documented-members.ts';
import { cell, settingsTable } from './settings-table.ts';

const pluginDescriptions = new Map(plugins.map((plugin) => [plugin.name, plugin]));
const entities = describeEntities(pluginDescriptions);
const root = join(import.meta.dirname, '..', '..');

/** By file name in docs/. */
export async function referencePages(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['admin-api.md', await adminPage(entities)],
    ['oauth2-plugin.md', oauth2Page()],
    ['plugin-settings.md', pluginSettingsPage()],
    ['metrics-and-logs.md', metricsAndLogsPage()],
  ]);
}

const written = (from: string): string => `<!-- Written by \`npm run docs\` from ${from}. Edit it there. -->`;

function oauth2Page(): string {
  const credential = entities.get('oauth2_credentials')!;
  const token = entities.get('oauth2_tokens')!;
  return `# The oauth2 plugin: settings, endpoints, credentials, profiles

${written('src/plugins/oauth2-config.ts, src/entities and src/oauth/profile.ts')}

This page lists every setting of the \`oauth2\` plugin, its endpoints, the fields of clients and tokens, and what each
profile changes. The guide [Log in with authorization code and PKCE](authorization-code.md) shows it at work.

## Settings

Settings marked "Portcullis only" are absent from responses of the Admin API until they are set, so that tools
written for Kong see Kong's fields. \`GET /schemas/plugins/oauth2?all=true\` shows them too.

${settingsTable(configOf('oauth2'))}

## Endpoints

Each route with the plugin has both endpoints below each of its paths. Both accept \`POST\` only.

| endpoint | who calls it | parameters |
|---|---|---|
| \`…/oauth2/token\` | the client | \`grant_type\`, client authentication, and those of the grant type (RFC 6749 §4, §6) |
| \`…/oauth2/authorize\` | your login page, never a browser | \`provision_key\`, \`authenticated_userid\`, and those of the authorization request (RFC 6749 §4.1.1) |

Reasons for refusals: [Errors](errors.md). Response headers and upstream headers are Kong's.

## Clients: fields of \`/consumers/{consumer}/oauth2\`

${settingsTable(credential.fields)}

## Tokens: fields of \`/oauth2_tokens\`

${settingsTable(token.fields)}

## What a profile changes

\`config.profile\` selects one of two sets of rules. \`kong\` responds as Kong 3.9's plugin. \`rfc9700\` follows current best
practice (RFC 9700). The settings above apply in both, as far as these rules leave them a choice.

| rule | \`kong\` | \`rfc9700\` |
|---|---|---|
${documentedMembers(join(root, 'src/oauth/profile.ts'), 'Profile')
  .filter(({ name }) => name !== 'name')
  .map(({ name, comment }) => `| ${cell(comment)} | ${profileValue('kong', name)} | ${profileValue('rfc9700', name)} |`)
  .join('\n')}
`;
}

function profileValue(profile: 'kong' | 'rfc9700', name: string): string {
  const value = (profiles[profile] as unknown as Readonly<Record<string, unknown>>)[name];
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return String(value);
}

function configOf(name: string): RecordField['fields'] {
  return (pluginDescriptions.get(name)!.fields['config'] as RecordField).fields;
}

function pluginSettingsPage(): string {
  return `# Plugin settings

${written('the descriptions in src/plugins')}

This page lists the settings of every plugin but \`oauth2\`, which has [its own page](oauth2-plugin.md). Plugins run in the
order of their priority, highest first. [Plugins](plugins.md) explains how to use them and how to write one.

${plugins
  .filter(({ name }) => name !== 'oauth2')
  .map(({ name, priority }) => `## ${name}\n\nPriority ${priority}.\n\n${settingsTable(configOf(name))}\n`)
  .join('\n')}`;
}

function metricsAndLogsPage(): string {
  const printed = metrics().print({ connections: { active: 0, accepted: 0 }, lostLogLines: 0, names: () => undefined });
  const families = [...printed.matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)$/gm)];
  return `# Metrics and log fields

${written('adapters/metrics.ts and adapters/proxy/access-log.ts')}

This page lists the metrics of \`GET /metrics\` (Prometheus text format, on the Admin listener and, without a token, on
\`status_listen\`) and the fields of the access log. No label and no field holds a token, a secret or a query string.

## Metrics

| metric | type | meaning |
|---|---|---|
${families.map(([, name, help, type]) => `| \`${name}\` | ${type} | ${cell(help!)} |`).join('\n')}

## Fields of the access log

The gate writes one line of JSON for each request, with \`"msg": "request"\`. A terminal gets the short form.

| field | type | meaning |
|---|---|---|
${documentedMembers(join(root, 'adapters/proxy/access-log.ts'), 'AccessLogEntry')
  .map(({ name, type, comment }) => `| \`${name}\` | ${cell(type)} | ${cell(comment)} |`)
  .join('\n')}
`;
}
