/** What an operator may write of each plugin. A new one is a file and a line here. */
import type { PluginDescriptions } from '../entities/plugins.ts';
import { oauth2Description } from './oauth2-config.ts';

export const pluginDescriptions: PluginDescriptions = new Map(
  [oauth2Description].map((description) => [description.name, description]),
);
