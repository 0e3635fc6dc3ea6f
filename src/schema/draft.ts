/**
 * The steps from a request body to a row, in Kong's order: the body is translated and completed (`draft…`), the caller
 * looks up references by name in its store (`unresolvedReferences`, `refer`), then the row is validated (`violationsOf`)
 * and finished. The Admin API and configuration files use the same steps.
 */
import type { EpochMilliseconds } from '../oauth/client.ts';
import type { Entity, Json } from '../ports/entity-store.ts';
import { type Auto, changed, completed, understand } from './complete.ts';
import type { Description, Field, Fields, ForeignField, JsonObject } from './description.ts';
import { shapeFor, subschemaFor } from './description.ts';
import { isObject, own } from './json.ts';
import { checkTransformation, isUuid, type Occasion, validate, validateField } from './validate.ts';
import type { Findings, Violation, Violations } from './violations.ts';

export interface Draft {
  readonly description: Description;
  readonly occasion: Occasion;
  /** The request body with the field names of the description. */
  readonly input: JsonObject;
  /** The row to write. */
  readonly row: JsonObject;
  /** The stored row. */
  readonly stored: Entity | undefined;
  /** Violations of the body, from which no row could be made. */
  readonly violations?: Violations;
}

export function draftInsert(description: Description, sent: JsonObject, auto: Auto): Draft {
  return draftWhole(description, sent, auto, undefined);
}

/** A row that replaces `stored`, of which it keeps only the id and the time of creation; or a new row. */
export function draftReplace(
  description: Description,
  sent: JsonObject,
  auto: Auto,
  stored: Entity | undefined,
): Draft {
  return draftWhole(description, sent, auto, stored);
}

function draftWhole(description: Description, sent: JsonObject, auto: Auto, stored: Entity | undefined): Draft {
  const understood = understand(description, sent);
  const draft = { description, occasion: 'whole', stored } as const;
  if (understood.violations !== undefined) {
    return { ...draft, input: sent, row: sent, violations: understood.violations };
  }
  const { input } = understood;
  const kept = stored === undefined ? {} : { id: stored.id, created_at: stored['created_at'] };
  const row = completed(description, { ...input, ...withoutUndefined(kept) }, auto);
  return { ...draft, input, row, stored: undefined };
}

export function draftChange(description: Description, sent: JsonObject, stored: Entity, now: EpochMilliseconds): Draft {
  const draft = { description, occasion: 'change', stored } as const;
  const unchangeable = description.unchangeable?.(stored);
  const understood =
    unchangeable === undefined
      ? understand(description, withSubschemaKey(description, sent, stored))
      : { violations: unchangeable };
  if (understood.violations !== undefined) {
    return { ...draft, input: sent, row: sent, violations: understood.violations };
  }
  const { input } = understood;
  const row = changed(description, stored as JsonObject, { ...input, id: stored.id }, now);
  return { ...draft, input, row };
}

/** A change without the name of the plugin is read with the subschema of the stored plugin. */
export function withSubschemaKey(description: Description, sent: JsonObject, stored: Entity): JsonObject {
  const key = description.subschema?.key;
  const value = key === undefined ? undefined : stored[key];
  return key === undefined || value === undefined || Object.hasOwn(sent, key) ? sent : { ...sent, [key]: value };
}

function withoutUndefined(object: { readonly [key: string]: Json | undefined }): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as JsonObject;
}

// References ---------------------------------------------------------------------------------------------------------

/** A reference by a unique field instead of the id. */
export interface UnresolvedReference {
  readonly field: string;
  readonly kind: string;
  /** The unique fields with their values. */
  readonly by: readonly { readonly field: string; readonly value: string }[];
}

export function unresolvedReferences(
  { description, row }: Draft,
  describe: (kind: string) => Description | undefined,
): readonly UnresolvedReference[] {
  const unresolved: UnresolvedReference[] = [];
  for (const [name, field] of Object.entries(shapeFor(description, row).fields)) {
    const value = own(row, name);
    if (field.type !== 'foreign' || !isObject(value)) continue;
    const id = own(value, 'id');
    if (typeof id === 'string' && isUuid(id)) continue;
    const by = namesOf(value, describe(field.reference));
    if (by.length > 0) unresolved.push({ field: name, kind: field.reference, by });
  }
  return unresolved;
}

function namesOf(value: JsonObject, description: Description | undefined): UnresolvedReference['by'] {
  if (description === undefined) return [];
  return Object.entries(description.fields).flatMap(([field, rules]) => {
    const name = own(value, field);
    const names = rules.unique === true || field === description.endpointKey;
    return names && typeof name === 'string' && validateField(rules, name) === undefined
      ? [{ field, value: name }]
      : [];
  });
}

export function refer(draft: Draft, field: string, id: string): Draft {
  return { ...draft, row: { ...draft.row, [field]: { id } } };
}

// Validation ---------------------------------------------------------------------------------------------------------

export function violationsOf(
  draft: Draft,
  describe: (kind: string) => Description | undefined = () => undefined,
): Violations | undefined {
  const { description, occasion, input, row, stored } = draft;
  if (draft.violations !== undefined) return draft.violations;
  const undetermined = undeterminedSubschema(description, row);
  if (undetermined !== undefined) return undetermined;
  const { fields, checks } = shapeFor(description, row);
  const findings: Findings = validate(fields, checks.flat(), row, occasion, (field, value) =>
    violationOfReference(field, value, describe(field.reference)),
  );
  for (const transformation of description.transformations ?? []) {
    checkTransformation(transformation, input, row, stored, findings);
  }
  return findings.found();
}

/** A reference without an id is validated by the fields of its entity, so that a misspelt field is reported. */
function violationOfReference(field: ForeignField, value: Json, of: Description | undefined): Violation | undefined {
  const wrong = validateField(field, value);
  if (of === undefined || !isObject(value) || typeof wrong !== 'object') return wrong;
  return partViolations(shapeFor(of, value).fields, value) ?? wrong;
}

function partViolations(fields: Fields, part: JsonObject): Violations | undefined {
  const found = Object.entries(part).flatMap(([name, value]) => {
    const field = own(fields, name);
    const wrong = field === undefined ? 'unknown field' : validateField(field, value);
    return wrong === undefined ? [] : [[name, wrong] as const];
  });
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

/** An unknown subschema: its fields are unknown too, so nothing else is validated. */
function undeterminedSubschema(description: Description, row: JsonObject): Violations | undefined {
  if (description.subschema === undefined || subschemaFor(description, row) !== undefined) return undefined;
  const { key, err } = description.subschema;
  const value = own(row, key);
  if (value === undefined || value === null) return { [key]: 'required field missing' };
  const several = Array.isArray(value);
  const named = several ? value[0] : value;
  if ((several || typeof value === 'string') && (named === undefined || typeof named === 'string')) {
    return { [key]: (err ?? 'unknown type: %s').replace('%s', () => named ?? 'nil') };
  }
  return { [key]: validateField(description.fields[key]!, value) ?? `unknown type: ${JSON.stringify(value)}` };
}

/** The row of a valid draft, as it is stored: references have the id only. */
export function finished({ description, row }: Draft): Entity {
  const whole = description.derives === undefined ? row : { ...row, ...description.derives(row) };
  return settle(shapeFor(description, whole).fields, whole) as Entity;
}

function settle(fields: Fields, row: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, field]) => {
      const value = own(row, name);
      return value === undefined ? [] : [[name, settled(field, value)]];
    }),
  );
}

function settled(field: Field, value: Json): Json {
  if (field.type === 'record' && isObject(value)) return settle(field.fields, value);
  if (field.type === 'foreign' && isObject(value)) return { id: (own(value, 'id') as string).toLowerCase() };
  if (field.type === 'string' && field.uuid === true && typeof value === 'string') return value.toLowerCase();
  return value;
}
