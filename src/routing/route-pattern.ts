import { encodePath, normalizePath, octets, textOf } from './path.ts';
import { compileRegex, type LinearRegex } from './regex/linear-regex.ts';

/**
 * The patterns that an operator writes in a route: paths (`/prefix`, `~/regex`) and header values (`exact`, `~*regex`). The
 * checks run when a route is written; the router uses the compiled forms.
 */

/** Why a route cannot have this path, in Kong's words where Kong refuses it too; `undefined` if it can. */
export function checkRoutePath(path: string): string | undefined {
  if (path === '') return 'length must be at least 1';
  if (!path.startsWith('/') && !path.startsWith('~/')) return 'should start with: / (fixed path) or ~/ (regex path)';
  if (path.includes('//')) return 'must not have empty segments';
  if (isRegexPath(path)) {
    const compiled = compileRegex(anchored(path));
    return 'refused' in compiled ? refusal(path.slice(1), compiled) : undefined;
  }
  const malformed = /%(?![0-9A-Fa-f]{2}).{0,2}/s.exec(path);
  if (malformed !== null) return `invalid url-encoded value: '${malformed[0]}'`;
  const normalized = normalizePath(octets(path));
  if (normalized !== octets(path)) {
    return `non-normalized path, consider use '${textOf(normalized) ?? encodePath(normalized)}' instead`;
  }
  return undefined;
}

/** Why a route cannot have this header value; `undefined` if it can. */
export function checkHeaderPattern(value: string): string | undefined {
  if (!isHeaderRegex(value)) return undefined;
  const compiled = compileRegex(caseless(value));
  return 'refused' in compiled ? refusal(value.slice(2), compiled) : undefined;
}

export function isRegexPath(path: string): boolean {
  return path.startsWith('~');
}

/** The same path of a route, for paths in lower case. */
export function inAnyCase(path: string): string {
  return isRegexPath(path) ? `~(?i)${path.slice(1)}` : path.toLowerCase();
}

/** The regex of a path that `checkRoutePath` accepted. */
export function pathRegex(path: string): LinearRegex {
  return compiledOr(path, anchored(path));
}

/** Whether a header's value, in lower case, matches the pattern. */
export function headerPattern(pattern: string): (lowerCase: string) => boolean {
  if (!isHeaderRegex(pattern)) {
    const wanted = pattern.toLowerCase();
    return (value) => value === wanted;
  }
  return compiledOr(pattern, caseless(pattern)).test;
}

function isHeaderRegex(value: string): boolean {
  return value.startsWith('~*');
}

/** Kong puts the anchor before the text, so of several branches only the first is anchored. */
function anchored(path: string): string {
  return `^${path.slice(1)}`;
}

function caseless(value: string): string {
  return `(?i)${value.slice(2)}`;
}

function compiledOr(pattern: string, source: string): LinearRegex {
  const compiled = compileRegex(source);
  if ('refused' in compiled) throw new TypeError(refusal(pattern, compiled));
  return compiled;
}

// Kong's messages quote PCRE. For these mistakes, at the end of a text, RE2 finds the same.
const ofPcre = new Set([
  'missing closing parenthesis',
  'missing terminating ] for character class',
  '\\ at end of pattern',
]);

function refusal(written: string, { refused, rest }: { readonly refused: string; readonly rest: string }): string {
  const reason = ofPcre.has(refused)
    ? `PCRE returned: pcre2_compile() failed: ${refused} in "${written}"`
    : `${refused}${rest === '' ? '' : `, at "${rest}"`}`;
  return `invalid regex: '${written}' (${reason})`;
}
