/**
 * The head of an upstream's response (RFC 9112 §4-6), parsed strictly, since two readings of one response allow response
 * smuggling. Hop-by-hop fields are removed (RFC 9110 §7.6.1).
 */

export interface UpstreamHead {
  readonly status: number;
  readonly reason: string;
  /** Names and values in turn, as received, without hop-by-hop fields, the length, and the gate's own fields. */
  readonly fields: string[];
  /** The place of the value of Via in `fields`; -1: the upstream sent none. */
  readonly viaAt: number;
  readonly framing: Framing;
  /** The value of Content-Length, also of a response without a body (HEAD, 304); -1: there was none. */
  readonly length: number;
  /** The connection can carry another request after this response. */
  readonly persistent: boolean;
  /** Seconds that the upstream keeps an idle connection (`Keep-Alive: timeout=5`); -1: it did not say. */
  readonly idleSeconds: number;
}

export type Framing = 'none' | 'length' | 'chunked' | 'close';

/**
 * Parses a head. `text` is latin1; the last field line ends before `end`, its CRLF included. `undefined`: malformed.
 * `toHead`: the request was a HEAD, so the response has no body.
 */
export function readUpstreamHead(text: string, end: number, toHead: boolean): UpstreamHead | undefined {
  const line = text.indexOf('\r\n');
  const start = statusLine.exec(text.slice(0, line));
  if (start === null) return undefined;
  const status = Number(start[2]);
  const oldVersion = start[1] === '0';
  if (line + 2 < end && !fieldLines.test(text.slice(line + 2, end))) return undefined;

  const fields: string[] = [];
  let length = -1;
  let chunked = false;
  let connection: string | undefined;
  let idleSeconds = -1;
  let viaAt = -1;
  for (let at = line + 2; at < end; ) {
    const next = text.indexOf('\r\n', at);
    const colon = text.indexOf(':', at);
    // "A proxy MUST remove any such whitespace from a response message before forwarding the message downstream."
    // (RFC 9112 §5.1)
    const name = isBlank(text.charCodeAt(colon - 1)) ? text.slice(at, colon).trimEnd() : text.slice(at, colon);
    const value = trimmed(text, colon + 1, next);
    at = next + 2;
    switch (special(name)) {
      case 'content-length': {
        const parsed = lengthOf(value);
        // "If a message is received without Transfer-Encoding and with an invalid Content-Length header field, then the
        // message framing is invalid and the recipient MUST treat it as an unrecoverable error" (RFC 9112 §6.3)
        if (parsed === undefined || (length !== -1 && length !== parsed)) return undefined;
        length = parsed;
        break;
      }
      case 'transfer-encoding':
        // The gate's TE offers no other coding, and no coding is applied twice.
        if (chunked || value.toLowerCase() !== 'chunked') return undefined;
        chunked = true;
        break;
      case 'connection':
        connection = connection === undefined ? value : `${connection}, ${value}`;
        break;
      case 'keep-alive': {
        const timeout = /(?:^|[\s,;])timeout=(\d{1,9})/i.exec(value);
        if (timeout !== null) idleSeconds = Number(timeout[1]);
        break;
      }
      case 'hop':
        break;
      case 'via':
        if (viaAt === -1) viaAt = fields.push(name, value) - 1;
        else fields[viaAt] += `, ${value}`;
        break;
      default:
        fields.push(name, value);
    }
  }
  // "A server or client that receives an HTTP/1.0 message containing a Transfer-Encoding header field MUST treat the
  // message as if the framing is faulty" (RFC 9112 §6.1). Both lengths at once are an attempt at response smuggling.
  if (chunked && (oldVersion || length !== -1)) return undefined;

  let persistent = !oldVersion;
  if (connection !== undefined) {
    const options = connection.toLowerCase().split(',');
    let closes = false;
    for (const each of options) {
      const option = each.trim();
      if (option === 'close') closes = true;
      else if (option === 'keep-alive') persistent = true;
      else if (option !== '') viaAt = without(fields, option, viaAt);
    }
    if (closes) persistent = false;
  }
  // "Any response to a HEAD request and any response with a 1xx (Informational), 204 (No Content), or 304 (Not Modified)
  // status code is always terminated by the first empty line after the header fields" (RFC 9112 §6.3)
  let framing: Framing;
  if (toHead || status === 204 || status === 304 || status < 200) framing = 'none';
  else if (chunked) framing = 'chunked';
  else if (length !== -1) framing = 'length';
  else {
    framing = 'close';
    persistent = false;
  }
  // A server may still send the body that these fields announce, and it would be the response to the next request.
  if (framing === 'none' && (toHead || chunked || length > 0)) persistent = false;
  return { status, reason: start[3] ?? '', fields, viaAt, framing, length, persistent, idleSeconds };
}

/** Trailer fields (RFC 9112 §7.1.2) as names and values in turn, without those that may not be trailers. */
export function readTrailers(text: string): string[] | undefined {
  if (text === '') return [];
  if (!fieldLines.test(text)) return undefined;
  const fields: string[] = [];
  for (let at = 0; at < text.length; ) {
    const next = text.indexOf('\r\n', at);
    const colon = text.indexOf(':', at);
    const name = text.slice(at, colon).trimEnd();
    // Fields for framing, routing or authentication are not allowed in trailers (RFC 9110 §6.5.1).
    if (!notInTrailers.has(name.toLowerCase())) fields.push(name, trimmed(text, colon + 1, next));
    at = next + 2;
  }
  return fields;
}

const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/;
// One pattern over the whole block: V8 compiles it to machine code, which is faster than a loop in JavaScript.
const fieldLines = /^(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+[\t ]*:[\t\x20-\x7e\x80-\xff]*\r\n)+$/;

type Special = 'content-length' | 'transfer-encoding' | 'connection' | 'keep-alive' | 'hop' | 'via' | undefined;

const specials = new Map<string, Special>([
  ['content-length', 'content-length'],
  ['transfer-encoding', 'transfer-encoding'],
  ['connection', 'connection'],
  ['keep-alive', 'keep-alive'],
  ['proxy-connection', 'hop'],
  ['upgrade', 'hop'],
  ['te', 'hop'],
  ['http2-settings', 'hop'],
  ['via', 'via'],
  // The gate sets these itself, in place of a gate behind it.
  ['x-kong-request-id', 'hop'],
  ['x-kong-upstream-latency', 'hop'],
  ['x-kong-proxy-latency', 'hop'],
  ['x-kong-response-latency', 'hop'],
]);

const notInTrailers = new Set([
  ...specials.keys(),
  'host',
  'trailer',
  'authorization',
  'set-cookie',
  'cache-control',
  'content-encoding',
  'content-type',
  'content-range',
  'www-authenticate',
  'location',
  'date',
]);

/** The first letter already excludes most names: c, h, k, p, t, u, v, x remain. */
function special(name: string): Special {
  switch (name.charCodeAt(0) | 0x20) {
    case 0x63:
    case 0x68:
    case 0x6b:
    case 0x70:
    case 0x74:
    case 0x75:
    case 0x76:
    case 0x78:
      return specials.get(name.toLowerCase());
    default:
      return undefined;
  }
}

/** A length, or the same one several times in a list. */
function lengthOf(value: string): number | undefined {
  if (/^\d{1,15}$/.test(value)) return Number(value);
  const parts = value.split(',').map((part) => part.trim());
  return parts.length > 1 && parts.every((part) => part === parts[0]) && /^\d{1,15}$/.test(parts[0]!)
    ? Number(parts[0])
    : undefined;
}

/** Optional white space around a value is not part of it. */
function trimmed(text: string, from: number, to: number): string {
  // Nearly all values have one space before them and none after.
  if (
    from + 1 < to &&
    text.charCodeAt(from) === 0x20 &&
    !isBlank(text.charCodeAt(from + 1)) &&
    !isBlank(text.charCodeAt(to - 1))
  ) {
    return text.slice(from + 1, to);
  }
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** Removes the fields that Connection names. Returns the new place of Via. */
function without(fields: string[], option: string, viaAt: number): number {
  for (let i = fields.length - 2; i >= 0; i -= 2) {
    if (fields[i]!.length !== option.length || fields[i]!.toLowerCase() !== option) continue;
    fields.splice(i, 2);
    if (i + 1 === viaAt) viaAt = -1;
    else if (i < viaAt) viaAt -= 2;
  }
  return viaAt;
}
