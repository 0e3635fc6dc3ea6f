/**
 * Reads JSON from untrusted clients. `__proto__` and `constructor` are keys like any other: objects are read by their
 * own properties only, and are made without a prototype.
 */
import type { Json } from '../ports/entity-store.ts';
import type { JsonObject } from './description.ts';

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value of an own property. */
export function own<T>(object: { readonly [key: string]: T }, key: string): T | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** An object for any keys. */
export function bag<T>(): { [key: string]: T } {
  return Object.create(null);
}

/** The value at a dotted path, through records. */
export function at(object: JsonObject, path: string): Json | undefined {
  let value: Json | undefined = object;
  for (const key of path.split('.')) {
    if (!isObject(value)) return undefined;
    value = own(value, key);
  }
  return value;
}

/** Kong's notion of "set": neither absent, null, an empty string nor an empty list. `false` is set. */
export function isSet(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === '') return false;
  if (Array.isArray(value)) return value.length > 0;
  return !isObject(value) || Object.keys(value).length > 0;
}

export function sameJson(one: Json | undefined, other: Json | undefined): boolean {
  if (one === other) return true;
  if (Array.isArray(one)) {
    return Array.isArray(other) && one.length === other.length && one.every((item, i) => sameJson(item, other[i]));
  }
  if (!isObject(one) || !isObject(other)) return false;
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && sameJson(one[key], other[key]))
  );
}
