/**
 * What decK adds to Kong's format: `_info` with tags and defaults for the entities of the file, and `_plugin_configs`, the
 * settings that several plugins share.
 */
import type { Json } from '../ports/entity-store.ts';
import type { Description, JsonObject } from '../schema/description.ts';
import { isObject, own } from '../schema/json.ts';
import type { Place, Report } from './document.ts';

export interface Metadata {
  /** A plugin with the shared settings that it names. */
  withSharedSettings(item: JsonObject, place: Place): JsonObject;
  /** An item with the tags and defaults of the file. */
  withDefaults(description: Description, item: JsonObject): JsonObject;
}

export const metadataFields = ['_info', '_plugin_configs'];

/** decK's names of the kinds that can have defaults. */
const defaultedKinds: Readonly<Record<string, string>> = {
  service: 'services',
  route: 'routes',
  upstream: 'upstreams',
  target: 'targets',
};

export function readMetadata(document: JsonObject, report: Report): Metadata {
  const { tags, defaults } = readInfo(own(document, '_info') ?? null, report);
  const shared = own(document, '_plugin_configs') ?? null;
  if (shared !== null && !isObject(shared)) report(['_plugin_configs'], 'expected an object of settings by name');

  return {
    withSharedSettings(item, place) {
      const name = own(item, '_config') ?? null;
      if (name === null) return item;
      const { _config: _, ...rest } = item;
      const settings = isObject(shared) && typeof name === 'string' ? own(shared, name) : undefined;
      if (isObject(settings)) return { ...rest, config: filledFrom(own(rest, 'config') ?? null, settings) };
      report([...place, '_config'], `_plugin_configs of the file has no ${JSON.stringify(name)}`);
      return rest;
    },

    withDefaults(description, item) {
      const given = own(defaults, description.name);
      const filled = given === undefined ? item : (filledFrom(item, given) as JsonObject);
      if (tags.length === 0 || description.fields['tags'] === undefined) return filled;
      const its = own(filled, 'tags') ?? [];
      return Array.isArray(its) ? { ...filled, tags: [...new Set([...its, ...tags])] } : filled;
    },
  };
}

function readInfo(info: Json, report: Report): { readonly tags: readonly string[]; readonly defaults: Defaults } {
  const defaults: { [kind: string]: JsonObject } = Object.create(null);
  let tags: readonly string[] = [];
  if (info !== null && !isObject(info)) report(['_info'], 'expected an object');
  for (const [name, value] of isObject(info) ? Object.entries(info) : []) {
    const place = ['_info', name];
    if (isEmpty(value)) continue;
    if (name === 'select_tags') {
      if (isTextList(value)) tags = value;
      else report(place, 'expected a list of tags');
    } else if (name === 'defaults') {
      for (const [kind, fields] of isObject(value) ? Object.entries(value) : []) {
        const known = own(defaultedKinds, kind);
        if (known !== undefined && isObject(fields)) defaults[known] = fields;
        else report([...place, kind], `expected an object of fields for ${Object.keys(defaultedKinds).join(', ')}`);
      }
      if (!isObject(value)) report(place, 'expected an object');
    } else if (name === 'default_lookup_tags') {
      report(place, 'refers to entities outside the file; a file of the gate holds all entities that it refers to');
    } else report(place, 'unknown field');
  }
  return { tags, defaults };
}

type Defaults = { readonly [kind: string]: JsonObject };

function isTextList(value: Json): value is readonly string[] {
  return Array.isArray(value) && value.every((tag) => typeof tag === 'string');
}

function isEmpty(value: Json): boolean {
  return value === null || (typeof value === 'object' && Object.keys(value).length === 0);
}

/** Values that are absent or null come from `defaults`, objects field by field. */
function filledFrom(value: Json, defaults: Json): Json {
  if (value === null) return defaults;
  if (!isObject(value) || !isObject(defaults)) return value;
  const filled: { [field: string]: Json } = Object.create(null);
  for (const [name, its] of Object.entries(value)) filled[name] = its;
  for (const [name, its] of Object.entries(defaults)) filled[name] = filledFrom(own(value, name) ?? null, its);
  return filled;
}
