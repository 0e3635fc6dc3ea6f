/**
 * The gate's log: one JSON object per line, or a readable line on a terminal. Each request is one line at `info`.
 *
 * SE-02: no token, secret, code or query value is ever written. Callers must not log any. As a second defence, this file
 * redacts whatever looks like one in the finished line, at every level, errors included.
 */
import { styleText } from 'node:util';
import { type DestinationStream, type LogFn, pino } from 'pino';
import { fileAt, logOutput, standardOutput } from './logging/output.ts';

export interface Log {
  readonly debug: LogFn;
  readonly info: LogFn;
  readonly warn: LogFn;
  readonly error: LogFn;
  /** The access line of one request. */
  request(entry: object): void;
  /** Written at every level, also `silent`: the gate is ready. */
  announce(fields: object, message: string): void;
  /** Opens the log file again, after a rotation. `false`: the log is not in a file. Throws if the file cannot be opened. */
  reopen(): boolean;
  /** Lines that could not be written since the start. */
  lostLines(): number;
  /** Resolves when everything is written, or after `within` milliseconds (1000). Later lines are ignored. */
  close(within?: number): Promise<void>;
}

export interface LogOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  /** Strings redacted everywhere: the admin token, the password of the database. */
  readonly secrets?: readonly string[];
  /** Written to instead of standard output. */
  readonly to?: { write(line: string): void };
  /** Appended to instead of standard output. */
  readonly file?: string | undefined;
  /** Bytes of lines that wait for the reader of the log. Lines beyond it are lost. */
  readonly buffer?: number;
  /** Readable lines instead of JSON. */
  readonly readable?: { readonly colours: boolean } | undefined;
}

export function openLog({ level, secrets = [], to, file, buffer = 4_194_304, readable }: LogOptions): Log {
  const output =
    to === undefined
      ? logOutput({
          open: file === undefined ? standardOutput : () => fileAt(file),
          limit: buffer,
          recovered: (lines) => always.warn({ lines }, 'lines of the log were lost, because it could not be written'),
        })
      : { write: to.write.bind(to), lost: () => 0, reopen() {}, close: async () => {} };
  const stream = readable === undefined ? output : readableLines(output, readable.colours);
  const redact = lineRedactor(secrets);
  const log = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: (line) => shortened(redact(line)) },
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
    reopen() {
      if (file === undefined) return false;
      output.reopen();
      return true;
    },
    lostLines: output.lost,
    close: (within = 1000) => output.close(within),
  };
}

/** Redacts secrets in a line of JSON, which stays JSON. A line without a suspicious text costs one search. */
export function lineRedactor(secrets: readonly string[]): (line: string) => string {
  const inJson = spellings(secrets).map((secret) => JSON.stringify(secret).slice(1, -1));
  const redactText = textRedactor(secrets);
  return (line) => {
    if (!suspect.test(line) && !inJson.some((secret) => line.includes(secret))) return line;
    return `${JSON.stringify(redacted(JSON.parse(line), redactText))}\n`;
  };
}

/** The same for any text, such as a printed error message. */
export function textRedactor(secrets: readonly string[]): (text: string) => string {
  const known = spellings(secrets);
  return (text) =>
    known.reduce((rest, secret) => rest.replaceAll(secret, redaction), text.replace(secretText, redaction));
}

function spellings(secrets: readonly string[]): string[] {
  return (
    secrets
      .flatMap((secret) => [secret, encodeURIComponent(secret)])
      .filter((secret, at, all) => secret !== '' && all.indexOf(secret) === at)
      // A secret that contains another one goes first, or the rest of it would stay.
      .sort((one, other) => other.length - one.length)
  );
}

/** Limits the length of a line: a name from an operator can have a megabyte and appear in the line of each request. */
function shortened(line: string): string {
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

const redaction = '[redacted]';

const names =
  'access_?token|refresh_?token|id_?token|client_?secret|code_?verifier|provision_?key|admin_?token|master_?key|' +
  'proxy-authorization|authorization|set-cookie|cookie|password|secret|token|code';

const suspect = new RegExp(String.raw`[?=@]|bearer|basic|"(?:${names})\\*"`, 'i');
const secretName = new RegExp(`^(?:${names})$`, 'i');
/** `ECONNRESET`, `ERR_TLS_CERT_ALTNAME_INVALID`: the code of an error. */
const errorCode = /^[A-Z][A-Z0-9_]*$/;

// Lookbehinds are bounded, so that the cost of a long hostile text is linear in its length.
const secretText = new RegExp(
  [
    // client_secret=… and "client_secret":"…", with quotes escaped any number of times
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

function redacted(value: JsonValue, redactText: (text: string) => string): JsonValue {
  if (typeof value === 'string') return redactText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    // A list of headers, name and value in turn.
    return value.map((item, at) => (isSecret(value[at - 1], item) ? redaction : redacted(item, redactText)));
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      redactText(name),
      isSecret(name, item) ? redaction : redacted(item, redactText),
    ]),
  );
}

function isSecret(name: JsonValue | undefined, value: JsonValue): boolean {
  if (typeof name !== 'string' || !secretName.test(name) || value === null) return false;
  return typeof value === 'string' ? !errorCode.test(value) : typeof value === 'object';
}

/** Formats each line of JSON as a readable line: time, level, message, and the rest as name=value. */
function readableLines(to: DestinationStream, colours: boolean): DestinationStream {
  const paint = (style: 'dim' | 'yellow' | 'red', text: string) =>
    colours ? styleText(style, text, { validateStream: false }) : text;
  const levels: Readonly<Record<string, 'yellow' | 'red'>> = { warn: 'yellow', error: 'red', fatal: 'red' };
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
      to.write(`${paint('dim', String(time).slice(11, 19))} ${label}${withoutControls(text)}\n`);
    },
  };
}

/** `GET /orders 401 0.8 ms invalid_token`: the fields of a request that matter on a terminal. */
function requestText({ method, path, status, milliseconds, refusal }: Record<string, JsonValue>): string {
  const time = typeof milliseconds === 'number' ? `${Number(milliseconds.toFixed(1))} ms` : undefined;
  return [method, path, status, time, refusal].filter((part) => part !== undefined && part !== null).join(' ');
}

/** Text from a client must not move the cursor of a terminal or start a line. */
function withoutControls(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
