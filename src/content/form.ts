/** `application/x-www-form-urlencoded`: queries and form bodies. The text of a field that is not edited is kept as sent. */

/** One `name=value`, or a bare `name`. */
export interface FormField {
  readonly name: string;
  /** `undefined`: a bare name. */
  readonly value: string | undefined;
  /** As sent, still encoded. */
  readonly text: string;
}

export function readForm(form: string): FormField[] {
  if (form === '') return [];
  return form
    .split('&')
    .filter((text) => text !== '')
    .map((text) => {
      const equals = text.indexOf('=');
      return equals < 0
        ? { name: formDecode(text), value: undefined, text }
        : { name: formDecode(text.slice(0, equals)), value: formDecode(text.slice(equals + 1)), text };
    });
}

export function formField(name: string, value: string): FormField {
  return { name, value, text: `${encodeURIComponent(name)}=${encodeURIComponent(value)}` };
}

/** The same field under another name; its value stays as sent. */
export function renamedField({ value, text }: FormField, name: string): FormField {
  const encoded = encodeURIComponent(name);
  return { name, value, text: value === undefined ? encoded : encoded + text.slice(text.indexOf('=')) };
}

export function printForm(fields: readonly FormField[]): string {
  return fields.map(({ text }) => text).join('&');
}

/** The values of a name. A bare name has none. */
export function valuesIn(form: string, name: string): string[] {
  return readForm(form).flatMap((field) => (field.name === name && field.value !== undefined ? [field.value] : []));
}

/** Decodes what can be decoded and keeps the rest as it is. */
export function formDecode(encoded: string): string {
  const blanks = encoded.replaceAll('+', ' ');
  if (!blanks.includes('%')) return blanks;
  try {
    return decodeURIComponent(blanks);
  } catch {
    const octets = Buffer.from(blanks, 'utf8')
      .toString('latin1')
      .replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
    return Buffer.from(octets, 'latin1').toString('utf8');
  }
}

/** The query of a request-target, without `?`. */
export function queryOf(target: string): string {
  const mark = target.indexOf('?');
  return mark < 0 ? '' : target.slice(mark + 1);
}

/** The request-target with another query; without one if `query` is empty. */
export function withQuery(target: string, query: string): string {
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  return query === '' ? path : `${path}?${query}`;
}
