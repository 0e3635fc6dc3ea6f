/**
 * The parameters of a request to an OAuth endpoint (RFC 6749 §3.1, §3.2, Appendix B). `lenient` reads what Kong reads
 * (forms, JSON, multipart, the query); `strict` reads what the RFC allows.
 */
import { readForm } from '../content/form.ts';
import { readJsonObject } from '../content/json.ts';
import { json, mediaType, multipart, urlencoded } from '../content/media-type.ts';
import { contentOf, readMultipart } from '../content/multipart.ts';
import type { Profile } from '../oauth/profile.ts';
import type { Refusal } from '../oauth/refusals.ts';

/** A value is usually a string. A name without `=` in a form is `true`, a repeated parameter an array, JSON can be anything. */
export type Parameters = ReadonlyMap<string, unknown>;

export interface EncodedParameters {
  /** The query of the request-target, without `?`. */
  readonly query: string;
  readonly contentType: string | undefined;
  /** `undefined`: larger than the limit. `late`: it did not arrive in time. */
  readonly body: Uint8Array | 'late' | undefined;
}

/** More parameters than any legitimate request has. */
const most = 256;

/** `known`: the parameters of the endpoint. Only these are checked strictly. */
export function readParameters(
  profile: Profile,
  known: ReadonlySet<string>,
  { query, contentType, body }: EncodedParameters,
): { readonly parameters: Parameters } | Refusal {
  if (body === undefined) return { reason: 'body_too_large' };
  if (body === 'late') return { reason: 'body_late' };
  const type = mediaType(contentType);
  if (profile.parameters === 'strict') {
    // "using the "application/x-www-form-urlencoded" format [...] in the HTTP request entity-body" (RFC 6749 §4.1.3)
    if (body.length > 0 && type !== urlencoded) return { reason: 'body_unsupported' };
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
    // `scope[]` and `scope[0]` also mean `scope`.
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
  if (type === urlencoded) return parseForm(text(body));
  // Kong: a body that cannot be read has no parameters.
  if (type === json) return readJsonObject(text(body)) ?? nothing;
  if (type !== multipart) return nothing;
  // Kong reads the parts of a body without its closing delimiter, too.
  const parts = readMultipart(contentType, body)?.parts ?? [];
  return new Map(parts.flatMap((part) => (part.name === undefined ? [] : [[part.name, contentOf(part)]])));
}

const nothing: Parameters = new Map();

/** `application/x-www-form-urlencoded`: a name without `=` is `true`, a repeated one an array. */
export function parseForm(encoded: string): Parameters {
  if (encoded === '') return nothing;
  const parameters = new Map<string, unknown>();
  for (const { name, value = true } of readForm(encoded)) {
    const before = parameters.get(name);
    if (before === undefined) parameters.set(name, value);
    else if (Array.isArray(before)) before.push(value);
    else parameters.set(name, [before, value]);
  }
  return parameters;
}

const text = (body: Uint8Array): string => Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
