import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { loadPlugins } from '../../adapters/configuration/plugin-modules.ts';
import type { Plugin } from '../../src/gateway/plugin.ts';
import { plugins } from '../../src/plugins/plugins.ts';
import { beginning, call, pluginWorld } from './world.ts';

const root = join(import.meta.dirname, '..', '..');
const page = readFileSync(join(root, 'docs', 'plugins.md'), 'utf8');

describe('docs/plugins.md', () => {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'portcullis-test-'));
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  it('lists the plugins in the order in which they run', () => {
    const rows = [...page.matchAll(/^\| \[?`([a-z0-9_-]+)`(?:\]\(#[\w-]+\))? \| (\d+) \|/gm)];
    const listed = rows.map(([, name, priority]) => [name, Number(priority)]);
    expect(listed).to.deep.equal(plugins.map(({ name, priority }) => [name, priority]));
    const priorities = plugins.map(({ priority }) => priority);
    expect(priorities).to.deep.equal(priorities.toSorted((one, other) => other - one));
  });

  it('lists every refusal code that the plugins use, and no other', () => {
    const folder = join(root, 'src', 'plugins');
    const used = readdirSync(folder)
      .filter((file) => file !== 'oauth2.ts')
      .flatMap((file) => {
        const code = readFileSync(join(folder, file), 'utf8');
        const ways =
          /(?:refusal = |refusal: |refused?\((?:exchange, )?|challenge, |exchange, \d{3}, )'([a-z]+_[a-z_]+|terminated)'/g;
        return [...code.matchAll(ways)].map(([, refusal]) => refusal!);
      });
    const section = page.slice(page.indexOf('## Refusal codes in the log'), page.indexOf('## A plugin of your own'));
    const documented = [...section.matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, refusal]) => refusal!);
    expect(documented.toSorted()).to.deep.equal([...new Set(used)].toSorted());
  });

  it('shows plugins that load and work as described', async () => {
    const core = pathToFileURL(join(root, 'src', 'index.ts')).href;
    const blocks = [...page.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) =>
      code!.replace("'portcullis'", `'${core}'`),
    );
    const paths = blocks.map((code, i) => {
      const path = join(directory, `plugin-${i}.ts`);
      writeFileSync(path, code);
      return path;
    });
    const { definitions } = await loadPlugins(paths);
    const world = pluginWorld();
    world.insert('consumers', { username: 'ada' });

    const closed = definitions.get('maintenance') as Plugin;
    const hooks = closed.compile({ until: beginning / 1000 + 1 }, {} as never, world.tools);
    expect((await call([hooks], 'GET /a')).response?.status).to.equal(503);
    world.now += 1000;
    expect((await call([hooks], 'GET /a')).response).to.equal(undefined);

    const badge = (definitions.get('badge-auth') as Plugin).compile({ anonymous: null }, {} as never, world.tools);
    const known = await call([badge], 'GET /a', { headers: { 'X-Badge': 'ada', 'X-Consumer-Username': 'root' } });
    expect(known.upstream.headers).to.include({ 'x-consumer-username': 'ada', 'x-credential-identifier': 'ada' });
    expect((await call([badge], 'GET /a')).response?.headers['www-authenticate']).to.equal('Badge');
  });
});
