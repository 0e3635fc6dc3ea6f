/**
 * The one description of an entity (docs/decisions/0008), from which validation, defaults, the coercion of forms, the
 * output of `/schemas` and the needs of the store are derived. The rules of a field (`one_of`, `len_min`, `between` …)
 * have Kong's names, so that a description can be compared with Kong's output. Rules that Kong does not have are in
 * camelCase and are never printed.
 */
import type { Entity, Json } from '../ports/entity-store.ts';

export interface Description {
  /** The name of the collection: `services`, `oauth2_credentials`. */
  readonly name: string;
  /** The path segment of the collection in the Admin API, if it differs from the name. */
  readonly adminName?: string;
  /** The path segment below another entity (`/consumers/{consumers}/key-auth`), if it differs. */
  readonly adminNestedName?: string;
  /** The field that can replace the id in a path. */
  readonly endpointKey?: string;
  /** The field that can replace the id below another entity only (`/consumers/{}/acls/gold`). */
  readonly nestedKey?: string;
  /** In the order in which they are printed. */
  readonly fields: Fields;
  readonly entity_checks?: readonly EntityCheck[];
  readonly shorthands?: Readonly<Record<string, Shorthand>>;
  /** Older names of fields. */
  readonly aliases?: Readonly<Record<string, Alias>>;
  /** Other fields for some values of one field (the name of a plugin, the protocols of a route). */
  readonly subschema?: Subschemas;
  /** Sets of fields whose values together are unique; null counts as a value. */
  readonly uniqueTogether?: readonly (readonly string[])[];
  readonly transformations?: readonly Transformation[];
  /** Computes fields from other fields of a valid row; they replace values that were sent. */
  readonly derives?: (row: JsonObject) => JsonObject;
  /** Why a stored row cannot be changed in part, only replaced or removed. */
  readonly unchangeable?: (stored: Entity) => { readonly [field: string]: string } | undefined;
  /** Fields that filter a list in the query string, in addition to `tags`. */
  readonly filters?: readonly string[];
}

export type Fields = { readonly [name: string]: Field };

export type Field =
  | StringField
  | NumberField
  | BooleanField
  | ArrayField
  | SetField
  | MapField
  | RecordField
  | ForeignField;

export interface StringField extends Rules<string> {
  readonly type: 'string';
  readonly uuid?: true;
  /** The default is 1: an empty string is invalid. */
  readonly len_min?: number;
  readonly len_max?: number;
  readonly len_eq?: number;
  readonly starts_with?: string;
  readonly match?: Pattern;
  readonly match_none?: readonly PatternWithError[];
  readonly match_all?: readonly PatternWithError[];
  readonly match_any?: { readonly patterns: readonly Pattern[]; readonly err: string };
}

export interface NumberField extends Rules<number> {
  readonly type: 'number' | 'integer';
  readonly between?: readonly [least: number, most: number];
  readonly gt?: number;
  readonly timestamp?: true;
}

export interface BooleanField extends Rules<boolean> {
  readonly type: 'boolean';
}

export interface ArrayField extends Rules<readonly Json[]>, Lengths {
  readonly type: 'array';
  readonly elements: Field;
  readonly contains?: string;
  /** In a form, a single value is split at this text. JSON and files are not split. */
  readonly formSeparator?: string;
}

export interface SetField extends Rules<readonly Json[]>, Lengths {
  readonly type: 'set';
  readonly elements: Field;
  readonly contains?: string;
  readonly mutually_exclusive_subsets?: readonly (readonly string[])[];
}

export interface MapField extends Rules<JsonObject>, Lengths {
  readonly type: 'map';
  readonly keys: StringField;
  readonly values: Field;
}

export interface RecordField extends Rules<JsonObject> {
  readonly type: 'record';
  readonly fields: Fields;
  readonly entity_checks?: readonly EntityCheck[];
  readonly aliases?: Readonly<Record<string, Alias>>;
  /** The subschema defines its fields. */
  readonly abstract?: true;
}

/** A reference to another entity: `{ id }`. */
export interface ForeignField extends Rules<JsonObject> {
  readonly type: 'foreign';
  readonly reference: string;
  /** By default the other entity cannot be removed while this one exists. */
  readonly on_delete?: 'cascade' | 'null';
}

export interface Rules<T> {
  /** One or two sentences for the operator. */
  readonly description?: string;
  /** Must not be null, and must be present in a whole entity. */
  readonly required?: boolean;
  readonly default?: T | null;
  /** A default that depends on other fields of the same record, for new rows. `undefined`: `default` applies. */
  readonly defaultAfter?: (given: JsonObject) => T | undefined;
  readonly eq?: T | null;
  readonly ne?: T | null;
  readonly one_of?: readonly T[];
  readonly not_one_of?: readonly T[];
  /** Replaces the message of every rule. */
  readonly err?: string;
  /** No other row can have the same value. */
  readonly unique?: boolean;
  /** Gets a value if none is sent: an id, a time or a random string. */
  readonly auto?: true;

  /** A rule in code: returns a message for an invalid value. Applied last. */
  readonly check?: (value: T) => string | undefined;
  /** Encrypted at rest, and not repeated in error responses. */
  readonly encrypted?: true;
  /** Repeated in the error response for a duplicate value although it is encrypted, as recorded from Kong. */
  readonly repeated?: true;
  /** Not one of Kong's fields: absent from rows and from the default schema unless it is set. */
  readonly unlessSet?: 'absent';
  /** In Kong's rows but not in Kong's schema. */
  readonly implicit?: true;
  /** Replaces null in a request body. */
  readonly nullMeans?: T;
  /** Values that the gate accepts in addition to those of Kong's rule. */
  readonly also?: {
    readonly one_of?: readonly T[];
    readonly mutually_exclusive_subsets?: readonly (readonly string[])[];
  };
}

interface Lengths {
  readonly len_min?: number;
  readonly len_max?: number;
  readonly len_eq?: number;
}

/** A rule in Kong's notation, which is printed, and the regular expression that is applied. */
export interface Pattern {
  readonly notation: string;
  readonly matches: RegExp;
}

export interface PatternWithError {
  readonly pattern: Pattern;
  readonly err: string;
}

export type JsonObject = { readonly [key: string]: Json };

/** Rules about several fields. Names can be dotted. */
export type EntityCheck =
  | { readonly at_least_one_of: readonly string[] }
  | { readonly only_one_of: readonly string[] }
  | { readonly distinct: readonly string[] }
  | { readonly mutually_required: readonly string[] }
  | { readonly mutually_exclusive: readonly string[] }
  | { readonly conditional: Conditional }
  | { readonly conditional_at_least_one_of: ConditionalAtLeastOneOf }
  | { readonly custom_entity_check: CustomEntityCheck };

export interface Conditional {
  readonly if_field: string;
  readonly if_match: FieldMatch;
  readonly then_field: string;
  readonly then_match: FieldMatch;
  readonly then_err?: string;
}

export interface ConditionalAtLeastOneOf {
  readonly if_field: string;
  readonly if_match: FieldMatch;
  readonly then_at_least_one_of: readonly string[];
  /** `%s` stands for the list of fields. */
  readonly then_err?: string;
  readonly else_match?: FieldMatch;
  readonly else_then_at_least_one_of?: readonly string[];
  readonly else_then_err?: string;
}

export interface CustomEntityCheck {
  /** The check is skipped while one of these fields is invalid. */
  readonly field_sources: readonly string[];
  /** Messages by field, or for the whole entity (`@entity`). */
  readonly check: (values: JsonObject) => { readonly [field: string]: string } | undefined;
}

/** Rules that replace those of a field in one check. */
export type FieldMatch = { readonly [rule: string]: unknown };

/** An input field that sets several fields of the entity. */
export interface Shorthand {
  readonly field: Field;
  readonly expand: (value: Json) => JsonObject;
  /** Fields that are also sent keep their values; by default the shorthand replaces them. */
  readonly givenWins?: true;
}

export interface Alias {
  readonly of: string;
  /** The older field has one value, the newer one a list. */
  readonly oneOfMany?: true;
}

export interface Subschemas {
  readonly key: string;
  /** `%s` stands for the unknown value. */
  readonly err?: string;
  readonly get: (value: string) => Subschema | undefined;
}

export interface Subschema {
  /** Added to the fields of the entity; a field with the same name replaces it. */
  readonly fields: Fields;
  readonly entity_checks?: readonly EntityCheck[];
}

/**
 * A field that is hashed before it is stored, with the fields that it depends on. A change of one of them must send all
 * of them, since a hash cannot be reversed.
 */
export interface Transformation {
  readonly input: readonly string[];
  readonly needs: readonly string[];
  /** Which field is hashed, and when. The adapter does it, since it is slow. */
  readonly hashes: {
    readonly field: string;
    readonly when: (row: Entity) => boolean;
    /** Whether a value is a hash already, which stays as it is. */
    readonly isDone: (value: string) => boolean;
  };
}

/** The fields and checks that apply to `row`. */
export function shapeFor(description: Description, row: { readonly [field: string]: unknown }): Shape {
  const subschema = subschemaFor(description, row);
  return subschema === undefined
    ? { fields: description.fields, checks: [description.entity_checks ?? []] }
    : {
        fields: { ...description.fields, ...subschema.fields },
        checks: [description.entity_checks ?? [], subschema.entity_checks ?? []],
      };
}

export interface Shape {
  readonly fields: Fields;
  readonly checks: readonly (readonly EntityCheck[])[];
}

export function subschemaFor(
  description: Description,
  row: { readonly [field: string]: unknown },
): Subschema | undefined {
  if (description.subschema === undefined) return undefined;
  const { key, get } = description.subschema;
  const value = Object.hasOwn(row, key) ? row[key] : undefined;
  for (const name of Array.isArray(value) ? value : [value]) {
    const found = typeof name === 'string' ? get(name) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The path segment of the collection. */
export function adminNameOf(description: Description): string {
  return description.adminName ?? description.name;
}

export function adminNestedNameOf(description: Description): string {
  return description.adminNestedName ?? adminNameOf(description);
}
