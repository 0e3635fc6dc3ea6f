/**
 * The items of a configuration file: entities at the top level, and entities nested in those that they refer to. Each
 * item gets an id, and a reference to the item in which it is nested.
 */
import type { Json } from '../ports/entity-store.ts';
import { type Description, type Fields, type JsonObject, shapeFor } from '../schema/description.ts';
import { isObject, own, sameJson } from '../schema/json.ts';
import { isUuid } from '../schema/validate.ts';
import { configurationKinds, type Place, type Report } from './document.ts';
import { withMarkedRegexes } from './format.ts';
import { metadataFields, readMetadata } from './metadata.ts';
import { derivedId } from './named-id.ts';
import { fieldOfDocument, fieldOfEntity, fieldOfPlugin, type OtherEdition } from './other-edition.ts';
import { findPlaceholders } from './placeholders.ts';

/** An entity as it is written in the file. */
export interface Item {
  readonly description: Description;
  readonly place: Place;
  readonly sent: JsonObject;
  readonly id: string;
}

const remarks = ['_comment', '_ignore'];

/** How many items make one step. */
const itemsInStep = 50;

/** All items of a document, in its order, in steps of about equal length. */
export function* itemsOf(
  document: JsonObject,
  options: {
    readonly entities: ReadonlyMap<string, Description>;
    readonly skipPlugins: readonly string[];
    readonly oldPaths: boolean;
    readonly report: Report;
    readonly warn: Report;
  },
): Generator<undefined, Items> {
  const { entities, skipPlugins, oldPaths, report, warn } = options;
  const metadata = readMetadata(document, report);
  const kinds = configurationKinds(entities);
  const byName = new Map(kinds.map((description) => [description.name, description]));
  const items: Item[] = [];
  const skipped: { name: string; place: Place }[] = [];
  const counts = new Map<string, number>();

  function* list(
    description: Description,
    value: Json,
    place: Place,
    parent: Parent | undefined,
  ): Generator<undefined, void> {
    if (value === null || (isObject(value) && Object.keys(value).length === 0)) return;
    if (!Array.isArray(value)) return void report(place, 'expected an array');
    for (const [at, item] of value.entries()) {
      if (at % itemsInStep === itemsInStep - 1) yield undefined;
      if (isObject(item)) yield* visit(description, item, [...place, at], parent);
      else report([...place, at], 'expected an object');
    }
  }

  function* visit(
    description: Description,
    written: JsonObject,
    place: Place,
    parent: Parent | undefined,
  ): Generator<undefined, void> {
    const pluginName = description.name === 'plugins' ? own(written, 'name') : undefined;
    if (typeof pluginName === 'string' && skipPlugins.includes(pluginName)) {
      return void skipped.push({ name: pluginName, place });
    }
    const item = description.name === 'plugins' ? metadata.withSharedSettings(written, place) : written;
    const fieldsSent: { [field: string]: Json } = Object.create(null);
    const nested: [Description, Json, Place, string][] = [];
    const { fields } = shapeFor(description, item);
    for (const [name, value] of Object.entries(item)) {
      if (remarks.includes(name)) continue;
      const child = Object.hasOwn(fields, name) ? undefined : byName.get(name);
      const field = child === undefined ? undefined : referenceTo(description.name, child.fields);
      if (child === undefined || field === undefined) fieldsSent[name] = value;
      else nested.push([child, value, [...place, name], field]);
    }
    let sent = withoutOtherEdition(description, fields, fieldsSent, place);
    findPlaceholders(description, fields, sent, place, { report, warn });
    if (description.name === 'routes' && oldPaths) sent = withMarkedRegexes(sent);
    sent = withReferences(description, sent, entities);
    if (parent !== undefined) {
      const given = own(sent, parent.field);
      if (given !== undefined && given !== null && !sameJson(given, { id: parent.id }) && !parent.isMeant(given)) {
        report([...place, parent.field], `conflicts with the ${parent.kind} entity in which this one is nested`);
      }
      sent = { ...sent, [parent.field]: { id: parent.id } };
    }
    const id = own(sent, 'id');
    const found = typeof id === 'string' ? id.toLowerCase() : derivedId(description, sent, parent?.id, counts);
    sent = metadata.withDefaults(description, sent);
    items.push({
      description,
      place,
      sent: id === undefined || id === null ? { ...sent, id: found } : sent,
      id: found,
    });
    for (const [child, value, at, field] of nested) {
      const key = description.endpointKey;
      const isMeant = (given: Json) =>
        key !== undefined && isObject(given) && own(given, key) !== undefined && own(given, key) === own(sent, key);
      yield* list(child, value, at, { kind: description.name, field, id: found, isMeant });
    }
  }

  /** Whether a field belongs to another edition of Kong's; reports it. */
  function isForeign(found: OtherEdition, place: Place): boolean {
    if (found === undefined) return false;
    if ('notice' in found) warn(place, found.notice);
    else report(place, found.problem);
    return true;
  }

  function withoutOtherEdition(description: Description, fields: Fields, sent: JsonObject, place: Place): JsonObject {
    const plugin = description.name === 'plugins' ? own(sent, 'name') : undefined;
    const config = fields['config']?.type === 'record' ? fields['config'].fields : {};
    const kept = Object.entries(sent).flatMap(([name, value]): [string, Json][] => {
      const at = [...place, name];
      if (!Object.hasOwn(fields, name)) {
        return isForeign(fieldOfEntity(description.name, name, value), at) ? [] : [[name, value]];
      }
      if (name !== 'config' || typeof plugin !== 'string' || !isObject(value)) return [[name, value]];
      const settings = Object.entries(value).filter(
        ([setting, its]) =>
          Object.hasOwn(config, setting) || !isForeign(fieldOfPlugin(plugin, setting, its), [...at, setting]),
      );
      return [[name, Object.fromEntries(settings)]];
    });
    return Object.fromEntries(kept);
  }

  for (const [name, value] of Object.entries(document)) {
    if (['_format_version', '_transform', ...metadataFields, ...remarks].includes(name)) continue;
    if (!byName.has(name) && isForeign(fieldOfDocument(name, value), [name])) continue;
    const description = byName.get(name);
    if (description !== undefined) yield* list(description, value, [name], undefined);
    else if (name === 'oauth2_tokens') {
      report([name], 'tokens are in the store only, and no file changes them; remove them from the file');
    } else if (name.startsWith('_')) report([name], 'unknown field');
    else report([name], `unknown entity; this gate has ${kinds.map((kind) => kind.name).join(', ')}`);
  }
  return { items, skipped };
}

export interface Items {
  readonly items: readonly Item[];
  readonly skipped: readonly { readonly name: string; readonly place: Place }[];
}

/** The item in which another one is nested. */
interface Parent {
  readonly kind: string;
  readonly id: string;
  /** The field of the nested item that refers to this one. */
  readonly field: string;
  /** Whether a reference by name refers to this item. */
  readonly isMeant: (reference: Json) => boolean;
}

function referenceTo(kind: string, fields: Fields): string | undefined {
  return Object.entries(fields).find(([, field]) => field.type === 'foreign' && field.reference === kind)?.[0];
}

/** A file may write a reference as an id or a name only. */
function withReferences(
  description: Description,
  sent: JsonObject,
  entities: ReadonlyMap<string, Description>,
): JsonObject {
  const written: { [field: string]: Json } = Object.create(null);
  for (const [name, value] of Object.entries(sent)) {
    const field = own(description.fields, name);
    const key = field?.type === 'foreign' ? (entities.get(field.reference)?.endpointKey ?? 'id') : undefined;
    written[name] = key !== undefined && typeof value === 'string' ? { [isUuid(value) ? 'id' : key]: value } : value;
  }
  return written;
}
