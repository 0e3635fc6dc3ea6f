import type { PluginDescriptions } from '../../src/entities/plugins.ts';
import { plugins } from '../../src/plugins/plugins.ts';

/** The descriptions of the plugins that come with the gate, by name. */
export const pluginDescriptions: PluginDescriptions = new Map(plugins.map((plugin) => [plugin.name, plugin]));
