/** From the items of a configuration file to rows: references become ids, and each row is completed and validated. */
import type { EpochMilliseconds } from '../oauth/client.ts';
import type { Entity, Json } from '../ports/entity-store.ts';
import { type Auto, tokensNeeded } from '../schema/complete.ts';
import { type Description, type Fields, type JsonObject, shapeFor } from '../schema/description.ts';
import { draftInsert, finished, violationsOf } from '../schema/draft.ts';
import { isObject, own } from '../schema/json.ts';
import { listViolations } from '../schema/violations.ts';
import type { Place, Report } from './document.ts';
import type { Item } from './items.ts';
import { isKnownPlugin, notSkippable } from './skipped-plugins.ts';

export interface Reading {
  readonly entities: ReadonlyMap<string, Description>;
  /** Names of plugins to leave out. */
  readonly skipPlugins: readonly string[];
  /** The stored row, whose random values and time of creation are kept. */
  readonly stored: (kind: string, id: string) => Entity | undefined;
  readonly now: EpochMilliseconds;
  /** A random string. */
  readonly token: () => string;
}

export interface DeclaredRow {
  readonly description: Description;
  readonly row: Entity;
  readonly place: Place;
}

/** How many rows make one step. */
const rowsInStep = 50;

/** The rows of all valid items, in steps of about equal length. Reports what is wrong with the others. */
export function* rowsOf(
  items: readonly Item[],
  reading: Reading,
  report: Report,
): Generator<undefined, readonly DeclaredRow[]> {
  const { entities } = reading;
  const named = yield* idsByValue(items);
  const rows: DeclaredRow[] = [];
  for (const [at, item] of items.entries()) {
    if (at % rowsInStep === rowsInStep - 1) yield undefined;
    const { description, place } = item;
    const stored = reading.stored(description.name, item.id);
    const referred = referencesFound(item, named, entities, report);
    if (referred === undefined) continue;
    const sent = stored === undefined ? referred : withKept(description, referred, stored);
    const draft = draftInsert(description, sent, autoFor(description, sent, item.id, reading));
    const violations = violationsOf(draft, (kind) => entities.get(kind));
    if (violations === undefined) rows.push({ description, row: finished(draft), place });
    else {
      for (const { path, message } of listViolations(violations)) {
        report([...place, ...placeOf(path)], messageFor(description, item, path, message, entities));
      }
    }
  }
  return rows;
}

function autoFor(description: Description, sent: JsonObject, id: string, { now, token }: Reading): Auto {
  return { now, uuid: id, tokens: Array.from({ length: tokensNeeded(description, sent) }, token) };
}

/** The id of the item with each unique value, by kind. */
function* idsByValue(items: readonly Item[]): Generator<undefined, ReadonlyMap<string, string>> {
  const named = new Map<string, string>();
  for (const [at, { description, sent, id }] of items.entries()) {
    if (at % rowsInStep === rowsInStep - 1) yield undefined;
    named.set(JSON.stringify([description.name, 'id', id]), id);
    for (const [name, field] of Object.entries(description.fields)) {
      const value = own(sent, name);
      if ((field.unique === true || name === description.endpointKey) && typeof value === 'string') {
        named.set(JSON.stringify([description.name, name, value]), id);
      }
    }
  }
  return named;
}

/** An item with its references as ids. `undefined`: the file does not have one of them. */
function referencesFound(
  { description, sent, place }: Item,
  named: ReadonlyMap<string, string>,
  entities: ReadonlyMap<string, Description>,
  report: Report,
): JsonObject | undefined {
  let found: JsonObject = sent;
  let isWhole = true;
  for (const [name, field] of Object.entries(description.fields)) {
    const value = own(sent, name);
    if (field.type !== 'foreign' || !isObject(value)) continue;
    const [by, key] = Object.entries(value)[0] ?? [];
    if (by === undefined || typeof key !== 'string') continue;
    const id = named.get(JSON.stringify([field.reference, by, by === 'id' ? key.toLowerCase() : key]));
    if (id !== undefined) found = { ...found, [name]: { id } };
    else {
      isWhole = false;
      const kind = entities.get(field.reference)?.name ?? field.reference;
      report([...place, name], `the file has none of the ${kind} with ${by} ${JSON.stringify(key)}`);
    }
  }
  return isWhole ? found : undefined;
}

/** Random values that the file does not set, and the time of creation, stay as they are stored. */
function withKept(description: Description, sent: JsonObject, stored: Entity): JsonObject {
  const { fields } = shapeFor(description, sent);
  const isHashed = (field: string, value: Json) =>
    description.transformations?.some(
      ({ hashes }) =>
        hashes.field === field &&
        typeof value === 'string' &&
        hashes.isDone(value) &&
        !hashes.when({ ...sent, id: stored.id }),
    ) === true;
  return keptIn(fields, sent, stored as JsonObject, isHashed);
}

function keptIn(
  fields: Fields,
  sent: JsonObject,
  stored: JsonObject,
  isHashed: (field: string, value: Json) => boolean,
): JsonObject {
  let kept = sent;
  for (const [name, field] of Object.entries(fields)) {
    const before = own(stored, name);
    if (before === undefined || before === null) continue;
    const value = own(sent, name);
    const isRandom = field.type === 'string' && field.auto === true && field.uuid !== true;
    if (value === undefined && (isRandom || name === 'created_at') && !isHashed(name, before)) {
      kept = { ...kept, [name]: before };
    }
    if (field.type === 'record' && isObject(before) && (value === undefined || isObject(value))) {
      const inside = keptIn(field.fields, value ?? {}, before, () => false);
      if (Object.keys(inside).length > 0) kept = { ...kept, [name]: inside };
    }
  }
  return kept;
}

/** `config.scopes[2]` as a place. */
function placeOf(path: string): Place {
  if (path === '' || path.startsWith('@')) return [];
  return path.split('.').flatMap((name): (string | number)[] => {
    if (name.startsWith('@')) return [];
    const [field, ...indexes] = name.split('[');
    return [field!, ...indexes.map((index) => Number.parseInt(index, 10) - 1)];
  });
}

/** Kong's message, except for an unknown plugin: a file can be loaded without it. */
function messageFor(
  description: Description,
  { sent }: Item,
  path: string,
  message: string,
  entities: ReadonlyMap<string, Description>,
): string {
  const name = own(sent, 'name');
  const isPlugin = description.name === 'plugins' && path === 'name' && typeof name === 'string';
  if (!isPlugin || isKnownPlugin(entities, name)) return message;
  const why = notSkippable(name, false);
  const way = why === undefined ? `; --skip-plugins ${name} loads the file without it` : '';
  return `this gate has no plugin ${JSON.stringify(name)}${way}`;
}
