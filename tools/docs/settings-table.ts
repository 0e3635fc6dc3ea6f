/** A description of settings (src/schema) as a table for people. */
import type { Field, Fields } from '../../src/schema/description.ts';

/** One row for each setting; those of a record are below it, as `record.setting`. */
export function settingsTable(fields: Fields): string {
  return ['| setting | type | default | meaning |', '|---|---|---|---|', ...rows(fields, '')].join('\n');
}

function rows(fields: Fields, prefix: string, inherited?: string): string[] {
  return Object.entries(fields).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    if (field.type === 'record' && field.abstract !== true) {
      const own = field.description === undefined ? [] : [row(path, field)];
      return [...own, ...rows(field.fields, `${path}.`, field.description)];
    }
    return [
      row(
        path,
        field.description === undefined && inherited !== undefined ? { ...field, description: inherited } : field,
      ),
    ];
  });
}

function row(path: string, field: Field): string {
  return `| \`${path}\` | ${typeOf(field)} | ${defaultOf(field)} | ${cell(meaningOf(field))} |`;
}

function typeOf(field: Field): string {
  switch (field.type) {
    case 'array':
    case 'set':
      return `list of ${typeOf(field.elements)}`;
    case 'map':
      return `map of ${typeOf(field.values)}`;
    case 'foreign':
      return `reference to ${field.reference}`;
    default: {
      const { one_of: values } = field as { readonly one_of?: readonly unknown[] };
      if (values !== undefined) return values.map((value) => `\`${String(value)}\``).join(', ');
      const { between } = field as { readonly between?: readonly [number, number] };
      return between === undefined ? field.type : `${field.type}, ${between[0]} to ${between[1]}`;
    }
  }
}

function defaultOf(field: Field): string {
  if (field.auto === true) return 'generated';
  if (field.default !== undefined && field.default !== null) return `\`${JSON.stringify(field.default)}\``;
  return field.required === true ? 'required' : 'none';
}

function meaningOf(field: Field): string {
  const ours = field.unlessSet === 'absent' ? ' Portcullis only.' : '';
  return `${field.description ?? ''}${ours}`;
}

export function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ').replaceAll('<', '&lt;').trim();
}
