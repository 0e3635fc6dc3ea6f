/**
 * Validates values by their description and returns Kong's messages. It changes nothing, looks nothing up, and throws
 * for no value.
 */
import type { Json } from '../ports/entity-store.ts';
import type {
  ArrayField,
  EntityCheck,
  Field,
  FieldMatch,
  Fields,
  ForeignField,
  Pattern,
  SetField,
  Transformation,
} from './description.ts';
import { at, isObject, isSet, own, sameJson } from './json.ts';
import { Findings, type Violation, type Violations } from './violations.ts';

/** `whole`: every required field must be present. `change`: messages say that a row is updated. */
export type Occasion = 'whole' | 'change';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function isUuid(text: string): boolean {
  return uuid.test(text);
}

export function validate(
  fields: Fields,
  checks: readonly EntityCheck[],
  row: { readonly [field: string]: Json },
  occasion: Occasion,
  violationOfReference: (field: ForeignField, value: Json) => Violation | undefined = validateField,
): Findings {
  const findings = new Findings();
  for (const [name, value] of Object.entries(row)) {
    const field = own(fields, name);
    if (field === undefined) findings.add(name, 'unknown field');
    else
      findings.add(name, field.type === 'foreign' ? violationOfReference(field, value) : validateField(field, value));
  }
  for (const [name, field] of Object.entries(fields)) {
    if (field.required === true && own(row, name) === undefined) findings.add(name, 'required field missing');
  }
  for (const check of checks) checkEntity(check, fields, row, occasion, findings);
  return findings;
}

export function validateField(field: Field, value: Json): Violation | undefined {
  if (value === null) return validateNull(field);
  // A value that must be null gets no other message.
  if (field.eq === null) return field.err ?? 'value must be null';
  return validateType(field, value) ?? validateRules(field, value);
}

function validateNull(field: Field): string | undefined {
  if (field.ne === null) return 'value must not be null';
  if (field.eq !== undefined && field.eq !== null) return `value must be ${field.eq}`;
  return field.required === true ? 'required field missing' : undefined;
}

function validateType(field: Field, value: Exclude<Json, null>): Violation | undefined {
  switch (field.type) {
    case 'array':
      return Array.isArray(value) ? validateElements(field, value) : 'expected an array';
    case 'set':
      return Array.isArray(value) ? validateElements(field, value) : 'expected a set';
    case 'map':
      if (!isObject(value)) return 'expected a map';
      for (const [key, item] of Object.entries(value)) {
        const wrong = validateField(field.keys, key) ?? validateField({ ...field.values, required: true }, item);
        if (wrong !== undefined) return wrong;
      }
      return undefined;
    case 'record':
      if (!isObject(value)) return 'expected a record';
      return validate(field.fields, field.entity_checks ?? [], value, 'whole').found();
    case 'foreign':
      return validateReference(value);
    case 'integer':
      return Number.isInteger(value) ? undefined : 'expected an integer';
    case 'number':
      // JSON has no largest number: 1e999 is read as infinity.
      return Number.isFinite(value) ? undefined : 'expected a number';
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'expected a boolean';
    case 'string':
      if (typeof value !== 'string') return 'expected a string';
      // Some stores, logs and headers cannot contain them (TK-22, SE-07).
      return controlCharacter.test(value) ? 'must not contain control characters' : undefined;
  }
}

/** All control characters except tab, line feed and carriage return. */
const controlCharacter = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/;

function validateElements(field: ArrayField | SetField, list: readonly Json[]): Violation | undefined {
  const element = { ...field.elements, required: true };
  const violations = list.map((item) => validateField(element, item) ?? null);
  const last = violations.findLastIndex((violation) => violation !== null);
  return last === -1 ? undefined : violations.slice(0, last + 1);
}

function validateReference(value: Json): Violations | undefined {
  const id = isObject(value) ? own(value, 'id') : undefined;
  if (id === undefined) return { id: 'missing primary key' };
  if (id === null) return { id: 'required field missing' };
  if (typeof id !== 'string') return { id: 'expected a string' };
  return isUuid(id) ? undefined : { id: 'expected a valid UUID' };
}

/** In Kong's order; returns the message of the first rule that fails. */
function validateRules(field: Field, value: Exclude<Json, null>): string | undefined {
  const wrong = brokenRule(field, value);
  return wrong === undefined ? undefined : (field.err ?? wrong);
}

function brokenRule(field: Field, value: Exclude<Json, null>): string | undefined {
  if (field.eq !== undefined && value !== field.eq) return `value must be ${field.eq}`;
  if (field.ne !== undefined && value === field.ne) return `value must not be ${value}`;
  if (includes(field.not_one_of, value)) return `must not be one of: ${field.not_one_of!.join(', ')}`;
  if (field.one_of !== undefined && !includes(field.one_of, value) && !includes(field.also?.one_of, value))
    return `expected one of: ${field.one_of.join(', ')}`;

  if ((field.type === 'number' || field.type === 'integer') && typeof value === 'number') {
    if (field.gt !== undefined && !(value > field.gt)) return `value must be greater than ${field.gt}`;
    if (field.timestamp === true && !(value > 0)) return 'expected a valid timestamp';
    if (field.between !== undefined) {
      const [least, most] = field.between;
      if (value < least || value > most) return `value should be between ${least} and ${most}`;
    }
  }
  if (field.type === 'string' && field.uuid === true && !isUuid(value as string)) return 'expected a valid UUID';

  const wrongLength = brokenLength(field, value);
  if (wrongLength !== undefined) return wrongLength;

  if (field.type === 'string' && typeof value === 'string') {
    const start = field.starts_with;
    if (start !== undefined && !value.startsWith(start)) return `should start with: ${start}`;
    const forbidden = field.match_none?.find(({ pattern }) => matches(pattern, value));
    if (forbidden !== undefined) return forbidden.err;
    if (field.match !== undefined && !matches(field.match, value)) return `invalid value: ${value}`;
    const missed = field.match_all?.find(({ pattern }) => !matches(pattern, value));
    if (missed !== undefined) return missed.err;
    if (field.match_any !== undefined && !field.match_any.patterns.some((pattern) => matches(pattern, value))) {
      return field.match_any.err;
    }
  }
  if ((field.type === 'array' || field.type === 'set') && Array.isArray(value)) {
    if (field.contains !== undefined && !value.includes(field.contains))
      return `expected to contain: ${field.contains}`;
    if (field.type === 'set' && field.mutually_exclusive_subsets !== undefined) {
      const subsets = [...field.mutually_exclusive_subsets, ...(field.also?.mutually_exclusive_subsets ?? [])];
      const touched = subsets.filter((subset) => subset.some((item) => value.includes(item)));
      if (touched.length > 1) {
        return `these sets are mutually exclusive: ${touched.map((subset) => `(${quoted(subset)})`).join(', ')}`;
      }
    }
  }
  // The value has the type of the field, which the compiler cannot infer.
  return (field.check as ((value: Json) => string | undefined) | undefined)?.(value);
}

function brokenLength(field: Field, value: Exclude<Json, null>): string | undefined {
  if (field.type !== 'string' && field.type !== 'array' && field.type !== 'set' && field.type !== 'map')
    return undefined;
  const length = isObject(value) ? Object.keys(value).length : (value as string | readonly Json[]).length;
  const { len_eq, len_max } = field;
  const len_min = field.len_min ?? (field.type === 'string' ? 1 : 0);
  if (len_eq !== undefined && length !== len_eq) return `length must be ${len_eq}`;
  if (length < len_min) return `length must be at least ${len_min}`;
  if (len_max !== undefined && length > len_max) return `length must be at most ${len_max}`;
  return undefined;
}

function matches(pattern: Pattern, value: string): boolean {
  return pattern.matches.test(value);
}

function includes(list: readonly unknown[] | undefined, value: unknown): boolean {
  return list?.includes(value) === true;
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ');
}

// Rules about several fields -----------------------------------------------------------------------------------------

function checkEntity(
  check: EntityCheck,
  fields: Fields,
  row: { readonly [field: string]: Json },
  occasion: Occasion,
  findings: Findings,
): void {
  const updating = occasion === 'change' ? 'when updating, ' : '';
  if ('at_least_one_of' in check) {
    const names = check.at_least_one_of;
    if (!names.some((name) => isSet(at(row, name)))) {
      findings.addToEntity(`${updating}at least one of these fields must be non-empty: ${quoted(names)}`);
    }
  } else if ('only_one_of' in check) {
    const names = check.only_one_of;
    if (names.filter((name) => isSet(at(row, name))).length !== 1) {
      findings.addToEntity(`only one of these fields must be non-empty: ${quoted(names)}`);
    }
  } else if ('distinct' in check) {
    const values = check.distinct.map((name) => at(row, name)).filter(isSet);
    if (new Set(values).size < values.length) {
      findings.addToEntity(`values of these fields must be distinct: ${quoted(check.distinct)}`);
    }
  } else if ('mutually_required' in check) {
    if (check.mutually_required.some((name) => findings.has(name))) return;
    if (!allOrNone(check.mutually_required, row)) findings.addToEntity(allOrNoneMessage(check.mutually_required));
  } else if ('mutually_exclusive' in check) {
    const names = check.mutually_exclusive;
    if (names.filter((name) => isSet(at(row, name))).length > 1) {
      findings.addToEntity(`only one or none of these fields must be set: ${quoted(names)}`);
    }
  } else if ('conditional' in check) {
    const { if_field, if_match, then_field, then_match, then_err } = check.conditional;
    if (!holds(fields, if_field, if_match, row)) return;
    const wrong = broken(fields, then_field, then_match, row);
    if (wrong === undefined) return;
    findings.addAt(then_field, wrong);
    findings.addToEntity(then_err ?? `failed conditional validation given value of field '${if_field}'`);
  } else if ('conditional_at_least_one_of' in check) {
    const { conditional_at_least_one_of: rule } = check;
    const branch = holds(fields, rule.if_field, rule.if_match, row)
      ? { names: rule.then_at_least_one_of, err: rule.then_err }
      : rule.else_match !== undefined && holds(fields, rule.if_field, rule.else_match, row)
        ? { names: rule.else_then_at_least_one_of ?? [], err: rule.else_then_err }
        : undefined;
    if (branch === undefined || branch.names.some((name) => isSet(at(row, name)))) return;
    const list = quoted(branch.names);
    findings.addToEntity(
      branch.err?.replace('%s', () => list) ?? `${updating}at least one of these fields must be non-empty: ${list}`,
    );
  } else {
    const { field_sources, check: custom } = check.custom_entity_check;
    if (field_sources.some((name) => findings.has(name))) return;
    for (const [name, message] of Object.entries(custom(row) ?? {})) {
      if (name === '@entity') findings.addToEntity(message);
      else findings.addAt(name, message);
    }
  }
}

function holds(fields: Fields, name: string, match: FieldMatch, row: { readonly [field: string]: Json }): boolean {
  return at(row, name) !== undefined && broken(fields, name, match, row) === undefined;
}

/** The violation of a field with the rules of `match` in addition to its own. */
function broken(
  fields: Fields,
  name: string,
  match: FieldMatch,
  row: { readonly [field: string]: Json },
): Violation | undefined {
  const field = fieldAt(fields, name);
  return field === undefined
    ? undefined
    : validateField({ ...field, also: {}, ...match } as Field, at(row, name) ?? null);
}

function fieldAt(fields: Fields, path: string): Field | undefined {
  const [name, ...rest] = path.split('.');
  const field = own(fields, name!);
  if (rest.length === 0 || field === undefined) return field;
  return field.type === 'record' ? fieldAt(field.fields, rest.join('.')) : undefined;
}

/**
 * Checks that a request body has all fields that a transformation needs. `input` is the body, `row` the row to write,
 * `stored` the stored row.
 */
export function checkTransformation(
  { input: inputs, needs }: Transformation,
  input: { readonly [field: string]: Json },
  row: { readonly [field: string]: Json },
  stored: { readonly [field: string]: Json | undefined } | undefined,
  findings: Findings,
): void {
  const all = [...inputs, ...needs];
  const changed = stored !== undefined && needs.some((name) => !sameJson(own(input, name), own(stored, name)));
  if (!changed && !inputs.some((name) => isSet(own(input, name)))) return;
  if (!allOrNone(all, changed ? input : row)) findings.addToEntity(allOrNoneMessage(all));
}

function allOrNone(names: readonly string[], row: { readonly [field: string]: Json }): boolean {
  const set = names.filter((name) => isSet(at(row, name))).length;
  return set === 0 || set === names.length;
}

function allOrNoneMessage(names: readonly string[]): string {
  return `all or none of these fields must be set: ${quoted(names)}`;
}
