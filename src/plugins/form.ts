/** Names and values in a query or a form body, edited without touching what stands beside them. */
import { formDecode } from '../wire/parameters.ts';

/** The query of a request-target, without `?`. */
export function queryOf(target: string): string {
  const mark = target.indexOf('?');
  return mark < 0 ? '' : target.slice(mark + 1);
}

export function withQuery(target: string, query: string): string {
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  return query === '' ? path : `${path}?${query}`;
}

/** One `name=value` or bare `name`, as it was written. */
export interface FormPair {
  readonly text: string;
  readonly name: string;
}

export function formPairs(form: string): FormPair[] {
  return form
    .split('&')
    .filter((text) => text !== '')
    .map((text) => {
      const equals = text.indexOf('=');
      return { text, name: formDecode(equals < 0 ? text : text.slice(0, equals)) };
    });
}

/** The values of a name; a bare name has none. */
export function valuesIn(form: string, name: string): string[] {
  return formPairs(form).flatMap((pair) => {
    const equals = pair.text.indexOf('=');
    return pair.name === name && equals >= 0 ? [formDecode(pair.text.slice(equals + 1))] : [];
  });
}

export function withoutName(form: string, name: string): string {
  return printed(formPairs(form).filter((pair) => pair.name !== name));
}

export function printed(pairs: readonly FormPair[]): string {
  return pairs.map(({ text }) => text).join('&');
}

export function pairOf(name: string, value: string): FormPair {
  return { text: `${encodeURIComponent(name)}=${encodeURIComponent(value)}`, name };
}
