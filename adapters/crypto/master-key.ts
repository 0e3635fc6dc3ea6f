/**
 * Where the master key lives: given as bytes, or in a file outside the store that only its owner may read. A first start
 * makes the file where that is allowed.
 *
 * A key file has one key on each line, in hex or base64url, 32 bytes or more. The first is the current one, those below
 * are previous ones: a new line on top rotates the key. Lines that begin with `#` are left out.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

export type MasterKeySource =
  | { readonly from: 'bytes'; readonly bytes: Uint8Array }
  /** `make`: make the file if there is none. Never so for a store that other nodes share: they need the same key. */
  | { readonly from: 'file'; readonly path: string; readonly make: boolean };

export interface MasterKeys {
  readonly current: Uint8Array;
  /** For what was written before the key was changed. */
  readonly previous: readonly Uint8Array[];
  /** The file that was made just now, to be announced. */
  readonly made: string | undefined;
}

/** The master key cannot be had. The message names the setting and never holds anything of a key. */
export class MasterKeyUnusable extends Error {
  override readonly name = 'MasterKeyUnusable';
}

export function masterKeys(source: MasterKeySource): MasterKeys {
  if (source.from === 'bytes') {
    if (source.bytes.length < shortest) throw new MasterKeyUnusable(`PORTCULLIS_KEY is shorter than ${shortest} bytes`);
    return { current: source.bytes, previous: [], made: undefined };
  }
  const { path, make } = source;
  const made = make && makeFile(path);
  const [current, ...previous] = readFile(path);
  return { current: current!, previous, made: made ? path : undefined };
}

const shortest = 32;

/** Whether it was made: false if there is a file already, also if somebody else has just made it. */
function makeFile(path: string): boolean {
  try {
    closeSync(openSync(path, 'r'));
    return false;
  } catch (error) {
    // Any other trouble is told when the file is read.
    if (codeOf(error) !== 'ENOENT') return false;
  }
  // Written in full under another name first: nobody ever reads half a key, and of two first starts one wins.
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

/** Without this the file's name might not survive a power failure that what it sealed did survive. */
function syncDirectory(path: string): void {
  if (process.platform === 'win32') return;
  const directory = openSync(path, 'r');
  fsyncSync(directory);
  closeSync(directory);
}

function readFile(path: string): readonly Uint8Array[] {
  const lines = textOf(path)
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

function textOf(path: string): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    const code = codeOf(error);
    throw unusable(path, code === 'ENOENT' ? 'is not there' : `cannot be read (${code})`);
  }
  try {
    const { mode } = fstatSync(file);
    if (process.platform !== 'win32' && (mode & 0o007) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, '0');
      throw unusable(path, `is open to everybody on this machine (mode ${octal}); chmod 600 it`);
    }
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw error instanceof MasterKeyUnusable ? error : unusable(path, `cannot be read (${codeOf(error)})`);
  } finally {
    closeSync(file);
  }
}

function decoded(text: string): Uint8Array | undefined {
  // An odd number of hex digits is a slip, not base64url.
  if (/^[0-9a-f]+$/i.test(text)) return text.length % 2 === 0 ? Buffer.from(text, 'hex') : undefined;
  return /^[\w-]+={0,2}$/.test(text) ? Buffer.from(text, 'base64url') : undefined;
}

function unusable(path: string, what: string): MasterKeyUnusable {
  return new MasterKeyUnusable(
    `the master key file ${path} ${what}. PORTCULLIS_KEY_FILE names the file; PORTCULLIS_KEY takes the key itself (openssl rand -hex 32)`,
  );
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
