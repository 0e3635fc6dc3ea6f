/**
 * A request's path as the router sees it, and as the upstream gets it (Kong, routing/match:28-42 and
 * routing/strip-and-handling).
 *
 * For matching, all that is not a delimiter is decoded, dot segments are resolved (RFC 3986 §5.2.4) and empty segments
 * dropped. The result is octets, one code unit each: `%C3%A9` is two of them, and what is no UTF-8 stays what it was.
 * For the upstream it is encoded again, so that no decoded octet can end a request line.
 */

/** The path of a request-target, as sent. */
export function pathOf(target: string): string {
  const query = target.indexOf('?', 1);
  return query === -1 ? target : target.slice(0, query);
}

/** The path that is matched. A path that is none of the tricks' is returned as it is. */
export function normalizePath(path: string): string {
  if (isPlain(path)) return path;
  return withoutDotSegments(path.includes('%') ? path.replace(/%([0-9A-Fa-f]{2})/g, decoded) : path);
}

/**
 * Whether a path is none that can be trusted to mean to the upstream what it means here: a `%` that encodes nothing (it
 * might with what is decoded behind it), an encoded NUL, a `..` above the root. Kong's nginx answers them 400.
 */
export function isMalformed(path: string): boolean {
  if (isPlain(path)) return false;
  if (/%(?:00|(?![0-9A-Fa-f]{2}))|\x00/.test(path)) return true;
  let depth = 0;
  for (const segment of path.replace(/%2e/gi, '.').split('/')) {
    if (segment === '..') depth--;
    else if (segment !== '.' && segment !== '') depth++;
    if (depth < 0) return true;
  }
  return false;
}

/** The octets of a matched path (or of a route's) as they may stand in a request line. What is encoded stays so. */
export function encodePath(path: string): string {
  return path.replace(unsafe, (octet) => `%${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}

/** Whether a path is the same before and after normalisation and encoding. */
export function isPlain(path: string): boolean {
  return plain.test(path);
}

/** A text as octets, one code unit each, as paths of requests are. */
export function octets(text: string): string {
  return ascii.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** The text that octets stand for; `undefined` when they are no UTF-8. */
export function textOf(path: string): string | undefined {
  if (ascii.test(path)) return path;
  try {
    return utf8.decode(Buffer.from(path, 'latin1'));
  } catch {
    return undefined;
  }
}

/**
 * The path for the upstream, to be encoded. `base` is the service's path, `path` the normalised one, and `stripped` how
 * many of its octets `strip_path` takes away (`undefined`: no stripping, which is not the same as taking away none).
 * `path_handling` makes no difference: Kong's router of this flavor treats v1 as v0.
 */
export function upstreamPath(base: string, path: string, stripped: number | undefined): string {
  if (stripped === undefined) {
    if (base.endsWith('/')) return base + path.slice(1);
    return path === '/' ? base : base + path;
  }
  const rest = withoutDots(path.slice(stripped));
  const trimmed = base.endsWith('/') ? base.slice(0, -1) : base;
  if (rest === '') {
    // The whole path was the prefix: the slash at the end is the client's, not the service's.
    if (base === '/') return '/';
    return path.length > 1 && path.endsWith('/') ? `${trimmed}/` : trimmed;
  }
  return rest.startsWith('/') ? trimmed + rest : `${trimmed}/${rest}`;
}

// "!*'();:@&=+$,/?%#[]": delimiters. To decode one would change what the path says (RFC 3986 §2.2).
const delimiters = new Set("!*'();:@&=+$,/?%#[]");
const unsafe = /[^!#$&'()*+,/:;=?@[\]A-Za-z0-9\-_.~%]/g;
const plain = /^(?:\/(?!\.{1,2}(?:\/|$))[!#$&'()*+,:;=?@[\]A-Za-z0-9\-_.~]+)*\/?$/;
const ascii = /^[\x00-\x7F]*$/;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decoded(triplet: string, hex: string): string {
  const octet = String.fromCharCode(Number.parseInt(hex, 16));
  return delimiters.has(octet) ? triplet.toUpperCase() : octet;
}

function withoutDotSegments(path: string): string {
  if (!path.startsWith('/')) return path;
  const kept: string[] = [];
  const segments = path.slice(1).split('/');
  const last = segments[segments.length - 1]!;
  for (const segment of segments) {
    if (segment === '..') kept.pop();
    else if (segment !== '.' && segment !== '') kept.push(segment);
  }
  // "/a/." and "/a/.." name what "/a/" and "/" name, not a file (RFC 3986 §5.2.4).
  const endsOpen = last === '' || last === '.' || last === '..';
  return kept.length === 0 ? '/' : `/${kept.join('/')}${endsOpen ? '/' : ''}`;
}

/** What is left of `/a../x` after `/a` is taken away must not climb out of the service's path. */
function withoutDots(rest: string): string {
  if (rest === '.' || rest === '..') return '';
  if (rest.startsWith('./')) return rest.slice(2);
  return rest.startsWith('../') ? rest.slice(3) : rest;
}
