import type { Plugin, PluginHooks, PluginPlace, PluginTools } from '../gateway/plugin.ts';
import type { EntityCheck, Fields, RecordField, SetField } from '../schema/description.ts';
import { httpProtocols, noConsumer } from '../schema/fields.ts';
import { type SettingsOf, settingsFrom } from '../schema/settings.ts';

/** What a plugin says of itself. What it leaves out is the same for most plugins. */
export interface PluginDeclaration<F extends Fields> {
  readonly name: string;
  /** Higher runs earlier (Kong's order). */
  readonly priority: number;
  /** Whether it finds out who the caller is. Identity headers of a client never pass a route that has such a plugin. */
  readonly authenticates: boolean;
  /** Not one of Kong's: lists of plugins leave it out, since tools compare them. */
  readonly ours?: true;
  /** The fields of `config`, in the order of printing. */
  readonly settings: F;
  /** Rules over several settings. */
  readonly settingsRules?: Pick<RecordField, 'entity_checks' | 'aliases' | 'check'>;
  /** Whether an instance may be limited to a consumer. A plugin that authenticates runs before the consumer is known. */
  readonly perConsumer?: boolean;
  readonly protocols?: SetField;
  /** Rules over settings that Kong has outside of `config`; names start with `config.`. */
  readonly entity_checks?: readonly EntityCheck[];
  /** Makes hooks of settings: once for each instance, not for each request. */
  compile(settings: SettingsOf<F>, place: PluginPlace, tools: PluginTools): PluginHooks;
}

/** A plugin whose `compile` gets its settings typed and complete. */
export function definePlugin<const F extends Fields>(declaration: PluginDeclaration<F>): Plugin {
  const { name, priority, authenticates, ours, settings, settingsRules, entity_checks } = declaration;
  const { perConsumer = !authenticates, protocols = httpProtocols } = declaration;
  return {
    name,
    priority,
    authenticates,
    ...(ours && { ours }),
    fields: {
      ...(!perConsumer && { consumer: noConsumer }),
      protocols,
      config: { type: 'record', required: true, fields: settings, ...settingsRules },
    },
    ...(entity_checks && { entity_checks }),
    compile: (config, place, tools) => declaration.compile(settingsFrom(settings, config), place, tools),
  };
}
