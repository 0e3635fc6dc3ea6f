import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadPlugins } from '../../adapters/configuration/plugin-modules.ts';

describe('Plugins of the operator’s own', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'portcullis-test-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  let nth = 0;
  function module(text: string): string {
    const path = join(directory, `plugin-${++nth}.mjs`);
    writeFileSync(path, text);
    return path;
  }
  const whole = (name: string) =>
    `export const plugin = { name: '${name}', priority: 5, authenticates: false, fields: { config: { type: 'record', fields: {} } }, compile: () => ({}) };`;
  const failure = (...paths: string[]) =>
    loadPlugins(paths).then(
      () => 'none',
      (error) => error.message,
    );

  it('are loaded in addition to those of the gate', async () => {
    const { definitions, descriptions } = await loadPlugins([module(whole('mine')), module(whole('mine-too'))]);
    expect([...definitions.keys()]).to.include.members(['oauth2', 'mine', 'mine-too']);
    expect(descriptions.get('mine')).to.include({ priority: 5, ours: true });
  });

  for (const [what, text, why] of [
    ['a module that does not parse', 'export const', 'cannot be loaded'],
    ['a module without a plugin', 'export const other = 1;', "does not export an object named 'plugin'"],
    ['a plugin without a name', whole(''), 'plugin.name'],
    ['a plugin whose name no path could have', whole('a b'), 'plugin.name'],
    ['a plugin without a priority', whole('a').replace('priority: 5,', ''), 'plugin.priority'],
    ['a plugin that does not say whether it authenticates', whole('a').replace('false', '0'), 'plugin.authenticates'],
    ['a plugin that cannot be compiled', whole('a').replace('() => ({})', '1'), 'plugin.compile'],
    ['a plugin without settings', whole('a').replace("'record'", "'array'"), 'plugin.fields.config'],
    ['a plugin by a name that is taken', whole('oauth2'), "there is a plugin 'oauth2' already"],
  ] as const) {
    it(`refuses ${what}, naming the setting and the module`, async () => {
      const path = module(text);
      expect(await failure(path))
        .to.contain(`plugin_modules: ${path}`)
        .and.contain(why);
    });
  }

  it('refuses a module that does not exist, and one that is listed twice', async () => {
    expect(await failure('/nowhere/plugin.js')).to.contain('plugin_modules: /nowhere/plugin.js cannot be loaded');
    const path = module(whole('mine'));
    expect(await failure(path, path)).to.contain("there is a plugin 'mine' already");
  });
});
