/** `multipart/form-data` (RFC 7578). A part that is not edited is printed as it was sent. */

export interface Part {
  /** `undefined`: the part has no Content-Disposition with a name. */
  readonly name: string | undefined;
  /** Head and content, from the line end after the delimiter to the one before the next; one code unit for each octet. */
  readonly octets: string;
}

export interface Multipart {
  readonly delimiter: string;
  readonly parts: readonly Part[];
  /** Whether the closing delimiter was there. Without it the last part may be cut off, and is not in `parts`. */
  readonly closed: boolean;
}

/** `undefined`: the Content-Type has no boundary. */
export function readMultipart(contentType: string, body: Uint8Array): Multipart | undefined {
  const found = /;\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(contentType);
  if (found === null) return undefined;
  const delimiter = `--${found[1] ?? found[2]}`;
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1');
  const [, ...pieces] = `\r\n${text}`.split(`\r\n${delimiter}`);
  const closed = pieces.pop()?.startsWith('--') ?? false;
  return { delimiter, parts: pieces.map((octets) => ({ name: nameOf(octets), octets })), closed };
}

export function printMultipart({ delimiter }: Multipart, parts: readonly Part[]): Uint8Array {
  const all = parts.map(({ octets }) => `${delimiter}${octets}\r\n`).join('');
  return Buffer.from(`${all}${delimiter}--\r\n`, 'latin1');
}

export function contentOf({ octets }: Part): string {
  return utf8Of(octets.slice(octets.indexOf('\r\n\r\n') + 4));
}

export function part(name: string, value: string): Part {
  const quoted = octetsOf(name).replace(/["\r\n]/g, (character) => encodeURIComponent(character));
  return { name, octets: `\r\nContent-Disposition: form-data; name="${quoted}"\r\n\r\n${octetsOf(value)}` };
}

function nameOf(octets: string): string | undefined {
  const end = octets.indexOf('\r\n\r\n');
  const disposition = /^content-disposition:\s*form-data\s*(;.*)$/im.exec(octets.slice(0, end + 2))?.[1] ?? '';
  // Parameters are read in order, so that a quoted value, such as the name of a file, cannot contain a further `name`.
  const parameters = [...disposition.matchAll(/\s*;\s*([^\s=;"]+)\s*=\s*(?:"([^"]*)"|([^\s;"]*))/gy)];
  const [, , quoted, token = ''] = parameters.find(([, name]) => name!.toLowerCase() === 'name') ?? [];
  if (end < 0 || (quoted === undefined && token === '')) return undefined;
  return utf8Of(quoted ?? token);
}

function utf8Of(octets: string): string {
  return Buffer.from(octets, 'latin1').toString('utf8');
}

function octetsOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
