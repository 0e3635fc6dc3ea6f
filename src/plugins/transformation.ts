/**
 * What `request-transformer` and `response-transformer` have in common: lists of changes by name, in Kong's five ways.
 * `rename` and `replace` change what is there, `add` adds what is not, `append` keeps what is there and adds to it.
 */
import type { ArrayField, Fields, Pattern, RecordField, StringField } from '../schema/description.ts';
import { checkSettable } from './header-names.ts';
import type { Named } from './named.ts';

export interface Change<Value = string> {
  readonly name: string;
  /** The value, or the new name; empty if there is none. */
  readonly value: Value;
}

/** `name:value`, split at the first colon. */
export function changesOf(list: readonly string[] | null): readonly Change[] {
  return (list ?? []).map((entry) => {
    const colon = entry.indexOf(':');
    return colon < 0 ? { name: entry, value: '' } : { name: entry.slice(0, colon), value: entry.slice(colon + 1) };
  });
}

export interface Changes<Value> {
  readonly remove: readonly Pick<Change, 'name'>[];
  readonly rename: readonly Change[];
  readonly replace: readonly Change<Value>[];
  readonly add: readonly Change<Value>[];
  readonly append: readonly Change<Value>[];
}

/** The changes of one kind of things: headers, parameters, fields of a body. */
export function changesIn<Kind extends string, Value>(
  kind: Kind,
  {
    remove,
    rename,
    replace,
    add,
    append,
  }: Readonly<Record<keyof Changes<Value>, { readonly [K in Kind]: readonly string[] }>>,
  read: (text: string) => Value,
): Changes<Value> {
  const valued = (list: readonly string[]) => changesOf(list).map(({ name, value }) => ({ name, value: read(value) }));
  return {
    remove: changesOf(remove[kind]),
    rename: changesOf(rename[kind]),
    replace: valued(replace[kind]),
    add: valued(add[kind]),
    append: valued(append[kind]),
  };
}

export function changesNothing(changes: Changes<unknown>): boolean {
  return Object.values(changes).every((list: readonly unknown[]) => list.length === 0);
}

/** In Kong's order. */
export function change<Value>(named: Named<Value>, { remove, rename, replace, add, append }: Changes<Value>): void {
  for (const { name } of remove) named.remove(name);
  for (const { name, value } of rename) if (named.has(name)) named.rename(name, value);
  for (const { name, value } of replace) if (named.has(name)) named.set(name, value);
  for (const { name, value } of add) if (!named.has(name)) named.set(name, value);
  for (const { name, value } of append) named.append(name, value);
}

// Settings ------------------------------------------------------------------------------------------------------------

/** A list of texts that is never null. */
interface List extends ArrayField {
  readonly required: true;
  readonly elements: StringField;
}

export function names(description: string, element: Omit<StringField, 'type'> = {}): List {
  return { type: 'array', required: true, default: [], elements: { type: 'string', ...element }, description };
}

export function headerNames(description: string): List {
  return names(description, { check: checkSettable });
}

export function pairs(description: string, check?: (value: string) => string | undefined): List {
  return names(description, { check: (entry) => checkPair(entry) ?? check?.(changesOf([entry])[0]!.value) });
}

const pair: Pattern = { notation: '^[^:]+:.*$', matches: /^[^:]+:/ };

/** `rename`: the value is a header name, too. */
export function headerPairs(
  description: string,
  what: 'rename' | 'value',
  check?: (value: string) => string | undefined,
): List {
  const checked = (entry: string): string | undefined => {
    const [{ name, value }] = changesOf([entry]) as [Change];
    return checkSettable(name) ?? (what === 'rename' ? checkSettable(value) : check?.(value));
  };
  return names(description, { match: pair, check: (entry) => checkPair(entry) ?? checked(entry) });
}

export function group<const F extends Fields>(fields: F, description: string) {
  return { type: 'record', required: true, fields, description } as const satisfies RecordField;
}

function checkPair(entry: string): string | undefined {
  const [{ name, value }] = changesOf([entry]) as [Change];
  return name === '' || value === '' ? `key '${name}' has no value` : undefined;
}
