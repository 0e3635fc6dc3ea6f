/** A description as `/schemas` prints it: rules by Kong's names, fields as a list of objects with one key each. */
import type { Json } from '../../ports/entity-store.ts';
import type { EntityCheck, Field, Fields, Pattern } from './description.ts';
import { isObject } from './json.ts';

export function printedSchema(fields: Fields, checks: readonly EntityCheck[] = []): Json {
  const printed = { fields: printedFields(fields) };
  const entity_checks = printedChecks(checks);
  return entity_checks.length === 0 ? printed : { ...printed, entity_checks };
}

function printedFields(fields: Fields): Json {
  return Object.entries(fields).map(([name, field]) => ({ [name]: printedField(field) }));
}

const notPrinted = new Set(['check', 'sealed', 'unlessSet', 'aliases', 'formSeparator']);

function printedField(field: Field): Json {
  return Object.fromEntries(
    Object.entries(field).flatMap(([rule, value]) => {
      if (notPrinted.has(rule)) return [];
      if (rule === 'fields') return [[rule, printedFields(value as Fields)]];
      if (rule === 'elements' || rule === 'keys' || rule === 'values') return [[rule, printedField(value as Field)]];
      if (rule === 'entity_checks') return [[rule, printedChecks(value as readonly EntityCheck[])]];
      return [[rule, printedRule(value)]];
    }),
  );
}

function printedChecks(checks: readonly EntityCheck[]): readonly Json[] {
  return checks.map((check) => printedRule(check));
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
