/** What an operator may write of the plugins of this gate, by name. */
import type { PluginDescriptions } from '../entities/plugins.ts';
import { plugins } from './plugins.ts';

export const pluginDescriptions: PluginDescriptions = new Map(plugins.map((plugin) => [plugin.name, plugin]));
