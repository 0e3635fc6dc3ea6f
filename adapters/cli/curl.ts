/** A call that a command makes and shows: as a line to paste into a shell, with its response. */
import type { Paint } from './terminal.ts';

export interface Call {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** HTTP Basic, `curl -u`. */
  readonly user?: { readonly name: string; readonly password: string };
  /** A form, which makes it a POST. */
  readonly form?: Readonly<Record<string, string>>;
}

export interface CallResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly body: string;
}

export async function make({ url, headers = {}, user, form }: Call): Promise<CallResponse> {
  const basic = user && `Basic ${Buffer.from(`${user.name}:${user.password}`).toString('base64')}`;
  const response = await fetch(url, {
    method: form === undefined ? 'GET' : 'POST',
    headers: { ...headers, ...(basic === undefined ? {} : { Authorization: basic }) },
    ...(form === undefined ? {} : { body: new URLSearchParams(form) }),
    redirect: 'manual',
  });
  const { status, statusText } = response;
  return { status, statusText, headers: response.headers, body: await response.text() };
}

/** One line if it fits into a terminal of 80 columns, else each part on its own line. */
export function curlLine({ url, headers = {}, user, form = {} }: Call): string {
  const parts = [
    `curl -i ${quoted(url)}`,
    ...(user === undefined ? [] : [`-u ${quoted(`${user.name}:${user.password}`)}`]),
    ...Object.entries(headers).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    ...Object.entries(form).map(([name, value]) => `-d ${quoted(`${name}=${value}`)}`),
  ];
  const line = parts.join(' ');
  return line.length <= 74 ? line : parts.join(' \\\n    ');
}

/** The status line, the header fields in `shown`, and the body, with JSON indented. */
export function responseText(response: CallResponse, shown: readonly string[], paint: Paint): string {
  const status = `HTTP/1.1 ${response.status} ${response.statusText}`.trimEnd();
  const headers = shown.flatMap((name) => {
    const value = response.headers.get(name);
    return value === null ? [] : [paint.dim(`${name}: ${value}`)];
  });
  const tint = response.status < 400 ? paint.green : paint.red;
  return [tint(status), ...headers, '', formatted(response.body)].join('\n');
}

function formatted(body: string): string {
  try {
    return jsonText(JSON.parse(body), '');
  } catch {
    return body.trimEnd();
  }
}

/** A value that fits on one line stays on one line. */
function jsonText(value: unknown, margin: string): string {
  const isList = Array.isArray(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const parts = isList
    ? value.map((item) => jsonText(item, `${margin}  `))
    : Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${jsonText(item, `${margin}  `)}`);
  const [open, close] = isList ? '[]' : '{}';
  const line = isList ? `[${parts.join(', ')}]` : `{ ${parts.join(', ')} }`;
  if (parts.length === 0) return `${open}${close}`;
  if (margin !== '' && line.length <= 76 && !line.includes('\n')) return line;
  return `${open}\n${parts.map((part) => `${margin}  ${part}`).join(',\n')}\n${margin}${close}`;
}

/** For a POSIX shell: unchanged if no character is special to the shell, else in single quotes. */
export function quoted(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
