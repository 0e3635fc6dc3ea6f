/**
 * A description as `/schemas` prints it: rules by Kong's names, fields as a list of objects with one key each. Fields and
 * values that Kong does not have are left out unless they are asked for: tools compare schemas, and fill in the fields
 * that they find here.
 */
import type { Json } from '../ports/entity-store.ts';
import type { EntityCheck, Field, Fields, Pattern } from './description.ts';
import { isObject } from './json.ts';

/** Which fields and values a schema shows. */
export type SchemaExtent = "Kong's" | 'all';

export function printedSchema(
  fields: Fields,
  checks: readonly EntityCheck[] = [],
  extent: SchemaExtent = "Kong's",
): Json {
  return { fields: printedFields(fields, extent), entity_checks: printedChecks(fields, checks, extent) };
}

function printedFields(fields: Fields, extent: SchemaExtent): Json {
  return Object.entries(fields).flatMap(([name, field]) =>
    isShown(field, extent) ? [{ [name]: printedField(field, extent) }] : [],
  );
}

function isShown(field: Field | undefined, extent: SchemaExtent): boolean {
  return extent === 'all' || (field?.unlessSet !== 'absent' && field?.implicit !== true);
}

const notPrinted = new Set([
  'check',
  'encrypted',
  'repeated',
  'unlessSet',
  'implicit',
  'aliases',
  'formSeparator',
  'also',
  'defaultAfter',
  'nullMeans',
  'entity_checks',
]);

function printedField(field: Field, extent: SchemaExtent): Json {
  const checks = field.type === 'record' ? printedChecks(field.fields, field.entity_checks ?? [], extent) : [];
  const rules = Object.entries(field).flatMap(([rule, value]) => {
    if (notPrinted.has(rule)) return [];
    if (rule === 'fields') return [[rule, printedFields(value as Fields, extent)]];
    if (rule === 'elements' || rule === 'keys' || rule === 'values')
      return [[rule, printedField(value as Field, extent)]];
    return [[rule, printedRule(extent === 'all' ? withAlso(field, rule, value) : value)]];
  });
  return Object.fromEntries(checks.length === 0 ? rules : [...rules, ['entity_checks', checks]]);
}

/** A list of values that Kong accepts, with the values that only this gate accepts. */
function withAlso({ also }: Field, rule: string, value: unknown): unknown {
  const more = (also as { readonly [rule: string]: readonly unknown[] } | undefined)?.[rule];
  return more === undefined ? value : [...(value as readonly unknown[]), ...more];
}

function printedChecks(fields: Fields, checks: readonly EntityCheck[], extent: SchemaExtent): readonly Json[] {
  return checks.flatMap((check) => {
    const isShownCheck =
      !('custom_entity_check' in check) ||
      check.custom_entity_check.field_sources.every((name) => isShown(fields[name], extent));
    return isShownCheck ? [printedRule(check)] : [];
  });
}

function printedRule(value: unknown): Json {
  if (isPattern(value)) return value.notation;
  if (Array.isArray(value)) return value.map(printedRule);
  if (!isObject(value)) return value as Json;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, part]) => (typeof part === 'function' ? [] : [[key, printedRule(part)]])),
  );
}

function isPattern(value: unknown): value is Pattern {
  return isObject(value) && value['matches'] instanceof RegExp;
}
