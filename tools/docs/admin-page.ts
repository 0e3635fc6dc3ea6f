/** docs/admin-api.md: every endpoint, as a running gate reports them, and the fields of every entity. */

import type { Entities } from '../../src/entities/entities.ts';
import { openTestGate } from '../../test/support/open-test-gate.ts';
import { settingsTable } from './settings-table.ts';

export async function adminPage(entities: Entities): Promise<string> {
  const endpoints = await endpointsOfAGate();
  return `# Admin API

<!-- Written by \`npm run docs\` from the endpoints of a running gate and src/entities. Edit it there. -->

This page lists every endpoint of the Admin API and every field of its entities. The API has the shape of Kong 3.9's: decK and
scripts for Kong work unchanged. It listens on \`admin_listen\`, by default \`127.0.0.1:8001\`. With \`admin_token\` set, requests
need \`Kong-Admin-Token: TOKEN\` or \`Authorization: Bearer TOKEN\`.

- Bodies are JSON, forms (\`paths[]=/a\`, \`config.scopes=a,b\`) or multipart.
- A list returns \`data\` and \`next\`. \`?size=100\` sets the size of a page, \`?tags=a,b\` selects rows.
- \`POST\` creates, \`PATCH\` changes the named fields, \`PUT\` creates or replaces, \`DELETE\` deletes with everything that depends on
  the row.
- A mistake is 400 with \`message\`, \`name\`, \`code\` and \`fields\`, which names every wrong field.

## Endpoints

| path | methods |
|---|---|
${endpoints.map(({ path, methods }) => `| \`${path}\` | ${methods} |`).join('\n')}

${[...entities.values()].map(({ name, fields }) => `## ${name}\n\n${settingsTable(fields)}\n`).join('\n')}`;
}

async function endpointsOfAGate(): Promise<readonly { readonly path: string; readonly methods: string }[]> {
  const gate = await openTestGate({ PORTCULLIS_STORE: 'memory:' });
  try {
    const { data } = (await gate.setUp('GET', '/endpoints')) as { readonly data: readonly string[] };
    return await Promise.all(
      data.map(async (path) => {
        const response = await fetch(gate.admin + path.replace(/\{\w+\}/g, 'x'), { method: 'OPTIONS' });
        const methods = (response.headers.get('allow') ?? '')
          .split(', ')
          .filter((method) => !/^(?:HEAD|OPTIONS)$/.test(method));
        return { path, methods: methods.join(', ') };
      }),
    );
  } finally {
    await gate.close();
  }
}
