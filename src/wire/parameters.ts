/**
 * The parameters of a request to our endpoints (RFC 6749 §3.1, §3.2, Appendix B), however they came. What Kong takes as
 * it comes (forms, JSON, multipart, the query) `lenient` takes too; `strict` takes what the RFC says.
 */
import type { Profile } from '../oauth/profile.ts';
import type { Refusal } from '../oauth/refusals.ts';

/** A value is a string as a rule; a form's flag is `true`, a repeated parameter an array, and JSON brings what it will. */
export type Parameters = ReadonlyMap<string, unknown>;

export interface EncodedParameters {
  /** The query of the request-target, without `?`. */
  readonly query: string;
  readonly contentType: string | undefined;
  /** `undefined`: larger than our endpoints read. */
  readonly body: Uint8Array | undefined;
}

/** More parameters than any honest request has. */
const most = 256;

/** `known` are the names that mean something to the endpoint; the strict reading is strict about these alone. */
export function readParameters(
  profile: Profile,
  known: ReadonlySet<string>,
  { query, contentType, body }: EncodedParameters,
): { readonly parameters: Parameters } | Refusal {
  if (body === undefined) return { reason: 'body_too_large' };
  const type = mediaType(contentType);
  if (profile.parameters === 'strict') {
    // "using the "application/x-www-form-urlencoded" format [...] in the HTTP request entity-body" (RFC 6749 §4.1.3)
    if (body.length > 0 && type !== 'application/x-www-form-urlencoded') return { reason: 'body_unsupported' };
    return readStrictly(known, query, text(body));
  }
  const parameters = new Map(parseForm(query));
  for (const [name, value] of parseBody(type, contentType ?? '', body)) parameters.set(name, value);
  if (parameters.size > most) return { reason: 'parameter_malformed', detail: 'the number of parameters' };
  return { parameters };
}

function readStrictly(
  known: ReadonlySet<string>,
  query: string,
  body: string,
): { readonly parameters: Parameters } | Refusal {
  const inQuery = parseForm(query);
  const parameters = new Map<string, unknown>();
  for (const [name, value] of parseForm(body)) {
    // `scope[]` and `scope[0]` are further spellings of `scope`.
    const bracket = name.indexOf('[');
    const plain = bracket < 0 ? name : name.slice(0, bracket);
    if (!known.has(plain)) continue; // "The authorization server MUST ignore unrecognized request parameters." (§3.2)
    // "Request and response parameters MUST NOT be included more than once." (RFC 6749 §3.2)
    if (plain !== name || Array.isArray(value) || inQuery.has(name))
      return { reason: 'parameter_repeated', detail: plain };
    // "Parameters sent without a value MUST be treated as if they were omitted from the request." (RFC 6749 §3.2)
    if (value === true || value === '') continue;
    if (typeof value !== 'string' || /[\x00-\x1f\x7f]/.test(value))
      return { reason: 'parameter_malformed', detail: name };
    parameters.set(name, value);
  }
  return { parameters };
}

function parseBody(type: string, contentType: string, body: Uint8Array): Parameters {
  if (body.length === 0) return nothing;
  if (type === 'application/x-www-form-urlencoded') return parseForm(text(body));
  if (type === 'application/json') return parseJson(text(body));
  if (type === 'multipart/form-data') return parseMultipart(contentType, body);
  return nothing;
}

const nothing: Parameters = new Map();

/** `application/x-www-form-urlencoded`: a name without `=` is a flag, a repeated one an array. */
export function parseForm(encoded: string): Parameters {
  if (encoded === '') return nothing;
  const parameters = new Map<string, unknown>();
  for (const pair of encoded.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = formDecode(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? true : formDecode(pair.slice(equals + 1));
    const before = parameters.get(name);
    if (before === undefined) parameters.set(name, value);
    else if (Array.isArray(before)) before.push(value);
    else parameters.set(name, [before, value]);
  }
  return parameters;
}

/** Percent-decoding that leaves alone what it cannot decode. */
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

function parseJson(encoded: string): Parameters {
  try {
    const value: unknown = JSON.parse(encoded);
    if (typeof value !== 'object' || value === null || Array.isArray(value) || isDeeperThan(deepest, value)) {
      return nothing;
    }
    return new Map(Object.entries(value));
  } catch {
    return nothing; // Kong: a body that cannot be read has no parameters
  }
}

/** Levels of a JSON body; Kong's parser gives up there too. What is nested deeper could not be walked or printed safely. */
const deepest = 1000;

function isDeeperThan(limit: number, value: object): boolean {
  let level: readonly object[] = [value];
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > limit) return true;
    level = level.flatMap((one) => Object.values(one).filter((inner) => typeof inner === 'object' && inner !== null));
  }
  return false;
}

/** `multipart/form-data` (RFC 7578), as far as plain fields go. */
function parseMultipart(contentType: string, body: Uint8Array): Parameters {
  const boundary = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  if (boundary === null) return nothing;
  const parameters = new Map<string, unknown>();
  const parts = `\r\n${Buffer.from(body).toString('latin1')}`.split(`\r\n--${boundary[1] ?? boundary[2]}`);
  for (const part of parts.slice(1, -1)) {
    const end = part.indexOf('\r\n\r\n');
    const name = /^content-disposition:\s*form-data;(?:.*;)?\s*name=(?:"([^"]*)"|([^\s;"]+))/im.exec(
      part.slice(0, end),
    );
    if (end < 0 || name === null) continue;
    const value = Buffer.from(part.slice(end + 4), 'latin1').toString('utf8');
    parameters.set(Buffer.from(name[1] ?? name[2] ?? '', 'latin1').toString('utf8'), value);
  }
  return parameters;
}

const text = (body: Uint8Array): string => Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');

export function mediaType(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase();
}
