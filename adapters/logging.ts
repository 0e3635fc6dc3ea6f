/**
 * The gate's log: one JSON object a line, or, on a terminal, a line for a reader. Each request is one line at `info`.
 *
 * SE-02: no token, secret, code or query value is ever written. Those who log are not to hand any over; this file is
 * the net below them: whatever looks like one is blotted out of the finished line, at every level, errors included.
 */
import { type DestinationStream, destination, type LogFn, pino } from 'pino';

export interface Log {
  readonly debug: LogFn;
  readonly info: LogFn;
  readonly warn: LogFn;
  readonly error: LogFn;
  /** The access line of one request. */
  request(entry: object): void;
  /** A line that is written at every level, `silent` too: the gate is ready. */
  announce(fields: object, message: string): void;
  /** Resolves when everything is written. What is logged afterwards is lost. */
  close(): Promise<void>;
}

export interface LogOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  /** Strings that are blotted out wherever they stand: the admin token, the password of the database. */
  readonly secrets?: readonly string[];
  /** Where to, instead of standard output. */
  readonly to?: { write(line: string): void };
  /** Lines for a reader instead of JSON. */
  readonly readable?: { readonly colours: boolean } | undefined;
}

export function openLog({ level, secrets = [], to, readable }: LogOptions): Log {
  const output = to === undefined ? standardOutput() : { write: to.write.bind(to), close: async () => {} };
  const stream = readable === undefined ? output : readableLines(output, readable.colours);
  const blot = blotter(secrets);
  const log = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: (line) => fitting(blot(line)) },
    },
    stream,
  );
  const always = log.child({}, { level: 'info' });
  return {
    debug: log.debug.bind(log),
    info: log.info.bind(log),
    warn: log.warn.bind(log),
    error: log.error.bind(log),
    request: (entry) => log.info(entry, 'request'),
    announce: (fields, message) => always.info(fields, message),
    close: output.close,
  };
}

/** Written without waiting, so that a slow reader of the log does not slow the gate. */
function standardOutput(): { write(line: string): void; close(): Promise<void> } {
  const output = destination({ dest: 1, sync: false });
  let open = true;
  // Nobody reads any more: then nothing is written, and nothing waited for.
  output.on('close', () => {
    open = false;
  });
  return {
    write(line) {
      if (open) output.write(line);
    },
    async close() {
      if (!open) return;
      open = false;
      await new Promise<void>((closed) => {
        output.once('close', closed);
        output.end();
      });
    },
  };
}

/** Blots secrets out of a line of JSON and leaves it JSON. A line without anything of the kind costs one search. */
export function blotter(secrets: readonly string[]): (line: string) => string {
  const inJson = spellings(secrets).map((secret) => JSON.stringify(secret).slice(1, -1));
  const blotText = textBlotter(secrets);
  return (line) => {
    if (!suspect.test(line) && !inJson.some((secret) => line.includes(secret))) return line;
    return `${JSON.stringify(blotted(JSON.parse(line), blotText))}\n`;
  };
}

/** The same for a text of any kind: the message of an error that is printed. */
export function textBlotter(secrets: readonly string[]): (text: string) => string {
  const known = spellings(secrets);
  return (text) =>
    known.reduce((rest, secret) => rest.replaceAll(secret, redacted), text.replace(tellingText, redacted));
}

function spellings(secrets: readonly string[]): string[] {
  return (
    secrets
      .flatMap((secret) => [secret, encodeURIComponent(secret)])
      .filter((secret, at, all) => secret !== '' && all.indexOf(secret) === at)
      // A secret that holds another one goes first, or its rest would stay.
      .sort((one, other) => other.length - one.length)
  );
}

/** A name that an operator gave may have a megabyte, and stand in the line of each request; a line does not. */
function fitting(line: string): string {
  return line.length <= longestLine ? line : `${JSON.stringify(cut(JSON.parse(line)))}\n`;
}

const longestLine = 32_768;
const longestText = 1000;

function cut(value: JsonValue): JsonValue {
  if (typeof value === 'string') return value.length > longestText ? `${value.slice(0, longestText)}…` : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(cut);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, cut(item)]));
}

const redacted = '[redacted]';

const names =
  'access_?token|refresh_?token|id_?token|client_?secret|code_?verifier|provision_?key|admin_?token|master_?key|' +
  'proxy-authorization|authorization|set-cookie|cookie|password|secret|token|code';

const suspect = new RegExp(String.raw`[?=@]|bearer|basic|"(?:${names})\\*"`, 'i');
const tellingName = new RegExp(`^(?:${names})$`, 'i');
/** `ECONNRESET`, `ERR_TLS_CERT_ALTNAME_INVALID`: the code of an error. */
const errorCode = /^[A-Z][A-Z0-9_]*$/;

// What stands before is looked for within bounds, so that a long hostile text costs no more than its length.
const tellingText = new RegExp(
  [
    // client_secret=… and "client_secret":"…", however often the quotes were escaped
    String.raw`(?<=(?<![A-Za-z0-9_-])(?:${names})=)[^\s"&\\]+`,
    String.raw`(?<=(?<![A-Za-z0-9_-])(?:${names})\\{0,16}"\s{0,4}:\s{0,4}\\{0,16}")[^"\\]+`,
    // Authorization: Bearer …
    String.raw`(?<=\b(?:bearer|basic)\s{1,8})[A-Za-z0-9._~+/=-]{6,}`,
    String.raw`(?<=\bauthorization:\s{0,8})[^\s"\\]+`,
    // /path?query
    String.raw`(?<=\?)[^\s=?]*=\S*`,
    // scheme://user:password@host
    String.raw`(?<=:\/\/)[^\s@/]{0,256}:[^\s@]{0,256}(?=@)`,
  ].join('|'),
  'gi',
);

type JsonValue = string | number | boolean | null | JsonValue[] | { [name: string]: JsonValue };

function blotted(value: JsonValue, blotText: (text: string) => string): JsonValue {
  if (typeof value === 'string') return blotText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    // A list of headers, name and value in turn.
    return value.map((item, at) => (tells(value[at - 1], item) ? redacted : blotted(item, blotText)));
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      blotText(name),
      tells(name, item) ? redacted : blotted(item, blotText),
    ]),
  );
}

function tells(name: JsonValue | undefined, value: JsonValue): boolean {
  if (typeof name !== 'string' || !tellingName.test(name) || value === null) return false;
  return typeof value === 'string' ? !errorCode.test(value) : typeof value === 'object';
}

/** Turns each line of JSON into one for a reader: time, level, what, and the rest as name=value. */
function readableLines(to: DestinationStream, colours: boolean): DestinationStream {
  const paint = (code: number, text: string) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
  const levels: Readonly<Record<string, number>> = { warn: 33, error: 31, fatal: 31 };
  return {
    write(line) {
      const { time, level, msg, err, ...rest } = JSON.parse(line) as Record<string, JsonValue>;
      const fields = Object.entries(rest).map(
        ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
      );
      const error = typeof err === 'object' && err !== null && !Array.isArray(err) ? [`(${err['message']})`] : [];
      const label =
        levels[String(level)] === undefined ? '' : `${paint(levels[String(level)]!, String(level).toUpperCase())} `;
      const text = msg === 'request' ? requestText(rest) : [String(msg ?? ''), ...error, ...fields].join(' ');
      to.write(`${paint(2, String(time).slice(11, 19))} ${label}${harmless(text)}\n`);
    },
  };
}

/** `GET /orders 401 0.8 ms invalid_token`: what somebody who watches wants to see of a request. */
function requestText({ method, path, status, milliseconds, refusal }: Record<string, JsonValue>): string {
  const time = typeof milliseconds === 'number' ? `${Number(milliseconds.toFixed(1))} ms` : undefined;
  return [method, path, status, time, refusal].filter((part) => part !== undefined && part !== null).join(' ');
}

/** What a client sent must not move the cursor of a terminal, nor start a line of its own. */
function harmless(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
