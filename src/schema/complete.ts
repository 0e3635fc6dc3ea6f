/**
 * Turns a request body into a whole row: translates aliases and shorthands, fills in defaults, and adds ids, times and
 * random strings. An invalid value is left as it is, and validation reports it. The input is never changed.
 */
import type { EpochMilliseconds } from '../oauth/client.ts';
import type { Json } from '../ports/entity-store.ts';
import type { Alias, Description, Field, Fields, JsonObject, Shorthand } from './description.ts';
import { shapeFor } from './description.ts';
import { bag, isObject, own, sameJson } from './json.ts';
import { validateField } from './validate.ts';
import type { Violation, Violations } from './violations.ts';

/** The values that a row gets from outside. */
export interface Auto {
  readonly now: EpochMilliseconds;
  readonly uuid: string;
  /** Random strings for the fields in their order; as many as `tokensNeeded` returns. */
  readonly tokens: readonly string[];
}

/** How many random strings a new row of this description needs. */
export function tokensNeeded(description: Description, input: JsonObject): number {
  return countTokens(shapeFor(description, input).fields);
}

function countTokens(fields: Fields): number {
  return Object.values(fields).reduce((count, field) => {
    if (field.type === 'record') return count + countTokens(field.fields);
    return count + (isRandom(field) ? 1 : 0);
  }, 0);
}

export type Understood =
  | { readonly input: JsonObject; readonly violations?: undefined }
  | { readonly violations: Violations };

/** A request body with the field names of the description: aliases renamed, shorthands expanded. */
export function understand(description: Description, sent: JsonObject): Understood {
  const violations: { [field: string]: Violation } = bag();
  let input = renamed(description.aliases, sent, violations);
  for (const [name, field] of Object.entries(shapeFor(description, input).fields)) {
    const value = own(input, name);
    if (field.type !== 'record' || field.aliases === undefined || !isObject(value)) continue;
    const inside: { [field: string]: Violation } = bag();
    input = { ...input, [name]: renamed(field.aliases, value, inside) };
    if (Object.keys(inside).length > 0) violations[name] = inside;
  }
  for (const [name, shorthand] of Object.entries(description.shorthands ?? {})) {
    const value = own(input, name);
    if (value === undefined) continue;
    const wrong = validateField(shorthand.field, value);
    if (wrong !== undefined) violations[name] = wrong;
    else input = expanded(shorthand, name, value, input);
  }
  return Object.keys(violations).length > 0 ? { violations } : { input };
}

function expanded({ expand, givenWins }: Shorthand, name: string, value: Json, input: JsonObject): JsonObject {
  const meant = expand(value);
  const rest = without(input, name);
  if (givenWins !== true) return { ...rest, ...meant };
  const itself = own(meant, name);
  return { ...meant, ...rest, ...(itself === undefined ? {} : { [name]: itself }) };
}

function renamed(
  aliases: Readonly<Record<string, Alias>> | undefined,
  sent: JsonObject,
  violations: { [field: string]: Violation },
): JsonObject {
  let input = sent;
  for (const [name, { of, oneOfMany }] of Object.entries(aliases ?? {})) {
    const value = own(input, name);
    if (value === undefined) continue;
    const meant = oneOfMany === true && typeof value === 'string' ? [value] : value;
    const other = own(input, of);
    if (other !== undefined && !sameJson(other, meant)) {
      violations[name] = `another name for '${of}', which is given with another value`;
    }
    input = { ...without(input, name), [of]: meant };
  }
  return input;
}

function without(object: JsonObject, name: string): JsonObject {
  const { [name]: _, ...rest } = object;
  return rest;
}

/** A new row, or one that replaces another. */
export function completed(description: Description, input: JsonObject, auto: Auto): JsonObject {
  return fill(shapeFor(description, input).fields, input, { ...auto, tokens: [...auto.tokens] });
}

/** A row as it is printed: with all fields of the description, also those that did not exist when it was written. */
export function presented(description: Description, row: JsonObject): JsonObject {
  return fill(shapeFor(description, row).fields, row, undefined);
}

/** `stored` with a change applied. Lists are replaced, records are merged field by field. */
export function changed(
  description: Description,
  stored: JsonObject,
  change: JsonObject,
  now: EpochMilliseconds,
): JsonObject {
  // The change can select another subschema, with other fields and defaults.
  const { fields } = shapeFor(description, { ...stored, ...change });
  const row = merged(fields, normalised(fields, withTimeOfCreation(change, stored)), presented(description, stored));
  const dated =
    own(fields, 'updated_at')?.auto === true ? { ...row, updated_at: timeFor(fields['updated_at']!, now) } : row;
  return fill(fields, dated, undefined);
}

/** The time of creation can be set but not removed: the lifetime of tokens counts from it. */
function withTimeOfCreation(change: JsonObject, stored: JsonObject): JsonObject {
  return own(change, 'created_at') === null ? { ...change, created_at: own(stored, 'created_at') ?? null } : change;
}

interface Drawn {
  readonly now: EpochMilliseconds;
  readonly uuid: string;
  readonly tokens: string[];
}

function fill(fields: Fields, input: JsonObject, auto: Drawn | undefined): JsonObject {
  const row: { [field: string]: Json } = bag();
  for (const [name, value] of Object.entries(input)) row[name] = value;
  for (const [name, field] of Object.entries(fields)) {
    const value = auto === undefined ? own(input, name) : automatic(name, field, own(input, name), auto);
    const filled = fillField(field, value === undefined && auto !== undefined ? implied(field, input) : value, auto);
    if (filled === undefined) delete row[name];
    else row[name] = filled;
  }
  return row;
}

function implied(field: Field, given: JsonObject): Json | undefined {
  return field.defaultAfter?.(given) as Json | undefined;
}

function automatic(name: string, field: Field, value: Json | undefined, auto: Drawn): Json | undefined {
  if (field.auto !== true) return value;
  if (field.type === 'string') {
    if (field.uuid === true) return value ?? auto.uuid;
    const token = auto.tokens.shift();
    return value === undefined ? token : value;
  }
  if (name === 'created_at') return value ?? timeFor(field, auto.now);
  return timeFor(field, auto.now);
}

function isRandom(field: Field): boolean {
  return field.type === 'string' && field.auto === true && field.uuid !== true;
}

function fillField(field: Field, value: Json | undefined, auto: Drawn | undefined): Json | undefined {
  if (value === undefined || (value === null && field.unlessSet === 'absent')) {
    if (field.unlessSet === 'absent') return undefined;
    if (field.default !== undefined) return field.default as Json;
    if (field.required !== true) return null;
    return field.type === 'record' ? fill(field.fields, {}, auto) : undefined;
  }
  const normal = normalisedField(field, value, auto);
  return field.type === 'record' && isObject(normal) ? fill(field.fields, normal, auto) : normal;
}

function normalisedField(field: Field, value: Json, auto?: Drawn): Json {
  if (value === null && field.nullMeans !== undefined) return field.nullMeans as Json;
  switch (field.type) {
    case 'array':
    case 'set': {
      const list = isEmptyObject(value) ? [] : value;
      if (!Array.isArray(list)) return list;
      const items =
        field.elements.type === 'record' ? list.map((item) => fillField(field.elements, item, auto)!) : list;
      return field.type === 'set' ? eachOnce(items) : items;
    }
    case 'record':
      return isObject(value) ? normalised(field.fields, value) : isEmptyArray(value) ? {} : value;
    case 'map':
      return isEmptyArray(value) ? {} : value;
    default:
      return value;
  }
}

/** Lua has one kind of empty table, so JSON from clients in Lua can have `{}` for `[]` and the reverse. */
function isEmptyObject(value: Json): boolean {
  return isObject(value) && Object.keys(value).length === 0;
}

function isEmptyArray(value: Json): boolean {
  return Array.isArray(value) && value.length === 0;
}

function eachOnce(items: readonly Json[]): readonly Json[] {
  const seen = new Set<string>();
  return items.filter((item) => {
    const known = JSON.stringify(item);
    return !seen.has(known) && seen.add(known);
  });
}

function normalised(fields: Fields, input: JsonObject): JsonObject {
  const row: { [field: string]: Json } = bag();
  for (const [name, value] of Object.entries(input)) {
    const field = own(fields, name);
    row[name] = field === undefined ? value : normalisedField(field, value);
  }
  return row;
}

function merged(fields: Fields, change: JsonObject, stored: JsonObject): JsonObject {
  const row: { [field: string]: Json } = bag();
  for (const [name, value] of Object.entries(stored)) row[name] = value;
  for (const [name, value] of Object.entries(change)) {
    const field = own(fields, name);
    const before = own(stored, name);
    row[name] =
      field?.type === 'record' && isObject(value) && isObject(before) ? merged(field.fields, value, before) : value;
  }
  return row;
}

/** In seconds. */
function timeFor({ type }: Field, now: EpochMilliseconds): number {
  return type === 'number' ? now / 1000 : Math.floor(now / 1000);
}
