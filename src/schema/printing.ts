/**
 * A description as `/schemas` prints it: rules by Kong's names, fields as a list of objects with one key each. What Kong
 * does not have is left out: tools compare, and fill in what they read here.
 */
import type { Json } from '../ports/entity-store.ts';
import type { EntityCheck, Field, Fields, Pattern } from './description.ts';
import { isObject } from './json.ts';

export function printedSchema(fields: Fields, checks: readonly EntityCheck[] = []): Json {
  return { fields: printedFields(fields), entity_checks: printedChecks(fields, checks) };
}

function printedFields(fields: Fields): Json {
  return Object.entries(fields).flatMap(([name, field]) => (isOurs(field) ? [] : [{ [name]: printedField(field) }]));
}

function isOurs(field: Field | undefined): boolean {
  return field?.unlessSet === 'absent' || field?.implicit === true;
}

const notPrinted = new Set([
  'check',
  'encrypted',
  'repeated',
  'unlessSet',
  'aliases',
  'formSeparator',
  'also',
  'defaultAfter',
  'entity_checks',
]);

function printedField(field: Field): Json {
  const checks = field.type === 'record' ? printedChecks(field.fields, field.entity_checks ?? []) : [];
  const rules = Object.entries(field).flatMap(([rule, value]) => {
    if (notPrinted.has(rule)) return [];
    if (rule === 'fields') return [[rule, printedFields(value as Fields)]];
    if (rule === 'elements' || rule === 'keys' || rule === 'values') return [[rule, printedField(value as Field)]];
    return [[rule, printedRule(value)]];
  });
  return Object.fromEntries(checks.length === 0 ? rules : [...rules, ['entity_checks', checks]]);
}

function printedChecks(fields: Fields, checks: readonly EntityCheck[]): readonly Json[] {
  return checks.flatMap((check) => {
    const ours =
      'custom_entity_check' in check && check.custom_entity_check.field_sources.some((name) => isOurs(fields[name]));
    return ours ? [] : [printedRule(check)];
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
