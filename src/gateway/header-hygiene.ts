/**
 * Decides which fields of a client's request head are forwarded, and writes the head that the upstream receives.
 *
 * Hop-by-hop fields are removed (RFC 9110 §7.6.1), and so are a client's identity headers in every spelling. The gate's own
 * fields (forwarding, request id, identity) replace those of the client. Other fields are forwarded as they came, also
 * names with `_` (Kong, bearer/upstream-headers).
 */

/** The head of one upstream request. In values, one code unit is one byte (latin1). */
export interface UpstreamHead {
  readonly method: string;
  /** Path and query: `Match.upstreamTarget`, or the target that a plugin set. */
  readonly target: string;
  /** The Host line: the service's `host[:port]`, or the client's with `preserve_host`. */
  readonly host: string;
  /** The client's names and values in turn, as received. */
  readonly rawHeaders: readonly string[];
  /** The gate's own names and values in turn (`forwardedFields`). A client's fields of these names are removed. */
  readonly gateFields: readonly string[];
  /** What plugins set and removed; `undefined` if nothing. */
  readonly edits: HeaderEdits | undefined;
  /** `passesIdentity(peerTrusted, match.authenticates)`. */
  readonly identityPasses: boolean;
  /** Whether the peer's `X-Forwarded-*`, `X-Real-IP` and `Forwarded` are forwarded (`ProxiedRequest.peerTrusted`). */
  readonly peerTrusted: boolean;
  /** The length of the body, `chunked`, or `none` for no body and no Content-Length. 0 gives `Content-Length: 0`. */
  readonly body: number | 'chunked' | 'none';
  /** `websocket` for a handshake; the upstream then receives `Connection: keep-alive, Upgrade`. */
  readonly upgrade: string | undefined;
}

/**
 * The request line and header lines of the upstream request, up to and with the empty line, to be written as latin1.
 * Makes one pass over the client's fields, and allocates only the string unless Connection names fields.
 */
export function upstreamHead(head: UpstreamHead): string {
  const { rawHeaders, edits, gateFields } = head;
  const host = edits?.fields.get('host')?.value ?? head.host;
  let text = `${head.method} ${head.target} HTTP/1.1\r\nHost: ${host}\r\n`;
  text +=
    head.upgrade === undefined
      ? 'Connection: keep-alive\r\n'
      : `Connection: keep-alive, Upgrade\r\nUpgrade: ${head.upgrade}\r\n`;
  if (head.body === 'chunked') text += 'Transfer-Encoding: chunked\r\n';
  else if (head.body !== 'none') text += `Content-Length: ${head.body}\r\n`;

  const forwarded = forwardedKinds(head);
  const nominated = connectionOptions(rawHeaders);
  let trailers = false;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    if (isSuspect(suspects, name)) {
      const kind = kindOf(fold(name));
      if (kind !== undefined && (kind & forwarded) === 0) {
        if (kind === TE && saysTrailers(rawHeaders[i + 1]!)) trailers = true;
        continue;
      }
    }
    if (edits !== undefined && isEdited(edits, name)) continue;
    if (nominated?.has(fold(name))) continue;
    text += `${name}: ${rawHeaders[i + 1]}\r\n`;
  }
  if (trailers) text += 'TE: trailers\r\n';
  for (let i = 0; i < gateFields.length; i += 2) {
    if (edits === undefined || !isEdited(edits, gateFields[i]!)) text += `${gateFields[i]}: ${gateFields[i + 1]}\r\n`;
  }
  if (edits !== undefined) text += edits.lines ?? linesOf(edits);
  return `${text}\r\n`;
}

function linesOf({ fields }: HeaderEdits): string {
  let text = '';
  for (const [folded, field] of fields) {
    if (field !== undefined && folded !== 'host') text += `${field.name}: ${field.value}\r\n`;
  }
  return text;
}

/**
 * The same fields as a list of names (lower case) and values in turn, for an upstream that speaks HTTP/2: without Host,
 * Connection, Upgrade and Transfer-Encoding, which HTTP/2 does not allow (RFC 9113 §8.2.2).
 */
export function upstreamFields(head: Omit<UpstreamHead, 'method' | 'target' | 'host' | 'upgrade'>): string[] {
  const { rawHeaders, edits, gateFields } = head;
  const fields: string[] = [];
  const forwarded = forwardedKinds(head);
  const nominated = connectionOptions(rawHeaders);
  let trailers = false;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    const folded = fold(name);
    const kind = kindOf(folded);
    if (kind !== undefined && (kind & forwarded) === 0) {
      if (kind === TE && saysTrailers(rawHeaders[i + 1]!)) trailers = true;
      continue;
    }
    if (edits?.fields.has(folded) || nominated?.has(folded)) continue;
    fields.push(name.toLowerCase(), rawHeaders[i + 1]!);
  }
  if (typeof head.body === 'number') fields.push('content-length', String(head.body));
  if (trailers) fields.push('te', 'trailers');
  for (let i = 0; i < gateFields.length; i += 2) {
    if (!edits?.fields.has(fold(gateFields[i]!))) fields.push(gateFields[i]!.toLowerCase(), gateFields[i + 1]!);
  }
  for (const [folded, field] of edits?.fields ?? []) {
    if (field !== undefined && folded !== 'host') fields.push(field.name.toLowerCase(), field.value);
  }
  return fields;
}

/**
 * Whether a client's identity headers are forwarded: only those of a trusted proxy, and only if no plugin of the route
 * authenticates. On a route that authenticates, only the gate sets them.
 */
export function passesIdentity(peerTrusted: boolean, routeAuthenticates: boolean): boolean {
  return peerTrusted && !routeAuthenticates;
}

/** Whether a header or trailer of this name identifies the caller to an upstream, in any spelling. */
export function isIdentityHeader(name: string): boolean {
  return kindOf(fold(name)) === IDENTITY;
}

/** The changes that plugins make to the upstream's head, by `ProxiedRequest.setHeader` and `removeHeader`. */
export interface HeaderEdits {
  /** By folded name; `undefined`: removed. */
  readonly fields: Map<string, { readonly name: string; readonly value: string } | undefined>;
  /** A bit for each length that a name in `fields` has. It rules most other names out without a lookup. */
  lengths: number;
  /** The lines to add, for edits that were prepared for many requests; those are not changed again. */
  readonly lines: string | undefined;
}

export function noHeaderEdits(): HeaderEdits {
  return { fields: new Map(), lengths: 0, lines: undefined };
}

/** Edits for many requests: a name with a value is set, a name without a value is removed. */
export function preparedEdits(changes: readonly (readonly [name: string, value: string | undefined])[]): HeaderEdits {
  const edits = noHeaderEdits();
  for (const [name, value] of changes) {
    if (value === undefined) removeHeader(edits, name);
    else setHeader(edits, name, value);
  }
  return { ...edits, lines: linesOf(edits) };
}

/** Edits that may be changed: the same object, or a copy if it was prepared for many requests. */
export function changeable(edits: HeaderEdits | undefined): HeaderEdits {
  if (edits === undefined) return noHeaderEdits();
  return edits.lines === undefined
    ? edits
    : { fields: new Map(edits.fields), lengths: edits.lengths, lines: undefined };
}

/** Both edits, the second applied after the first. */
export function bothEdits(before: HeaderEdits | undefined, then: HeaderEdits): HeaderEdits {
  if (before === undefined) return then;
  const both = changeable(before);
  for (const [folded, field] of then.fields) both.fields.set(folded, field);
  both.lengths |= then.lengths;
  return both;
}

/**
 * Replaces every field of that name, in every spelling. `value` is text and is sent as UTF-8. Throws a `TypeError` for a
 * name that is no field name, or that frames a connection or a body.
 */
export function setHeader(edits: HeaderEdits, name: string, value: string): void {
  edits.fields.set(settable.get(name) ?? checkedName(name), { name, value: wireValue(value) });
  edits.lengths |= 1 << (name.length & 31);
}

// Names that were set before, folded. They come from plugins and their settings, so there are few. If a plugin makes up
// more and more names, those past the limit only miss this cache.
const settable = new Map<string, string>();

function checkedName(name: string): string {
  const folded = fold(name);
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) || (kinds.get(folded) === HOP && folded !== 'host')) {
    throw new TypeError(`a plugin cannot set this header of the upstream request: ${JSON.stringify(name)}`);
  }
  if (settable.size < 256) settable.set(name, folded);
  return folded;
}

export function removeHeader(edits: HeaderEdits, name: string): void {
  edits.fields.set(fold(name), undefined);
  edits.lengths |= 1 << (name.length & 31);
}

function isEdited({ fields, lengths }: HeaderEdits, name: string): boolean {
  return (lengths & (1 << (name.length & 31))) !== 0 && fields.has(fold(name));
}

/**
 * The current value of a header of the upstream request, in octets: the one that plugins set, else the client's. A client's
 * identity headers do not count.
 */
export function standingHeader(request: StandingRequest, name: string): string | undefined {
  const folded = fold(name);
  if (request.edits?.fields.has(folded)) return request.edits.fields.get(folded)?.value;
  return isIdentityHeader(folded) ? undefined : request.header(name.toLowerCase());
}

interface StandingRequest {
  readonly edits?: HeaderEdits | undefined;
  header(name: string): string | undefined;
}

/** One spelling for all names that an upstream may read as the same: many read `_` as `-` (RFC 3875 §4.1.18). */
export function fold(name: string): string {
  const lower = name.toLowerCase();
  return lower.includes('_') ? lower.replaceAll('_', '-') : lower;
}

/**
 * A text as a field value. Control characters are percent-encoded, as Kong's nginx does, so that a consumer's name cannot
 * add a header. Other characters than ASCII become UTF-8, one code unit for each byte.
 */
export function wireValue(text: string): string {
  if (/^[\t\x20-\x7E]*$/.test(text)) return text;
  const escaped = text.replace(/[\x00-\x08\x0A-\x1F\x7F]/g, (character) => {
    return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
  return Buffer.from(escaped, 'utf8').toString('latin1');
}

// Kinds of names, as bits. `forwardedKinds` says which of them a request may keep --------------------------------------
/** Fields of this connection, and those that the gate writes itself. Never forwarded. */
const HOP = 1;
const TE = 2;
/** Identity of the caller: the names below, and every `X-Consumer-*` and `X-Authenticated-*`. */
const IDENTITY = 4;
/** Set by a proxy in front of the gate, forwarded from a trusted peer only: `Forwarded`, and `X-Forwarded-*` not in `OWN`. */
const FORWARDED = 8;
/** Written by `forwardedFields` for every request. */
const OWN = 16;

const kinds = new Map<string, number>();
const named: readonly (readonly [kind: number, names: string])[] = [
  [
    HOP,
    'connection keep-alive proxy-connection proxy upgrade http2-settings transfer-encoding content-length host expect trailer',
  ],
  [TE, 'te'],
  [IDENTITY, 'x-consumer-id x-consumer-username x-consumer-custom-id x-consumer-groups x-credential-identifier'],
  [IDENTITY, 'x-authenticated-scope x-authenticated-userid x-anonymous-consumer'],
  [FORWARDED, 'forwarded x-forwarded'],
  [OWN, 'x-forwarded-for x-forwarded-proto x-forwarded-host x-forwarded-port x-forwarded-path x-forwarded-prefix'],
  [OWN, 'x-real-ip via x-kong-request-id'],
];
for (const [kind, names] of named) for (const name of names.split(' ')) kinds.set(name, kind);

function kindOf(folded: string): number | undefined {
  return kinds.get(folded) ?? (folded.charCodeAt(0) === 0x78 ? familyOf(folded) : undefined);
}

/** By prefix, so that names of other plugins and later versions count too: `X-Authenticated-Groups`. */
function familyOf(folded: string): number | undefined {
  if (folded.startsWith('x-consumer-') || folded.startsWith('x-authenticated-')) return IDENTITY;
  return folded.startsWith('x-forwarded-') ? FORWARDED : undefined;
}

function forwardedKinds(head: { readonly identityPasses: boolean; readonly peerTrusted: boolean }): number {
  return (head.identityPasses ? IDENTITY : 0) | (head.peerTrusted ? FORWARDED : 0);
}

// A name with another length or first letter cannot be one of these, which rules most names out without a lookup.
const rows = 32;

function suspect(among: Uint32Array, name: string): void {
  among[name.length & (rows - 1)]! |= 1 << (name.charCodeAt(0) & 31);
}

function isSuspect(among: Uint32Array, name: string): boolean {
  return (among[name.length & (rows - 1)]! & (1 << (name.charCodeAt(0) & 31))) !== 0;
}

const suspects = new Uint32Array(rows);
for (const name of kinds.keys()) suspect(suspects, name);
for (let length = 0; length < rows; length++) suspects[length]! |= 1 << ('x'.charCodeAt(0) & 31);

/**
 * "Intermediaries MUST parse a received Connection header field before a message is forwarded and, for each
 * connection-option in this field, remove any header or trailer field(s) from the message with the same name"
 * (RFC 9110 §7.6.1). The gate's own fields are not the client's, so no option removes them.
 */
function connectionOptions(rawHeaders: readonly string[]): ReadonlySet<string> | undefined {
  let options: Set<string> | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    if (name.length !== 10 || (name.charCodeAt(0) | 0x20) !== 0x63 || name.toLowerCase() !== 'connection') continue;
    const value = rawHeaders[i + 1]!;
    if (/^(?:keep-alive|close|upgrade)$/i.test(value)) continue;
    for (const option of value.split(',')) {
      const folded = fold(option.trim());
      if (folded !== '') (options ??= new Set()).add(folded);
    }
  }
  return options;
}

function saysTrailers(value: string): boolean {
  return value === 'trailers' || value.split(',').some((coding) => coding.trim().toLowerCase() === 'trailers');
}
