/** Paths as Kong judges them in services and routes. */
import { normalizePath, octets, textOf } from '../path.ts';

/** The path of a service: what RFC 3986 allows in a path, properly percent-encoded. */
export function checkPath(path: string): string | undefined {
  return checkCharacters(path) ?? checkPercentEncoding(path);
}

function checkCharacters(path: string): string | undefined {
  return /^\/[A-Za-z0-9._~/%:@!$&'()*+,;=-]*$/.test(path)
    ? undefined
    : `invalid path: '${path}' (characters outside of the reserved list of RFC 3986 found)`;
}

function checkPercentEncoding(path: string): string | undefined {
  const stray = /%(?![0-9A-Fa-f]{2}).{0,2}/s.exec(path);
  return stray === null ? undefined : `invalid url-encoded value: '${stray[0]}'`;
}

/** The path of a route: a prefix in the form in which requests are matched, or a regular expression after `~`. */
export function checkRoutePath(path: string): string | undefined {
  if (checkCharacters(path) === undefined) {
    const wrong = checkPercentEncoding(path);
    if (wrong !== undefined) return wrong;
  }
  if (path.startsWith('~')) return checkRegex(path.slice(1));
  const normal = normalizePath(octets(path));
  return normal === octets(path)
    ? undefined
    : `non-normalized path, consider use '${textOf(normal) ?? normal}' instead`;
}

const pcreWords: readonly (readonly [RegExp, string])[] = [
  [/unterminated group/i, 'missing closing parenthesis'],
  [/unmatched '\)'/i, 'unmatched closing parenthesis'],
  [/unterminated character class/i, 'missing terminating ] for character class'],
  [/nothing to repeat/i, 'quantifier does not follow a repeatable item'],
  [/numbers out of order/i, 'numbers out of order in {} quantifier'],
  [/range out of order/i, 'range out of order in character class'],
  [/\\ at end of pattern/i, '\\ at end of pattern'],
];

function checkRegex(source: string): string | undefined {
  try {
    // Named groups in the spelling of Kong's documentation.
    new RegExp(source.replaceAll('(?P<', '(?<'));
    return undefined;
  } catch (error) {
    const ours = error instanceof Error ? error.message : String(error);
    const why = pcreWords.find(([words]) => words.test(ours))?.[1] ?? ours.replace(/^.*: /s, '').toLowerCase();
    return `invalid regex: '${source}' (PCRE returned: pcre2_compile() failed: ${why} in "${source}")`;
  }
}
