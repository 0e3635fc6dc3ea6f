/**
 * Text that another program should have replaced. The gate replaces nothing: a placeholder in the place of a secret would
 * become the secret, and that text is public.
 */
import type { Json } from '../ports/entity-store.ts';
import type { Description, Field, Fields, JsonObject } from '../schema/description.ts';
import { isObject, own } from '../schema/json.ts';
import type { Place, Report } from './document.ts';

export interface Reports {
  readonly report: Report;
  readonly warn: Report;
}

/** Reports placeholders in the values of an item. `fields` are those of its description. */
export function findPlaceholders(
  { transformations }: Description,
  fields: Fields,
  item: JsonObject,
  place: Place,
  reports: Reports,
): void {
  const hashed = (transformations ?? []).map(({ hashes }) => hashes.field);
  for (const [name, value] of Object.entries(item)) {
    visit(own(fields, name), hashed.includes(name), value, [...place, name], reports);
  }
}

function visit(field: Field | undefined, isHashed: boolean, value: Json, place: Place, reports: Reports): void {
  if (typeof value === 'string') judge(value, isHashed || field?.encrypted === true, place, reports);
  else if (Array.isArray(value)) {
    const elements = field?.type === 'array' || field?.type === 'set' ? field.elements : undefined;
    for (const [at, item] of value.entries()) visit(elements, false, item, [...place, at], reports);
  } else if (isObject(value)) {
    for (const [name, inside] of Object.entries(value)) {
      const its = field?.type === 'record' ? own(field.fields, name) : field?.type === 'map' ? field.values : undefined;
      visit(its, false, inside, [...place, name], reports);
    }
  }
}

function judge(text: string, isSecret: boolean, place: Place, { report, warn }: Reports): void {
  if (/^\{vault:\/\/|^\$\{\{\s*env\s/.test(text)) {
    report(place, 'refers to a secret in another store, which the gate does not read; write the value itself');
    return;
  }
  const notation = notations.find(({ form }) => form.test(text));
  if (notation === undefined) return;
  const what = `holds a placeholder of the form ${notation.name}, which the gate does not replace`;
  if (isSecret) report(place, `${what}: the secret would be this text; replace it before the gate reads the file`);
  else warn(place, `${what}: the value is this text`);
}

const notations: readonly { readonly name: string; readonly form: RegExp }[] = [
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the notation of shells
  { name: '${NAME}', form: /\$\{[A-Za-z_][^{}]*\}/ },
  { name: '$NAME', form: /^\$[A-Z_][A-Z0-9_]*$/ },
  { name: '$(NAME)', form: /^\$\([A-Z_][A-Z0-9_]*\)$/ },
  { name: '{{NAME}}', form: /\{\{.*\}\}/s },
  { name: '<%NAME%>', form: /<%.*%>/s },
  { name: '%NAME%', form: /^%[A-Z_][A-Z0-9_]*%$/ },
];
