/** The plugins that this gate has. A new one is a file, a line here and a line in descriptions.ts. */
import type { PluginDefinition } from '../plugin.ts';
import { oauth2 } from './oauth2.ts';

export const pluginDefinitions: ReadonlyMap<string, PluginDefinition> = new Map(
  [oauth2].map((definition) => [definition.name, definition]),
);
