import type { Entity, Json } from '../ports/entity-store.ts';

/** Reads fields of rows. Rows were validated when they were written; these functions only check the types. */

export function textOrNull(row: Entity, field: string): string | null {
  const value = row[field] ?? null;
  if (value === null || typeof value === 'string') return value;
  throw new TypeError(`${field} is not a string`);
}

export function text(row: Entity, field: string): string {
  const value = textOrNull(row, field);
  if (value === null) throw new TypeError(`${field} is missing`);
  return value;
}

export function number(row: Entity, field: string, absent: number): number {
  const value = row[field] ?? absent;
  if (typeof value === 'number') return value;
  throw new TypeError(`${field} is not a number`);
}

export function flag(row: Entity, field: string, absent: boolean): boolean {
  const value = row[field] ?? absent;
  if (typeof value === 'boolean') return value;
  throw new TypeError(`${field} is not a boolean`);
}

export function listOrNull(row: Entity, field: string): readonly string[] | null {
  const value = row[field] ?? null;
  if (value === null || isTexts(value)) return value;
  throw new TypeError(`${field} is not a list of strings`);
}

export function listsOrNull(row: Entity, field: string): { readonly [name: string]: readonly string[] } | null {
  const value = row[field] ?? null;
  if (value === null) return null;
  if (isObject(value)) {
    const lists = new Map<string, readonly string[]>();
    for (const [name, list] of Object.entries(value)) if (isTexts(list)) lists.set(name, list);
    if (lists.size === Object.keys(value).length) return Object.fromEntries(lists);
  }
  throw new TypeError(`${field} is not an object of lists of strings`);
}

export function object(row: Entity, field: string): { readonly [key: string]: Json } {
  const value = row[field] ?? {};
  if (isObject(value)) return value;
  throw new TypeError(`${field} is not an object`);
}

function isTexts(value: Json): value is readonly string[] {
  return Array.isArray(value) && value.every((element) => typeof element === 'string');
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
