/**
 * The path of a request, as the router matches it and as the upstream receives it (Kong, routing/match:28-42 and
 * routing/strip-and-handling).
 *
 * For matching, everything but delimiters is decoded, dot segments are resolved (RFC 3986 §5.2.4) and empty segments are
 * removed. The result is octets, one code unit each: `%C3%A9` is two octets, and invalid UTF-8 stays as it is. For the
 * upstream the path is encoded again, so that no decoded octet can end the request line.
 */

/** The path of a request-target, as sent. */
export function pathOf(target: string): string {
  const query = target.indexOf('?', 1);
  return query === -1 ? target : target.slice(0, query);
}

/** A request-target as a client may send it, with all octets above 0x7F percent-encoded, as nginx accepts them. */
export function encodeTarget(target: string): string {
  return ascii.test(target) ? target : target.replace(/[\x80-\xff]/g, percentEncoded);
}

/** The normalised path, for matching. Returns an ordinary path unchanged. */
export function normalizePath(path: string): string {
  if (isPlain(path)) return path;
  return withoutDotSegments(path.includes('%') ? path.replace(/%([0-9A-Fa-f]{2})/g, decoded) : path);
}

/**
 * Whether the upstream could read a path differently: a `%` that encodes nothing (it might together with what is decoded
 * after it), an encoded NUL, a `..` above the root. Kong's nginx responds with 400.
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

/**
 * Whether another program may read a path that is not malformed as a different one: encoded delimiters that it decodes
 * (`%2f`, `%5c`, `%3b`, `%3f`, `%23`), a second layer of encoding (`%25`), a backslash that it takes for a slash, parameters
 * of a segment that it removes (`;`), segments whose final dot or blank it removes, and octets that are no UTF-8.
 */
export function isAmbiguous(path: string): boolean {
  if (/[;\\]|%(?:2[35f]|3[bf]|5c)/i.test(path)) return true;
  const normal = normalizePath(path);
  return textOf(normal) === undefined || /[. ](?:\/|$)/.test(normal);
}

/** Encodes the octets of a path for a request line. What is encoded already stays as it is. */
export function encodePath(path: string): string {
  return path.replace(unsafe, percentEncoded);
}

function percentEncoded(octet: string): string {
  return `%${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

/** Whether a path is the same before and after normalisation and encoding. */
export function isPlain(path: string): boolean {
  return plain.test(path);
}

/** The UTF-8 octets of a text, one code unit each, as in the paths of requests. */
export function octets(text: string): string {
  return ascii.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** The text of UTF-8 octets; `undefined` if they are not valid UTF-8. */
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
 * many of its octets `strip_path` removes (`undefined`: no stripping, which differs from stripping 0 octets).
 * `path_handling` has no effect: Kong's router of this flavor treats v1 as v0.
 */
export function upstreamPath(base: string, path: string, stripped: number | undefined): string {
  if (stripped === undefined) {
    if (base.endsWith('/')) return base + path.slice(1);
    return path === '/' ? base : base + path;
  }
  const rest = withoutDots(path.slice(stripped));
  const trimmed = base.endsWith('/') ? base.slice(0, -1) : base;
  if (rest === '') {
    // The whole path was the prefix: the slash at the end is the client's. A service without a final slash gets none for `/`.
    if (base === '/') return '/';
    return path.endsWith('/') && (path.length > 1 || base.endsWith('/')) ? `${trimmed}/` : trimmed;
  }
  return rest.startsWith('/') ? trimmed + rest : `${trimmed}/${rest}`;
}

// "!*'();:@&=+$,/?%#[]": delimiters. Decoding one would change the meaning of the path (RFC 3986 §2.2).
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

/** The rest of `/a../x` after `/a` is stripped must not lead out of the service's path. */
function withoutDots(rest: string): string {
  if (rest === '.' || rest === '..') return '';
  if (rest.startsWith('./')) return rest.slice(2);
  return rest.startsWith('../') ? rest.slice(3) : rest;
}
