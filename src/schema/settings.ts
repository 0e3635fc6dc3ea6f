/** The settings of a plugin as its code reads them: every setting is there, with a type that follows from its description. */

import type { Json } from '../ports/entity-store.ts';
import type {
  ArrayField,
  BooleanField,
  Field,
  Fields,
  ForeignField,
  JsonObject,
  MapField,
  NumberField,
  RecordField,
  SetField,
  StringField,
} from './description.ts';
import { own } from './json.ts';

export type SettingsOf<F extends Fields> = {
  readonly [Name in keyof F]: ValueOf<F[Name]> | (IsNeverNull<F[Name]> extends true ? never : null);
};

/** The value of a field that is set. Elements of lists and values of maps are never null: validation refuses that. */
export type ValueOf<F extends Field> = F extends StringField
  ? Listed<F, string>
  : F extends NumberField
    ? Listed<F, number>
    : F extends BooleanField
      ? boolean
      : F extends ArrayField | SetField
        ? readonly ValueOf<F['elements']>[]
        : F extends MapField
          ? { readonly [key: string]: ValueOf<F['values']> | undefined }
          : F extends RecordField
            ? SettingsOf<F['fields']>
            : F extends ForeignField
              ? { readonly id: string }
              : never;

/** One of the values of `one_of`, also of those that only this gate accepts. */
type Listed<F, Otherwise> = F extends { readonly one_of: readonly (infer Value)[] }
  ? Value | (F extends { readonly also: { readonly one_of: readonly (infer More)[] } } ? More : never)
  : Otherwise;

type IsNeverNull<F> = F extends { readonly required: true }
  ? true
  : F extends { readonly default: infer Default }
    ? null extends Default
      ? false
      : true
    : false;

/** The settings of a validated row. A setting that is null or absent has its default, or is null if it has none. */
export function settingsFrom<F extends Fields>(fields: F, config: JsonObject): SettingsOf<F> {
  return complete(fields, config) as SettingsOf<F>;
}

function complete(fields: Fields, config: JsonObject): JsonObject {
  const entries = Object.entries(fields);
  return Object.fromEntries(entries.map(([name, field]) => [name, valueFrom(field, own(config, name) ?? null)]));
}

function valueFrom(field: Field, written: Json): Json {
  const value = written ?? (field.default as Json | undefined) ?? null;
  switch (field.type) {
    case 'record':
      if (value === null && field.required !== true) return null;
      return complete(field.fields, (value ?? {}) as JsonObject);
    case 'array':
    case 'set':
      return value && (value as readonly Json[]).map((element) => valueFrom(field.elements, element));
    default:
      return value;
  }
}
