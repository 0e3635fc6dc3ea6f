/**
 * What an entity is, written once (docs/decisions/0008): from a description come validation, defaults, the coercion of
 * forms, what `/schemas` prints and what the store must know. The words of a field (`one_of`, `len_min`, `between` …)
 * are those Kong prints, so that a description can be read beside Kong's answer; what Kong has no word for is in
 * camelCase and never printed.
 */
import type { Entity, Json } from '../ports/entity-store.ts';

export interface Description {
  /** The name of the collection: `services`, `oauth2_credentials`. */
  readonly name: string;
  /** The path segment of the collection in the Admin API, if it is not the name. */
  readonly adminName?: string;
  /** The same below another entity (`/consumers/{consumers}/key-auth`), if it is another one. */
  readonly adminNestedName?: string;
  /** The field that may stand for the id in a path. */
  readonly endpointKey?: string;
  /** The field that may stand for the id below another entity, where it is no key by itself (`/consumers/{}/acls/gold`). */
  readonly nestedKey?: string;
  /** In the order of printing. */
  readonly fields: Fields;
  readonly entity_checks?: readonly EntityCheck[];
  readonly shorthands?: Readonly<Record<string, Shorthand>>;
  /** Fields that are known by an older name, too. */
  readonly aliases?: Readonly<Record<string, Alias>>;
  /** Where some values of one field change what the other fields are (the name of a plugin, the protocols of a route). */
  readonly subschema?: Subschemas;
  /** Sets of fields that no two rows share, null counting as a value. */
  readonly uniqueTogether?: readonly (readonly string[])[];
  readonly transformations?: readonly Transformation[];
  /** Fields that come from others, whatever was said of them. Of a row in which nothing is wrong. */
  readonly derives?: (row: JsonObject) => JsonObject;
  /** Why a row that is there can be replaced or removed, but not changed in part. */
  readonly unchangeable?: (stored: Entity) => { readonly [field: string]: string } | undefined;
  /** Fields by which a list can be narrowed in the query string, beside `tags`. */
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
  /** At least 1 where nothing is said: an empty string is refused. */
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
  /** In a form, one plain value is cut here; JSON and files keep it whole. */
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
  /** Its fields are only known once the subschema is. */
  readonly abstract?: true;
}

/** A reference to another entity: `{ id }`. */
export interface ForeignField extends Rules<JsonObject> {
  readonly type: 'foreign';
  readonly reference: string;
  /** Where nothing is said, the other entity cannot be removed while this one is there. */
  readonly on_delete?: 'cascade' | 'null';
}

export interface Rules<T> {
  /** One or two sentences for whoever configures it. */
  readonly description?: string;
  /** Neither null nor, in a whole entity, absent. */
  readonly required?: boolean;
  readonly default?: T | null;
  /** What is said instead by other fields of the same record, in a new row. `undefined`: nothing, `default` holds. */
  readonly defaultAfter?: (given: JsonObject) => T | undefined;
  readonly eq?: T | null;
  readonly ne?: T | null;
  readonly one_of?: readonly T[];
  readonly not_one_of?: readonly T[];
  /** Said in the place of what any of the rules would say. */
  readonly err?: string;
  /** No other row has the same value. */
  readonly unique?: boolean;
  /** Given a value if there is none: an id, a time, a random string. */
  readonly auto?: true;

  /** A rule in code: says what is wrong. Looked at last. */
  readonly check?: (value: T) => string | undefined;
  /** Encrypted at rest, and not repeated by a refusal. */
  readonly encrypted?: true;
  /** Encrypted, and repeated all the same where its value is another's already: as Kong was recorded to. */
  readonly repeated?: true;
  /** Ours, not Kong's: absent, and not printed, unless somebody set it. */
  readonly unlessSet?: 'absent';
  /** Kong's rows have it, Kong's schema does not say so. */
  readonly implicit?: true;
  /** Values that are taken beside those of Kong's rule. */
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

/** A rule in Kong's notation, which is printed, and the one that is applied. */
export interface Pattern {
  readonly notation: string;
  readonly matches: RegExp;
}

export interface PatternWithError {
  readonly pattern: Pattern;
  readonly err: string;
}

export type JsonObject = { readonly [key: string]: Json };

/** Rules over several fields. Names may be dotted. */
export type EntityCheck =
  | { readonly at_least_one_of: readonly string[] }
  | { readonly only_one_of: readonly string[] }
  | { readonly distinct: readonly string[] }
  | { readonly mutually_required: readonly string[] }
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
  /** Not looked at while one of these is wrong by itself. */
  readonly field_sources: readonly string[];
  /** What is wrong with which field, or with the entity (`@entity`). */
  readonly check: (values: JsonObject) => { readonly [field: string]: string } | undefined;
}

/** Rules laid over those of a field for one look at it. */
export type FieldMatch = { readonly [rule: string]: unknown };

/** One field of the input that stands for several of the entity. */
export interface Shorthand {
  readonly field: Field;
  readonly expand: (value: Json) => JsonObject;
  /** What is said beside it holds; otherwise the shorthand outranks it. */
  readonly beside?: true;
}

export interface Alias {
  readonly of: string;
  /** The older field held one value where the newer holds a list. */
  readonly oneOfMany?: true;
}

export interface Subschemas {
  readonly key: string;
  /** `%s` stands for the value that is not known. */
  readonly err?: string;
  readonly get: (value: string) => Subschema | undefined;
}

export interface Subschema {
  /** Laid over the fields of the entity. */
  readonly fields: Fields;
  readonly entity_checks?: readonly EntityCheck[];
}

/**
 * A field that is replaced on its way to the store, together with what it depends on: whoever changes one of them must
 * say all of them, since the value that is there cannot be turned back.
 */
export interface Transformation {
  readonly input: readonly string[];
  readonly needs: readonly string[];
  /** What is done, and to which field. Left to the adapter, since it is slow. */
  readonly hashes: {
    readonly field: string;
    readonly when: (row: Entity) => boolean;
    /** Whether a value came back as it was printed, and stays as it is. */
    readonly isDone: (value: string) => boolean;
  };
}

/** The fields that hold for `row`, and the checks. */
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
