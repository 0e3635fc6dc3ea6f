/** What the plugins of this gate do, by name. */
import type { PluginDefinition } from '../gateway/plugin.ts';
import { plugins } from './plugins.ts';

export const pluginDefinitions: ReadonlyMap<string, PluginDefinition> = new Map(
  plugins.map((plugin) => [plugin.name, plugin]),
);
