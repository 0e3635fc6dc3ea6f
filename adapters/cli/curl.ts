/** A call that is made and shown at once: as a line to paste into a shell, and as the answer it got. */
import type { Paint } from './terminal.ts';

export interface Call {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** HTTP Basic, `curl -u`. */
  readonly user?: { readonly name: string; readonly password: string };
  /** A form, which makes it a POST. */
  readonly form?: Readonly<Record<string, string>>;
}

export interface CallAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly body: string;
}

export async function make({ url, headers = {}, user, form }: Call): Promise<CallAnswer> {
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

/** Each part on a line of its own where one line would be too long to read. */
export function curlLine({ url, headers = {}, user, form = {} }: Call): string {
  const parts = [
    `curl -i ${quoted(url)}`,
    ...(user === undefined ? [] : [`-u ${quoted(`${user.name}:${user.password}`)}`]),
    ...Object.entries(headers).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    ...Object.entries(form).map(([name, value]) => `-d ${quoted(`${name}=${value}`)}`),
  ];
  const line = parts.join(' ');
  return line.length <= 100 ? line : parts.join(' \\\n    ');
}

/** The status line, the headers of interest, and the body, JSON laid out. */
export function answerText(answer: CallAnswer, shown: readonly string[], paint: Paint): string {
  const status = `HTTP/1.1 ${answer.status} ${answer.statusText}`.trimEnd();
  const headers = shown.flatMap((name) => {
    const value = answer.headers.get(name);
    return value === null ? [] : [paint.dim(`${name}: ${value}`)];
  });
  const tint = answer.status < 400 ? paint.green : paint.red;
  return [tint(status), ...headers, '', laidOut(answer.body)].join('\n');
}

function laidOut(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), undefined, 2);
  } catch {
    return body.trimEnd();
  }
}

/** For a POSIX shell: as it is where nothing in it means anything to the shell, else in single quotes. */
export function quoted(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
