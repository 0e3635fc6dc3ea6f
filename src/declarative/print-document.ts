/**
 * Prints rows as a declarative configuration, not nested and with their ids, so that a gate that loads it has the same
 * rows and keeps their tokens. Hashed secrets stay hashed (`_transform: false`).
 */
import type { Entity, Json } from '../ports/entity-store.ts';
import { type Fields, type JsonObject, shapeFor } from '../schema/description.ts';
import { isObject, own } from '../schema/json.ts';
import type { KindRows } from './plan-changes.ts';

export function printedDocument(kinds: readonly KindRows[]): JsonObject {
  const collections = kinds
    .filter(({ rows }) => rows.length > 0)
    .map(({ description, rows }): [string, Json] => [
      description.name,
      rows.map((row) => written(shapeFor(description, row).fields, row as JsonObject)),
    ]);
  return { _format_version: '3.0', _transform: false, ...Object.fromEntries(collections) };
}

/** Leaves out values that a load sets again: nulls where null is the default, and times. */
function written(fields: Fields, row: Entity | JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, field]): [string, Json][] => {
      const value = own(row as JsonObject, name);
      if (value === undefined || ('timestamp' in field && field.timestamp === true)) return [];
      if (value === null) return (field.default ?? null) === null && !isRandom(field) ? [] : [[name, null]];
      if (field.type === 'foreign' && isObject(value)) return [[name, own(value, 'id')!]];
      if (field.type === 'record' && isObject(value)) return [[name, written(field.fields, value)]];
      return [[name, value]];
    }),
  );
}

function isRandom(field: Fields[string]): boolean {
  return field.type === 'string' && field.auto === true;
}
