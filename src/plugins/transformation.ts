/**
 * What `request-transformer` and `response-transformer` have in common: lists of changes by name, in Kong's five ways.
 * `rename` and `replace` touch what is there, `add` what is not, `append` puts beside it whatever is there.
 */
import type { ArrayField, Fields, Pattern, RecordField } from '../schema/description.ts';
import { checkSettable } from './header-names.ts';
import type { Named } from './named.ts';

export interface Change {
  readonly name: string;
  /** The value, or the new name; empty where there is none. */
  readonly value: string;
}

/** `name:value`, cut at the first colon. */
export function changesOf(list: readonly string[] | null | undefined): readonly Change[] {
  return (list ?? []).map((entry) => {
    const colon = entry.indexOf(':');
    return colon < 0 ? { name: entry, value: '' } : { name: entry.slice(0, colon), value: entry.slice(colon + 1) };
  });
}

export interface Changes<Value> {
  readonly remove: readonly { readonly name: string }[];
  readonly rename: readonly { readonly name: string; readonly value: string }[];
  readonly replace: readonly { readonly name: string; readonly value: Value }[];
  readonly add: readonly { readonly name: string; readonly value: Value }[];
  readonly append: readonly { readonly name: string; readonly value: Value }[];
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

export function names(description: string): ArrayField {
  return { type: 'array', required: true, default: [], elements: { type: 'string' }, description };
}

export function headerNames(description: string): ArrayField {
  return {
    type: 'array',
    required: true,
    default: [],
    elements: { type: 'string', check: checkSettable },
    description,
  };
}

export function pairs(description: string, check?: (value: string) => string | undefined): ArrayField {
  return {
    type: 'array',
    required: true,
    default: [],
    elements: { type: 'string', check: (entry) => checkPair(entry) ?? check?.(changesOf([entry])[0]!.value) },
    description,
  };
}

const pair: Pattern = { notation: '^[^:]+:.*$', matches: /^[^:]+:/ };

/** `rename`: the value is the name of a header, too. */
export function headerPairs(
  description: string,
  what: 'rename' | 'value',
  check?: (value: string) => string | undefined,
): ArrayField {
  const checked = (entry: string): string | undefined => {
    const [{ name, value }] = changesOf([entry]) as [Change];
    return checkSettable(name) ?? (what === 'rename' ? checkSettable(value) : check?.(value));
  };
  return {
    type: 'array',
    required: true,
    default: [],
    elements: { type: 'string', match: pair, check: (entry) => checkPair(entry) ?? checked(entry) },
    description,
  };
}

export function group(fields: Fields, description: string): RecordField {
  return { type: 'record', required: true, fields, description };
}

function checkPair(entry: string): string | undefined {
  const [{ name, value }] = changesOf([entry]) as [Change];
  return name === '' || value === '' ? `key '${name}' has no value` : undefined;
}
