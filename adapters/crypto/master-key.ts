/**
 * The source of the master key: bytes, or a file outside the store that only its owner may read. The first start makes the
 * file where that is allowed.
 *
 * A key file has one key on each line, in hex or base64url, 32 bytes or more. The first is the current key, the others are
 * previous keys: a new line on top rotates the key. Lines that begin with `#` are comments.
 */
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

export type MasterKeySource =
  | { readonly from: 'bytes'; readonly bytes: Uint8Array }
  /** `make`: make the file if it does not exist. `false` for a store that other nodes share: they need the same key. */
  | { readonly from: 'file'; readonly path: string; readonly make: boolean };

export interface MasterKeys {
  readonly current: Uint8Array;
  /** For rows written before the key was rotated. */
  readonly previous: readonly Uint8Array[];
  /** The path of the file if it was made just now, for the log. */
  readonly made: string | undefined;
  /** For the log: the file can be read by others, but its mount is read-only. */
  readonly warning?: string;
}

/** There is no usable master key. The message names the setting and contains no part of a key. */
export class MasterKeyUnusable extends Error {
  override readonly name = 'MasterKeyUnusable';
}

export function masterKeys(source: MasterKeySource, isReadOnly = onReadOnlyMount): MasterKeys {
  if (source.from === 'bytes') {
    if (source.bytes.length < shortest) throw new MasterKeyUnusable(`PORTCULLIS_KEY is shorter than ${shortest} bytes`);
    return { current: source.bytes, previous: [], made: undefined };
  }
  const { path, make } = source;
  const made = make && makeFile(path);
  const { text, warning } = textOf(path, isReadOnly);
  const [current, ...previous] = keysIn(path, text);
  return { current: current!, previous, made: made ? path : undefined, ...(warning === undefined ? {} : { warning }) };
}

const shortest = 32;

/** `false` if the file exists, also if another process has just made it. */
function makeFile(path: string): boolean {
  try {
    closeSync(openSync(path, 'r'));
    return false;
  } catch (error) {
    // Reading the file reports any other error.
    if (codeOf(error) !== 'ENOENT') return false;
  }
  // Written in full under another name first, so that no process reads half a key, and one of two first starts wins.
  const draft = `${path}.${process.pid}.new`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const file = openSync(draft, 'wx', 0o600);
    try {
      writeSync(file, `${randomBytes(shortest).toString('hex')}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw unusable(path, `cannot be made (${codeOf(error)})`);
  }
  try {
    linkSync(draft, path);
    syncDirectory(dirname(path));
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw unusable(path, `cannot be made (${codeOf(error)})`);
  } finally {
    unlinkSync(draft);
  }
}

/** Otherwise a power failure may lose the name of the file and keep the rows that were encrypted with its key. */
function syncDirectory(path: string): void {
  if (process.platform === 'win32') return;
  const directory = openSync(path, 'r');
  fsyncSync(directory);
  closeSync(directory);
}

function keysIn(path: string, text: string): readonly Uint8Array[] {
  const lines = text
    .split(/\r?\n/)
    .map((line, at) => ({ text: line.trim(), number: at + 1 }))
    .filter(({ text }) => text !== '' && !text.startsWith('#'));
  if (lines.length === 0) throw unusable(path, 'is empty');
  return lines.map(({ text, number }) => {
    const key = decoded(text);
    if (key === undefined) throw unusable(`${path}:${number}`, 'is neither hexadecimal nor base64url');
    if (key.length < shortest) throw unusable(`${path}:${number}`, `is shorter than ${shortest} bytes`);
    return key;
  });
}

function textOf(
  path: string,
  isReadOnly: (path: string) => boolean,
): { readonly text: string; readonly warning: string | undefined } {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    const code = codeOf(error);
    throw unusable(path, code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`);
  }
  try {
    const { mode } = fstatSync(file);
    let warning: string | undefined;
    if (process.platform !== 'win32' && (mode & 0o007) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, '0');
      // An orchestrator mounts secrets like this, and its owner is the only one who can change the mode.
      if (!isReadOnly(path)) {
        throw unusable(path, `can be read by every user of this machine (mode ${octal}); run chmod 600 on it`);
      }
      warning =
        `the master key file ${path} can be read by every user that sees it (mode ${octal}). It is accepted, because its ` +
        'mount is read-only; have the orchestrator mount it with mode 0400';
    }
    return { text: readFileSync(file, 'utf8'), warning };
  } catch (error) {
    throw error instanceof MasterKeyUnusable ? error : unusable(path, `cannot be read (${codeOf(error)})`);
  } finally {
    closeSync(file);
  }
}

/** Whether no process that sees this mount can write to the file or change its mode, not even root. */
function onReadOnlyMount(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return false;
  } catch (error) {
    // EACCES only means that this user may not write to it.
    return codeOf(error) === 'EROFS' || isOnReadOnlyMount(realpathSync(path));
  }
}

/** By the mounts that the kernel lists; the last one whose directory contains the file is the one in use. */
function isOnReadOnlyMount(path: string): boolean {
  let mounts: string;
  try {
    mounts = readFileSync('/proc/self/mountinfo', 'utf8');
  } catch {
    return false;
  }
  let best = '';
  let readOnly = false;
  for (const line of mounts.split('\n')) {
    const [, , , , at = '', options = ''] = line.split(' ');
    // The kernel writes a space as \\040.
    const directory = at.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
    const contains = directory === '/' || path === directory || path.startsWith(`${directory}/`);
    if (at === '' || !contains || directory.length < best.length) continue;
    best = directory;
    readOnly = options.split(',').includes('ro');
  }
  return readOnly;
}

function decoded(text: string): Uint8Array | undefined {
  // An odd number of hex digits is a mistake, not base64url.
  if (/^[0-9a-f]+$/i.test(text)) return text.length % 2 === 0 ? Buffer.from(text, 'hex') : undefined;
  return /^[\w-]+={0,2}$/.test(text) ? Buffer.from(text, 'base64url') : undefined;
}

function unusable(path: string, problem: string): MasterKeyUnusable {
  return new MasterKeyUnusable(
    `the master key file ${path} ${problem}. PORTCULLIS_KEY_FILE names the file; PORTCULLIS_KEY holds the key itself (openssl rand -hex 32)`,
  );
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
