/** The kind of an entity, as the store needs it, derived from the description. */
import type { Entity, EntityKind, ForeignKey } from '../ports/entity-store.ts';
import { type Description, type Fields, type JsonObject, shapeFor } from './description.ts';
import { isObject, own } from './json.ts';

const kinds = new WeakMap<Description, EntityKind>();

/** The same object for the same description. */
export function kindOf(description: Description): EntityKind {
  const known = kinds.get(description);
  if (known !== undefined) return known;
  const kind: EntityKind = {
    name: description.name,
    unique: Object.entries(description.fields).flatMap(([name, field]) => (field.unique === true ? [name] : [])),
    uniqueTogether: description.uniqueTogether ?? [],
    foreign: foreignKeys(description.fields),
    encrypted: (row) => encryptedPlaces(shapeFor(description, row).fields, row),
  };
  kinds.set(description, kind);
  return kind;
}

function foreignKeys(fields: Fields): readonly ForeignKey[] {
  return Object.entries(fields).flatMap(([field, rules]) =>
    rules.type === 'foreign'
      ? [{ field, kind: rules.reference, onDelete: rules.on_delete ?? 'restrict' } satisfies ForeignKey]
      : [],
  );
}

function encryptedPlaces(fields: Fields, row: Entity | JsonObject): readonly string[] {
  return Object.entries(fields).flatMap(([name, field]) => {
    const value = own(row, name);
    if (field.encrypted === true) return value === undefined || value === null ? [] : [name];
    if (field.type !== 'record' || !isObject(value)) return [];
    return encryptedPlaces(field.fields, value).map((place) => `${name}.${place}`);
  });
}
