/** Kong's error bodies: `{code, name, message, fields}`. The codes are Kong's; the adapter chooses the HTTP status. */
import type { Json } from '../ports/entity-store.ts';
import type { Field, Fields, JsonObject } from './description.ts';
import { own } from './json.ts';
import { luaText, sortedKeys } from './lua.ts';
import { entity, type Violation, type Violations } from './violations.ts';

export interface RefusalBody {
  readonly code: number;
  readonly name: string;
  readonly message: string;
  readonly fields?: Violations | JsonObject;
  readonly options?: { readonly [option: string]: string };
}

/** Replaces a secret. */
const withheld = '…';

export const codes = {
  invalidPrimaryKey: 1,
  schemaViolation: 2,
  primaryKeyViolation: 3,
  foreignKeyViolation: 4,
  uniqueViolation: 5,
  notFound: 6,
  invalidOffset: 7,
  invalidSize: 9,
  invalidUnique: 10,
  invalidOptions: 11,
  operationUnsupported: 12,
  foreignKeysUnresolved: 13,
  invalidConfiguration: 14,
  referencedByOthers: 17,
} as const;

export function schemaViolation(violations: Violations): RefusalBody {
  const ofEntity = own(violations, entity);
  const fields = sortedKeys(violations).filter((field) => field !== entity);
  // `concat` instead of spread arguments: a body can have more violations than a call can have arguments.
  const parts = (Array.isArray(ofEntity) ? ofEntity : [])
    .map(String)
    .concat(fields.flatMap((field) => inWords(field, violations[field]!)));
  return {
    code: codes.schemaViolation,
    name: 'schema violation',
    message: counted(parts, 'schema violation', 'schema violations'),
    fields: violations,
  };
}

/** Two levels are written as dotted names; deeper levels are written as a Lua table. */
function inWords(field: string, violation: Violation): readonly string[] {
  if (typeof violation === 'string') return [`${field}: ${violation}`];
  const parts: readonly (readonly [string, Violation | null])[] = Array.isArray(violation)
    ? violation.map((part: Violation | null, i) => [String(i + 1), part] as const)
    : sortedKeys(violation as Violations).map((key) => [key, (violation as Violations)[key]!] as const);
  return parts.flatMap(([key, part]) => {
    if (part === null) return [];
    return [`${field}.${key}: ${typeof part === 'string' ? part : luaText(part, '  ')}`];
  });
}

function counted(parts: readonly string[], one: string, several: string): string {
  return parts.length === 1 ? `${one} (${parts[0]})` : `${parts.length} ${several} (${parts.join('; ')})`;
}

export function primaryKeyViolation(id: string): RefusalBody {
  return {
    code: codes.primaryKeyViolation,
    name: 'primary key violation',
    message: `primary key violation on key '${luaText({ id })}'`,
    fields: { id },
  };
}

/** For a key that is not a valid id. */
export function invalidPrimaryKey(): RefusalBody {
  const fields = { id: 'expected a valid UUID' };
  return {
    code: codes.invalidPrimaryKey,
    name: 'invalid primary key',
    message: `invalid primary key: '${luaText(fields)}'`,
    fields,
  };
}

export function danglingReference(field: string, id: string, kind: string): RefusalBody {
  return {
    code: codes.foreignKeyViolation,
    name: 'foreign key violation',
    message: `the foreign key '${luaText({ id })}' does not reference an existing '${kind}' entity.`,
    fields: { [field]: { id } },
  };
}

export function stillReferenced(kind: string, by: string): RefusalBody {
  return {
    code: codes.foreignKeyViolation,
    name: 'foreign key violation',
    message: `an existing '${by}' entity references this '${kind}' entity`,
    fields: { '@referenced_by': by },
  };
}

/** For a reference in a list of ids, which is not a foreign key. */
export function referencedByOthers(what: string, id: string, by: string, byId: string): RefusalBody {
  return {
    code: codes.referencedByOthers,
    name: 'referenced by others',
    message: `${what} ${id} is still referenced by ${by} (id = ${byId})`,
  };
}

export function uniqueViolation(values: JsonObject): RefusalBody {
  return {
    code: codes.uniqueViolation,
    name: 'unique constraint violation',
    message: `UNIQUE violation detected on '${luaText(values)}'`,
    fields: values,
  };
}

export function notFoundBy(field: string, value: string, described: Fields = {}): RefusalBody {
  const by = { [field]: own(described, field)?.encrypted === true ? withheld : value };
  const key = field === 'id' ? 'primary key ' : '';
  return {
    code: codes.notFound,
    name: 'not found',
    message: `could not find the entity with ${key}'${luaText(by)}'`,
    fields: by,
  };
}

export function invalidOffset(offset: string, why: string): RefusalBody {
  return {
    code: codes.invalidOffset,
    name: 'invalid offset',
    message: `'${offset}' is not a valid offset: ${why}`,
  };
}

export function invalidSize(why: string): RefusalBody {
  return { code: codes.invalidSize, name: 'invalid size', message: why };
}

export function invalidUnique(field: string, why: string): RefusalBody {
  return { code: codes.invalidUnique, name: `invalid unique ${field}`, message: why };
}

export function invalidOption(option: string, why: string): RefusalBody {
  return {
    code: codes.invalidOptions,
    name: 'invalid options',
    message: `invalid option (${option}: ${why})`,
    options: { [option]: why },
  };
}

export interface NotResolved {
  readonly field: string;
  readonly kind: string;
  readonly by: readonly { readonly field: string; readonly value: string }[];
}

export function referencesUnresolved(references: readonly NotResolved[]): RefusalBody {
  const parts: string[] = [];
  const fields = [...references]
    .sort((one, other) => (one.field < other.field ? -1 : 1))
    .map(({ field, kind, by }) => {
      const why = by.map(({ field: name, value }) => {
        const message = `the foreign key cannot be resolved with '${luaText({ [name]: value })}' for an existing '${kind}' entity`;
        parts.push(`${field}.${name}: ${message}`);
        return [name, message] as const;
      });
      return [field, Object.fromEntries(why)] as const;
    });
  return {
    code: codes.foreignKeysUnresolved,
    name: 'foreign keys unresolved',
    message: counted(parts, 'foreign key unresolved', 'foreign keys unresolved'),
    fields: Object.fromEntries(fields),
  };
}

/** The duplicate values, for `uniqueViolation`. Secrets are not repeated, except `repeated` ones. */
export function valuesOf(
  row: { readonly [field: string]: Json | undefined },
  names: readonly string[],
  described: Fields = {},
): JsonObject {
  const isSecret = ({ encrypted, repeated }: Field): boolean => encrypted === true && repeated !== true;
  return Object.fromEntries(
    names.map((name) => {
      const value = own(row, name) ?? null;
      const field = own(described, name);
      return [name, value !== null && field !== undefined && isSecret(field) ? withheld : value];
    }),
  );
}
