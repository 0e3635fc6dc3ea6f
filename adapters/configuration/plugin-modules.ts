/**
 * The plugins of the operator: modules that export one as `plugin` (docs/plugins.md). The gate loads them once, at the
 * start, in addition to its own plugins.
 */
import { pathToFileURL } from 'node:url';
import type { PluginDescriptions } from '../../src/entities/plugins.ts';
import type { Plugin, PluginDefinition } from '../../src/gateway/plugin.ts';
import { plugins as bundled } from '../../src/plugins/plugins.ts';

export interface Plugins {
  readonly definitions: ReadonlyMap<string, PluginDefinition>;
  readonly descriptions: PluginDescriptions;
}

/** Throws an error that names the setting and the module if a module is not a plugin. */
export async function loadPlugins(modules: readonly string[]): Promise<Plugins> {
  const all = new Map(bundled.map((plugin) => [plugin.name, plugin]));
  for (const path of modules) {
    const plugin = await loaded(path);
    if (all.has(plugin.name)) throw new Error(`plugin_modules: ${path}: there is a plugin '${plugin.name}' already`);
    all.set(plugin.name, { ...plugin, ours: true });
  }
  return { definitions: all, descriptions: all };
}

async function loaded(path: string): Promise<Plugin> {
  let module: { readonly plugin?: unknown };
  try {
    module = await import(pathToFileURL(path).href);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`plugin_modules: ${path} cannot be loaded: ${why}`, { cause: error });
  }
  const wrong = whatIsWrong(module.plugin);
  if (wrong !== undefined) throw new Error(`plugin_modules: ${path}: ${wrong}`);
  return module.plugin as Plugin;
}

function whatIsWrong(plugin: unknown): string | undefined {
  if (typeof plugin !== 'object' || plugin === null) return "does not export an object named 'plugin'";
  const { name, priority, authenticates, fields, compile } = plugin as { readonly [field: string]: unknown };
  if (typeof name !== 'string' || !/^[a-z0-9][a-z0-9_-]*$/.test(name)) {
    return 'plugin.name has to consist of lower-case letters, digits, - and _';
  }
  if (typeof priority !== 'number' || !Number.isFinite(priority)) return 'plugin.priority has to be a number';
  if (typeof authenticates !== 'boolean') return 'plugin.authenticates has to be true or false';
  if (typeof compile !== 'function') return 'plugin.compile has to be a function';
  const config = typeof fields === 'object' && fields !== null ? Reflect.get(fields, 'config') : undefined;
  const isRecord = typeof config === 'object' && config !== null && Reflect.get(config, 'type') === 'record';
  return isRecord ? undefined : "plugin.fields.config has to be a description of type 'record'";
}
