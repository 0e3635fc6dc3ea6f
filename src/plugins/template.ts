/**
 * Values from the request: `$(headers.host)`, `$(query_params['user'] or 'guest')`, `$(uri_captures[1])`. Kong's templates
 * are Lua; this is the part that is in use. An error message names what is not supported.
 */

/** The sources that a template can read. */
export interface TemplateSources {
  readonly headers: (name: string) => string | undefined;
  readonly query_params: (name: string) => string | undefined;
  /** By name, or by number in digits. */
  readonly uri_captures: (name: string) => string | undefined;
}

/** The text of a template for one request. `encode` is applied to values of the request, not to the text of the template. */
export type Template = (
  sources: TemplateSources,
  encode?: (value: string, source: keyof TemplateSources) => string,
) => string;

export function compileTemplate(text: string): Template | { readonly refused: string } {
  const parts: (string | readonly Term[])[] = [];
  let at = 0;
  for (let open = text.indexOf('$('); open >= 0; open = text.indexOf('$(', at)) {
    const close = closingOf(text, open + 2);
    if (close === undefined) return { refused: `'$(' without ')' in '${text}'` };
    const terms = termsOf(text.slice(open + 2, close));
    if (terms === undefined) {
      return {
        refused: `'${text.slice(open, close + 1)}' is not understood: only headers, query_params and uri_captures are, by name, with 'or' between them`,
      };
    }
    parts.push(text.slice(at, open), terms);
    at = close + 1;
  }
  parts.push(text.slice(at));
  return (sources, encode = (value) => value) =>
    parts.map((part) => (typeof part === 'string' ? part : rendered(part, sources, encode))).join('');
}

export function checkTemplate(text: string): string | undefined {
  const compiled = compileTemplate(text);
  return typeof compiled === 'function' ? undefined : compiled.refused;
}

type Term = { readonly literal: string } | { readonly source: keyof TemplateSources; readonly name: string };

function rendered(
  terms: readonly Term[],
  sources: TemplateSources,
  encode: (value: string, source: keyof TemplateSources) => string,
): string {
  for (const term of terms) {
    if ('literal' in term) return term.literal;
    const value = sources[term.source](term.name);
    if (value !== undefined) return encode(value, term.source);
  }
  return '';
}

/** The index of the closing parenthesis. Parentheses in quotes do not count. */
function closingOf(text: string, from: number): number | undefined {
  let quote = '';
  for (let i = from; i < text.length; i++) {
    const character = text[i]!;
    if (quote !== '') {
      if (character === quote) quote = '';
    } else if (character === '"' || character === "'") quote = character;
    else if (character === ')') return i;
  }
  return undefined;
}

const term =
  /\s*(?:(headers|query_params|uri_captures)(?:\.([A-Za-z_]\w*)|\[\s*(?:"([^"]*)"|'([^']*)'|(\d{1,3}))\s*\])|"([^"]*)"|'([^']*)')\s*/y;

function termsOf(expression: string): readonly Term[] | undefined {
  const terms: Term[] = [];
  for (let at = 0; ; ) {
    term.lastIndex = at;
    const found = term.exec(expression);
    if (found === null) return undefined;
    const [, source, dotted, double, single, number, literal, literalToo] = found;
    const name = dotted ?? double ?? single ?? number;
    terms.push(
      source === undefined
        ? { literal: literal ?? literalToo ?? '' }
        : { source: source as keyof TemplateSources, name: name! },
    );
    at = term.lastIndex;
    if (at === expression.length) return terms;
    if (!/^or\b/.test(expression.slice(at))) return undefined;
    at += 2;
  }
}
