/**
 * From a declarative configuration to the rows it means, or to everything that is wrong with it at once. Entities stand
 * flat or nested in those they belong to; references go by name or id and stay within the file. Nothing is dropped: an
 * entity, plugin or field that is not known here is a problem, unless a plugin was named as one to skip.
 */
import type { EpochMilliseconds } from '../oauth/client.ts';
import type { Entity, Json } from '../ports/entity-store.ts';
import { referenceIn, uniqueKeys } from '../ports/entity-store.ts';
import { type Auto, tokensNeeded } from '../schema/complete.ts';
import { type Description, type Fields, type JsonObject, shapeFor } from '../schema/description.ts';
import { draftInsert, finished, violationsOf } from '../schema/draft.ts';
import { isObject, own, sameJson } from '../schema/json.ts';
import { kindOf } from '../schema/kind.ts';
import { isUuid } from '../schema/validate.ts';
import { listViolations } from '../schema/violations.ts';
import {
  type ConfigurationDocument,
  configurationKinds,
  type DocumentProblem,
  type Place,
  placeText,
} from './document.ts';
import { formatVersionOf, formatVersions, withMarkedRegexes } from './format.ts';
import { namedId } from './named-id.ts';
import { notSkippable } from './skipped-plugins.ts';

export interface Reading {
  readonly entities: ReadonlyMap<string, Description>;
  /** Names of plugins to leave out. */
  readonly skipPlugins: readonly string[];
  /** What is in the store: random values and times of creation are taken from there, so that they stay. */
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

export type DocumentRead =
  | {
      readonly rows: readonly DeclaredRow[];
      /** Whether secrets stand in the file as people say them; if not, as they are stored (`_transform`). */
      readonly transform: boolean;
      /** The plugins that were left out, and where. */
      readonly skipped: readonly { readonly name: string; readonly place: Place }[];
      readonly problems?: undefined;
    }
  | { readonly problems: readonly DocumentProblem[] };

/** An entity as it stands in the file. */
interface Item {
  readonly description: Description;
  readonly place: Place;
  readonly sent: JsonObject;
  readonly id: string;
}

const remarks = ['_comment', '_ignore'];

export function readDocument(document: ConfigurationDocument, reading: Reading): DocumentRead {
  const steps = documentSteps(document, reading);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** The same in steps of about equal length, between which a gate can do something else. */
export function* documentSteps(document: ConfigurationDocument, reading: Reading): Generator<undefined, DocumentRead> {
  const { entities, skipPlugins } = reading;
  const problems: DocumentProblem[] = [];
  const problem = (place: Place, message: string) => problems.push({ place, line: document.lineOf(place), message });

  for (const name of skipPlugins) {
    const why = notSkippable(name, isKnownPlugin(entities, name));
    if (why !== undefined) problems.push({ place: [], message: `--skip-plugins: ${why}` });
  }
  const { value } = document;
  if (!isObject(value)) {
    problem([], 'a declarative configuration is an object that begins with _format_version');
    return { problems };
  }
  const version = formatVersionOf(own(value, '_format_version'));
  if (version === undefined) {
    const quoted = formatVersions.map((known) => `'${known}'`).join(', ');
    problem(
      ['_format_version'],
      `${'_format_version' in value ? 'expected' : 'required field missing:'} one of ${quoted}`,
    );
  }
  const transform = own(value, '_transform') ?? true;
  if (typeof transform !== 'boolean') problem(['_transform'], 'expected a boolean');

  const walk = itemsOf(value, { entities, skipPlugins, oldPaths: version !== '3.0', problem });
  yield undefined;
  const rows = yield* rowsOf(walk.items, reading, problem);
  findDuplicates(rows, document, problem);
  findProtocolsApart(rows, walk.items, problem);
  findMissingAuthorities(rows, walk.items, problem);
  if (problems.length > 0) {
    return { problems: problems.sort((one, other) => (one.line ?? 0) - (other.line ?? 0)) };
  }
  return { rows, transform: transform as boolean, skipped: walk.skipped };
}

function isKnownPlugin(entities: ReadonlyMap<string, Description>, name: string): boolean {
  return entities.get('plugins')?.subschema?.get(name) !== undefined;
}

// What stands where -------------------------------------------------------------------------------------------------

type Problem = (place: Place, message: string) => unknown;

function itemsOf(
  document: JsonObject,
  options: {
    readonly entities: ReadonlyMap<string, Description>;
    readonly skipPlugins: readonly string[];
    readonly oldPaths: boolean;
    readonly problem: Problem;
  },
): { readonly items: readonly Item[]; readonly skipped: readonly { readonly name: string; readonly place: Place }[] } {
  const { entities, skipPlugins, oldPaths, problem } = options;
  const kinds = configurationKinds(entities);
  const byName = new Map(kinds.map((description) => [description.name, description]));
  const items: Item[] = [];
  const skipped: { name: string; place: Place }[] = [];
  const counts = new Map<string, number>();

  function list(description: Description, value: Json, place: Place, parent: Parent | undefined): void {
    if (value === null || (isObject(value) && Object.keys(value).length === 0)) return;
    if (!Array.isArray(value)) return void problem(place, 'expected an array');
    for (const [at, item] of value.entries()) {
      if (isObject(item)) visit(description, item, [...place, at], parent);
      else problem([...place, at], 'expected an object');
    }
  }

  function visit(description: Description, item: JsonObject, place: Place, parent: Parent | undefined): void {
    const pluginName = description.name === 'plugins' ? own(item, 'name') : undefined;
    if (typeof pluginName === 'string' && skipPlugins.includes(pluginName)) {
      return void skipped.push({ name: pluginName, place });
    }
    const own_: { [field: string]: Json } = Object.create(null);
    const nested: [Description, Json, Place, string][] = [];
    const { fields } = shapeFor(description, item);
    for (const [name, value] of Object.entries(item)) {
      if (remarks.includes(name)) continue;
      const child = Object.hasOwn(fields, name) ? undefined : byName.get(name);
      const field = child === undefined ? undefined : referenceTo(description.name, child.fields);
      if (child === undefined || field === undefined) own_[name] = value;
      else nested.push([child, value, [...place, name], field]);
      refuseVaults(value, [...place, name], problem);
    }
    let sent: JsonObject = own_;
    if (description.name === 'routes' && oldPaths) sent = withMarkedRegexes(sent);
    sent = referencesSpelt(description, sent, entities);
    if (parent !== undefined) {
      const given = own(sent, parent.field);
      if (given !== undefined && given !== null && !sameJson(given, { id: parent.id }) && !parent.isMeant(given)) {
        problem([...place, parent.field], `stands in another of the ${parent.kind} already`);
      }
      sent = { ...sent, [parent.field]: { id: parent.id } };
    }
    const id = own(sent, 'id');
    const found = typeof id === 'string' ? id.toLowerCase() : derivedId(description, sent, parent, counts);
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
      list(child, value, at, { kind: description.name, field, id: found, isMeant });
    }
  }

  for (const [name, value] of Object.entries(document)) {
    if (['_format_version', '_transform', ...remarks].includes(name)) continue;
    const description = byName.get(name);
    if (description !== undefined) list(description, value, [name], undefined);
    else if (name === 'oauth2_tokens') {
      problem([name], 'tokens are kept in the store and stay there whatever the file says; leave them out');
    } else if (name.startsWith('_')) problem([name], 'unknown field');
    else problem([name], `unknown entity; this gate has ${kinds.map((kind) => kind.name).join(', ')}`);
  }
  return { items, skipped };
}

/** The entity in which another one is nested. */
interface Parent {
  readonly kind: string;
  readonly id: string;
  /** The field of the nested one that refers to it. */
  readonly field: string;
  /** Whether a reference by name means it. */
  readonly isMeant: (reference: Json) => boolean;
}

function referenceTo(kind: string, fields: Fields): string | undefined {
  return Object.entries(fields).find(([, field]) => field.type === 'foreign' && field.reference === kind)?.[0];
}

/** A reference may be a bare id or name. */
function referencesSpelt(
  description: Description,
  sent: JsonObject,
  entities: ReadonlyMap<string, Description>,
): JsonObject {
  const spelt: { [field: string]: Json } = Object.create(null);
  for (const [name, value] of Object.entries(sent)) {
    const field = own(description.fields, name);
    const key = field?.type === 'foreign' ? (entities.get(field.reference)?.endpointKey ?? 'id') : undefined;
    spelt[name] = key !== undefined && typeof value === 'string' ? { [isUuid(value) ? 'id' : key]: value } : value;
  }
  return spelt;
}

/** A reference to somebody's secret store would be kept as if it were the secret itself. */
function refuseVaults(value: Json, place: Place, problem: Problem): void {
  if (typeof value === 'string' && /^\{vault:\/\/|^\$\{\{\s*env\s/.test(value)) {
    problem(place, 'refers to a secret elsewhere, which is not looked up here; write the value itself');
  } else if (isObject(value) && place.at(-1) === 'config') {
    for (const [name, inside] of Object.entries(value)) refuseVaults(inside, [...place, name], problem);
  }
}

/**
 * The id of an entity that names none: by its name where it has one, else by what it says. A secret has no part in it,
 * since everybody may see an id.
 */
function derivedId(
  description: Description,
  sent: JsonObject,
  parent: Parent | undefined,
  counts: Map<string, number>,
): string {
  const { name: kind, endpointKey, fields, uniqueTogether } = description;
  const keyField = endpointKey === undefined ? undefined : fields[endpointKey];
  const key = endpointKey === undefined ? undefined : own(sent, endpointKey);
  if (typeof key === 'string' && keyField?.type === 'string' && keyField.encrypted !== true) {
    // A key that is only somebody's within another entity (the address of a target) goes with that one's.
    const within = Object.entries(fields).flatMap(([name, field]) =>
      field.type === 'foreign' && field.on_delete === 'cascade' ? [referenceText(own(sent, name))] : [],
    );
    return namedId(kind, keyField.unique === true ? key : [key, ...within].join(':'));
  }
  const together = uniqueTogether?.[0];
  const what =
    together === undefined
      ? canonical(withoutSecrets(shapeFor(description, sent).fields, sent))
      : [kind, ...together.map((field) => referenceText(own(sent, field)))].join(':');
  const said = `${parent?.id ?? ''} ${what}`;
  const count = (counts.get(`${kind} ${said}`) ?? 0) + 1;
  counts.set(`${kind} ${said}`, count);
  if (together !== undefined) return namedId(kind, count === 1 ? what : `${what}#${count}`);
  return namedId(kind, count === 1 ? said : `${said}#${count}`);
}

/** In Kong's cache keys a reference is its id; one by name stands for itself. */
function referenceText(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  return isObject(value) ? String(own(value, 'id') ?? canonical(value)) : String(value);
}

function withoutSecrets(fields: Fields, sent: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(sent).flatMap(([name, value]): [string, Json][] => {
      const field = own(fields, name);
      if (field === undefined || ('encrypted' in field && field.encrypted === true)) return [];
      return [[name, field.type === 'record' && isObject(value) ? withoutSecrets(field.fields, value) : value]];
    }),
  );
}

function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name]!)}`).join()}}`;
}

// Rows --------------------------------------------------------------------------------------------------------------

const rowsInStep = 50;

function* rowsOf(
  items: readonly Item[],
  reading: Reading,
  problem: Problem,
): Generator<undefined, readonly DeclaredRow[]> {
  const { entities } = reading;
  const named = namesOf(items);
  const rows: DeclaredRow[] = [];
  for (const [at, item] of items.entries()) {
    if (at % rowsInStep === rowsInStep - 1) yield undefined;
    const { description, place } = item;
    const stored = reading.stored(description.name, item.id);
    const referred = referencesFound(item, named, entities, problem);
    if (referred === undefined) continue;
    const sent = stored === undefined ? referred : withKept(description, referred, stored);
    const draft = draftInsert(description, sent, autoFor(description, sent, item.id, reading));
    const violations = violationsOf(draft, (kind) => entities.get(kind));
    if (violations === undefined) rows.push({ description, row: finished(draft), place });
    else {
      for (const { path, message } of listViolations(violations)) {
        problem([...place, ...placeOf(path)], inFileWords(description, item, path, message, entities));
      }
    }
  }
  return rows;
}

function autoFor(description: Description, sent: JsonObject, id: string, { now, token }: Reading): Auto {
  return { now, uuid: id, tokens: Array.from({ length: tokensNeeded(description, sent) }, token) };
}

/** Which id is meant by which unique value, for each kind. */
function namesOf(items: readonly Item[]): ReadonlyMap<string, string> {
  const named = new Map<string, string>();
  for (const { description, sent, id } of items) {
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

/** What was sent with each reference as an id. `undefined`: one of them leads nowhere. */
function referencesFound(
  { description, sent, place }: Item,
  named: ReadonlyMap<string, string>,
  entities: ReadonlyMap<string, Description>,
  problem: Problem,
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
      problem([...place, name], `the file has none of the ${kind} with ${by} ${JSON.stringify(key)}`);
    }
  }
  return isWhole ? found : undefined;
}

/** Random values that the file does not say stay what they are; so does the time of creation. */
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

function inFileWords(
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

// What only shows when all rows are looked at ------------------------------------------------------------------------

function findDuplicates(rows: readonly DeclaredRow[], document: ConfigurationDocument, problem: Problem): void {
  const first = new Map<string, Place>();
  for (const { description, row, place } of rows) {
    const keys = [
      { fields: ['id'], key: `id ${row.id}` },
      ...uniqueKeys(kindOf(description), row).map(({ fields, key }) => ({ fields, key })),
    ];
    // A second one of the same name has the same id as well; the name is what its author will look for.
    const taken = keys.reverse().find(({ key }) => first.has(`${description.name} ${key}`));
    if (taken !== undefined) {
      const before = first.get(`${description.name} ${taken.key}`)!;
      const line = document.lineOf(before);
      const at = `${placeText(before)}${line === undefined ? '' : ` on line ${line}`}`;
      const [field] = taken.fields;
      problem(
        taken.fields.length === 1 ? [...place, field!] : place,
        `${taken.fields.join(', ')}: the same as of ${at}`,
      );
    }
    for (const { key } of keys)
      if (!first.has(`${description.name} ${key}`)) first.set(`${description.name} ${key}`, place);
  }
}

/** The authorities of a service are a list of ids, which the store does not hold to anything. */
function findMissingAuthorities(rows: readonly DeclaredRow[], items: readonly Item[], problem: Problem): void {
  const there = new Set(items.filter(({ description }) => description.name === 'ca_certificates').map(({ id }) => id));
  for (const { row, place } of rows) {
    const named = row['ca_certificates'];
    for (const [at, id] of Array.isArray(named) ? named.entries() : []) {
      if (!there.has(String(id).toLowerCase())) {
        problem(
          [...place, 'ca_certificates', at],
          `the file has none of the ca_certificates with id ${JSON.stringify(id)}`,
        );
      }
    }
  }
}

/** A plugin that says its protocols has to share one with the route it is on, or with some route of its service (Kong). */
function findProtocolsApart(rows: readonly DeclaredRow[], items: readonly Item[], problem: Problem): void {
  const said = new Map(
    items.filter(({ sent }) => Array.isArray(own(sent, 'protocols'))).map((item) => [item.id, item]),
  );
  const routes = rows.filter(({ description }) => description.name === 'routes').map(({ row }) => row);
  for (const { description, row, place } of rows) {
    if (description.name !== 'plugins' || !said.has(row.id)) continue;
    const protocols = row['protocols'] as readonly string[];
    const shares = (route: Entity) => (route['protocols'] as readonly string[]).some((one) => protocols.includes(one));
    const routeId = referenceIn(row, 'route');
    const serviceId = referenceIn(row, 'service');
    const on =
      routeId === undefined
        ? routes.filter((route) => serviceId !== undefined && referenceIn(route, 'service') === serviceId)
        : routes.filter(({ id }) => id === routeId);
    if (on.length > 0 && !on.some(shares)) {
      problem(
        [...place, 'protocols'],
        routeId === undefined
          ? "must match the protocols of at least one route pointing to this Plugin's service"
          : "must match the associated route's protocols",
      );
    }
  }
}
