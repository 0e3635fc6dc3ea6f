/**
 * Forms: names such as `a[]`, `a[1]`, `a[key]` and `a.b` describe lists and records, and the description of the entity
 * says which values are numbers, booleans or lists. JSON is never coerced.
 */
import type { Json } from '../ports/entity-store.ts';
import { type Description, type Field, type Fields, type JsonObject, shapeFor } from './description.ts';
import { bag, isObject, own } from './json.ts';
import { luaNumber } from './lua.ts';

/** A name without `=` has the value true. */
export type FormPair = readonly [name: string, value: string | true];

/** The deepest name. No description is deeper, and it does not exhaust the stack. */
const deepest = 32;

interface Branch {
  readonly children: Map<string | number, Node>;
  /** The index that `[]` gets. */
  next: number;
}
type Node = Branch | Leaf;
type Leaf = (string | true)[];

/** The tree that the names of a form describe; all values are still text. */
export function formTree(pairs: Iterable<FormPair>): JsonObject {
  const root = newBranch();
  for (const [name, value] of pairs) grow(root, pathOf(name), value);
  return branchValue(root) as JsonObject;
}

function newBranch(): Branch {
  return { children: new Map(), next: 1 };
}

function grow(root: Branch, path: readonly (string | number)[], value: string | true): void {
  let branch = root;
  for (const step of path.slice(0, -1)) {
    const found = childOf(branch, step);
    if (found !== undefined && !Array.isArray(found)) {
      branch = found;
      continue;
    }
    const next = newBranch();
    for (const earlier of found ?? []) set(next, next.next, [earlier]);
    set(branch, step, next);
    branch = next;
  }
  const last = path.at(-1)!;
  const found = childOf(branch, last);
  if (found === undefined) set(branch, last, [value]);
  else if (Array.isArray(found)) found.push(value);
  else set(found, found.next, [value]);
}

function childOf(branch: Branch, step: string | number): Node | undefined {
  return step === '' ? undefined : branch.children.get(step);
}

function set(branch: Branch, step: string | number, node: Node): void {
  const key = step === '' ? branch.next : step;
  branch.children.set(key, node);
  if (typeof key === 'number' && key >= branch.next) branch.next = key + 1;
}

/** The steps of `a.b[c][2]`. `''` stands for `[]`, the next index of a list. */
function pathOf(name: string): readonly (string | number)[] {
  const steps = name
    .split('.')
    .filter((part) => part !== '')
    .flatMap(stepsOf);
  return steps.length === 0 || steps.length > deepest ? [name] : steps;
}

function stepsOf(part: string): (string | number)[] {
  const brackets: (string | number)[] = [];
  let rest = part;
  for (let found = /^(.+)\[([^[\]]*)\]$/.exec(rest); found !== null; found = /^(.+)\[([^[\]]*)\]$/.exec(rest)) {
    brackets.unshift(/^\d{1,9}$/.test(found[2]!) ? Number(found[2]) : found[2]!);
    rest = found[1]!;
    if (brackets.length > deepest) break;
  }
  return [rest, ...brackets];
}

function nodeValue(node: Node): Json {
  if (!Array.isArray(node)) return branchValue(node);
  return node.length === 1 ? node[0]! : node;
}

function branchValue({ children }: Branch): Json {
  const entries = [...children];
  if (entries.length > 0 && entries.every(([key]) => typeof key === 'number')) {
    return entries.sort(([one], [other]) => Number(one) - Number(other)).map(([, node]) => nodeValue(node));
  }
  const object = bag<Json>();
  for (const [key, node] of entries) object[key] = nodeValue(node);
  return object;
}

/** `whole`: also makes lists of single values. Kong's `/schemas/…/validate` does not. */
export type Coercion = 'whole' | 'scalars';

/** Converts the texts of a form to the types of the description, where they can be converted. */
export function coerced(
  description: Description,
  input: JsonObject,
  describe: (kind: string) => Description | undefined,
  coercion: Coercion = 'whole',
): JsonObject {
  const { fields } = shapeFor(description, input);
  const shorthands = Object.entries(description.shorthands ?? {}).map(([name, { field }]) => [name, field]);
  const row = coerceAll({ ...fields, ...Object.fromEntries(shorthands) }, input, describe, coercion);
  return withAliases(description.aliases, fields, row, describe, coercion);
}

function coerceAll(
  fields: Fields,
  input: JsonObject,
  describe: (kind: string) => Description | undefined,
  coercion: Coercion,
): JsonObject {
  const row = bag<Json>();
  for (const [name, value] of Object.entries(input)) {
    const field = own(fields, name);
    row[name] = field === undefined ? value : coerce(field, value, describe, coercion);
  }
  return row;
}

/** The older name of a field has the type of the newer one. */
function withAliases(
  aliases: Description['aliases'],
  fields: Fields,
  row: JsonObject,
  describe: (kind: string) => Description | undefined,
  coercion: Coercion,
): JsonObject {
  const read = bag<Json>();
  for (const [name, value] of Object.entries(row)) {
    const field = own(fields, own(aliases ?? {}, name)?.of ?? '');
    read[name] = field === undefined ? value : coerce(field, value, describe, coercion);
  }
  return read;
}

function coerce(
  field: Field,
  value: Json,
  describe: (kind: string) => Description | undefined,
  coercion: Coercion,
): Json {
  if (value === '') return null;
  switch (field.type) {
    case 'number':
    case 'integer':
      return typeof value === 'string' ? (luaNumber(value) ?? value) : value;
    case 'boolean':
      return value === 'true' ? true : value === 'false' ? false : value;
    case 'array':
    case 'set': {
      const list = Array.isArray(value)
        ? value
        : coercion === 'whole' && !isObject(value)
          ? listOf(field, value)
          : value;
      return Array.isArray(list) ? list.map((item) => coerce(field.elements, item, describe, coercion)) : list;
    }
    case 'map': {
      if (!isObject(value)) return value;
      const map = bag<Json>();
      for (const [key, item] of Object.entries(value)) map[key] = coerce(field.values, item, describe, coercion);
      return map;
    }
    case 'record':
      if (!isObject(value)) return value;
      return withAliases(
        field.aliases,
        field.fields,
        coerceAll(field.fields, value, describe, coercion),
        describe,
        coercion,
      );
    case 'foreign': {
      const description = describe(field.reference);
      // One step only: a reference is named by fields of its entity, not by those of a third one.
      return isObject(value) && description !== undefined
        ? coerceAll(description.fields, value, () => undefined, coercion)
        : value;
    }
    default:
      return value;
  }
}

function listOf(field: Field, value: Json): readonly Json[] {
  const separator = field.type === 'array' ? field.formSeparator : undefined;
  if (separator === undefined || typeof value !== 'string') return [value];
  return value
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
