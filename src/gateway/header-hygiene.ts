/**
 * What of a client's head goes upstream, and the head the upstream gets instead.
 *
 * Hop-by-hop fields end here (RFC 9110 §7.6.1), identity headers of a client end here in every spelling, and what the
 * gate itself says about the request (forwarding, request id, identity) stands in the place of what the client said.
 * Ordinary names are passed on as they came, those with `_` too (Kong, bearer/upstream-headers).
 */

/** One upstream request's head. Values are of the wire: one code unit is one byte (latin1). */
export interface UpstreamHead {
  readonly method: string;
  /** Path and query, `Match.upstreamTarget` or what a plugin put in its place. */
  readonly target: string;
  /** The Host line: the service's `host[:port]`, or the client's with `preserve_host`. */
  readonly host: string;
  /** The client's names and values in turn, as received. */
  readonly rawHeaders: readonly string[];
  /** Names and values in turn that the gate itself says: the result of `forwardedFields`. Client's fields of these names end here. */
  readonly gateFields: readonly string[];
  /** What plugins set and removed; `undefined` when they did nothing. */
  readonly edits: HeaderEdits | undefined;
  /** `passesIdentity(peerTrusted, match.authenticates)`. */
  readonly identityPasses: boolean;
  /** Whether `X-Forwarded-*`, `X-Real-IP` and `Forwarded` of the peer are believed (`ProxiedRequest.peerTrusted`). */
  readonly peerTrusted: boolean;
  /** The length of the body, `chunked`, or `none`: no body, no length line (a body of length 0 says so with 0). */
  readonly body: number | 'chunked' | 'none';
  /** `websocket` for a handshake that is passed on; the upstream then gets `Connection: keep-alive, Upgrade`. */
  readonly upgrade: string | undefined;
}

/**
 * Request line and header lines of the upstream request, closed by the empty line: write it as latin1.
 * One pass over the client's headers, no allocation but the string, unless the client names fields in Connection.
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

  const stays = staying(head);
  const nominated = connectionOptions(rawHeaders);
  let trailers = false;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    if (isSuspect(suspects, name)) {
      const kind = kindOf(fold(name));
      if (kind !== undefined && (kind & stays) === 0) {
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
 * The same choice as a list of names (lower case) and values in turn, for an upstream that is spoken to in HTTP/2:
 * without Host, Connection, Upgrade and Transfer-Encoding, which are not allowed there (RFC 9113 §8.2.2).
 */
export function upstreamFields(head: Omit<UpstreamHead, 'method' | 'target' | 'host' | 'upgrade'>): string[] {
  const { rawHeaders, edits, gateFields } = head;
  const fields: string[] = [];
  const stays = staying(head);
  const nominated = connectionOptions(rawHeaders);
  let trailers = false;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    const folded = fold(name);
    const kind = kindOf(folded);
    if (kind !== undefined && (kind & stays) === 0) {
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
 * Whether identity headers a client sent may go on. Only a trusted proxy's, and only where no plugin of the route says
 * who the caller is: on such a route they are the gate's word alone.
 */
export function passesIdentity(peerTrusted: boolean, routeAuthenticates: boolean): boolean {
  return peerTrusted && !routeAuthenticates;
}

/** Whether this is one of the names by which the gate tells an upstream who calls, in any spelling. For trailers too. */
export function isIdentityHeader(name: string): boolean {
  return kindOf(fold(name)) === IDENTITY;
}

/** What plugins want of the upstream's headers. Behind `ProxiedRequest.setHeader` and `removeHeader`. */
export interface HeaderEdits {
  /** By folded name; `undefined`: taken out. */
  readonly fields: Map<string, { readonly name: string; readonly value: string } | undefined>;
  /** A bit for each length a name in `fields` has: most others are told from them by that. */
  lengths: number;
  /** The lines to add. Set where the edits were prepared for many requests: those are never changed again. */
  readonly lines: string | undefined;
}

export function noHeaderEdits(): HeaderEdits {
  return { fields: new Map(), lengths: 0, lines: undefined };
}

/** Edits for many requests: a name with a value is set, one without is taken out. */
export function preparedEdits(changes: readonly (readonly [name: string, value: string | undefined])[]): HeaderEdits {
  const edits = noHeaderEdits();
  for (const [name, value] of changes) {
    if (value === undefined) removeHeader(edits, name);
    else setHeader(edits, name, value);
  }
  return { ...edits, lines: linesOf(edits) };
}

/** The same edits, or a copy of prepared ones, to be changed. */
export function changeable(edits: HeaderEdits | undefined): HeaderEdits {
  if (edits === undefined) return noHeaderEdits();
  return edits.lines === undefined
    ? edits
    : { fields: new Map(edits.fields), lengths: edits.lengths, lines: undefined };
}

/** What both make of a head, the second after the first. */
export function bothEdits(before: HeaderEdits | undefined, then: HeaderEdits): HeaderEdits {
  if (before === undefined) return then;
  const both = changeable(before);
  for (const [folded, field] of then.fields) both.fields.set(folded, field);
  both.lengths |= then.lengths;
  return both;
}

/**
 * In the place of every field of that name, in every spelling. `value` is text; it is put on the wire as UTF-8.
 * A name that is none, or one by which a connection or a body is framed, is a mistake of the caller and throws.
 */
export function setHeader(edits: HeaderEdits, name: string, value: string): void {
  edits.fields.set(settable.get(name) ?? checkedName(name), { name, value: wireValue(value) });
  edits.lengths |= 1 << (name.length & 31);
}

// Names that were set before, folded. They come from plugins and their settings, so there are few; a plugin that made up
// new ones for ever would only lose the shortcut.
const settable = new Map<string, string>();

function checkedName(name: string): string {
  const folded = fold(name);
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) || (kinds.get(folded) === HOP && folded !== 'host')) {
    throw new TypeError(`not a header that can be set for an upstream: ${JSON.stringify(name)}`);
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
 * A header as it would go upstream by now, in octets: what plugins made of it, or what the client sent. Who the client
 * says it is does not count.
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

/** One spelling for all that an upstream may take for the same name: many read `_` as `-` (RFC 3875 §4.1.18). */
export function fold(name: string): string {
  const lower = name.toLowerCase();
  return lower.includes('_') ? lower.replaceAll('_', '-') : lower;
}

/**
 * A text as a field value. What would end the line or the head is percent-encoded, as Kong's nginx does, so that a
 * consumer's name cannot add a header; other than ASCII is UTF-8, a code unit for each byte.
 */
export function wireValue(text: string): string {
  if (/^[\t\x20-\x7E]*$/.test(text)) return text;
  const escaped = text.replace(/[\x00-\x08\x0A-\x1F\x7F]/g, (character) => {
    return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
  return Buffer.from(escaped, 'utf8').toString('latin1');
}

// Kinds of names, as bits: `stays` of a request says which of them are passed on -------------------------------------
/** Fields of this connection, and those the head writes itself. Never passed on. */
const HOP = 1;
const TE = 2;
/** Who calls, in the gate's words: the names below, and every `X-Consumer-*` and `X-Authenticated-*`. */
const IDENTITY = 4;
/** Said by a proxy before us, believed of a trusted peer only: `Forwarded` and every `X-Forwarded-*` not in `OWN`. */
const FORWARDED = 8;
/** Written anew by `forwardedFields` for everyone. */
const OWN = 16;

const kinds = new Map<string, number>();
const named: readonly (readonly [kind: number, names: string])[] = [
  [
    HOP,
    'connection keep-alive proxy-connection proxy upgrade http2-settings transfer-encoding content-length host expect',
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

/** Names that other plugins, or the next version, say who calls by: `X-Authenticated-Groups`. */
function familyOf(folded: string): number | undefined {
  if (folded.startsWith('x-consumer-') || folded.startsWith('x-authenticated-')) return IDENTITY;
  return folded.startsWith('x-forwarded-') ? FORWARDED : undefined;
}

function staying(head: { readonly identityPasses: boolean; readonly peerTrusted: boolean }): number {
  return (head.identityPasses ? IDENTITY : 0) | (head.peerTrusted ? FORWARDED : 0);
}

// A name of another length, or of another first letter, cannot be one that is looked for: most are let through by that.
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
 * (RFC 9110 §7.6.1). What the gate itself writes is not the client's, so no option can take it away.
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
