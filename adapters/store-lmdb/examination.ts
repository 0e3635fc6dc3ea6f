/**
 * Examines the data file before it is opened. LMDB maps the file into memory and trusts its content: a file of another
 * kind, or one that was cut off, would crash the process without a message.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';

/** What is wrong with the store in `directory`; `undefined`: nothing, or there is none yet. */
export function examine(directory: string): string | undefined {
  const shape = shapeOf(join(directory, 'data.mdb'));
  if (shape === 'none' || shape === 'whole') return undefined;
  if (shape === 'foreign') return 'data.mdb is not a file of this store';
  // An intact file may be shorter than its header says, if its last pages are free. Only a full read can decide.
  const reading = spawnSync(process.execPath, [import.meta.filename, directory], { stdio: 'ignore' });
  return reading.status === 0 ? undefined : 'data.mdb is damaged: its end is missing';
}

// LMDB's two meta pages: the magic number and, behind two tables of 48 bytes, the last page -----------------------------

const magic = 0xbe_ef_c0_de;
const at = { magic: 24, version: 28, pageSize: 48, lastPage: 144 };
const smallestPage = 256;

function shapeOf(path: string): 'none' | 'whole' | 'short' | 'foreign' {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'none';
    throw error;
  }
  try {
    // The pages are read before the size: another process may be writing, and the file only grows.
    const first = metaAt(file, 0);
    const second = first === undefined ? undefined : metaAt(file, first.pageSize);
    const { size } = fstatSync(file);
    if (size === 0) return 'none';
    if (first === undefined || second === undefined || first.pageSize !== second.pageSize) return 'foreign';
    const pages = Math.max(first.lastPage, second.lastPage) + 1;
    return size < pages * first.pageSize ? 'short' : 'whole';
  } finally {
    closeSync(file);
  }
}

function metaAt(file: number, position: number): { readonly pageSize: number; readonly lastPage: number } | undefined {
  const page = Buffer.alloc(at.lastPage + 8);
  if (readSync(file, page, 0, page.length, position) < page.length) return undefined;
  const pageSize = page.readUInt32LE(at.pageSize);
  if (page.readUInt32LE(at.magic) !== magic || pageSize < smallestPage) return undefined;
  return { pageSize, lastPage: Number(page.readBigUInt64LE(at.lastPage)) };
}

/** Reads every page of every collection. */
function readAll(directory: string): void {
  const root = open({ path: directory, noSubdir: false, readOnly: true, maxDbs: 64, encoding: 'binary' });
  for (const name of [...root.getKeys()]) {
    const collection = root.openDB({ name: String(name), encoding: 'binary' });
    for (const { value } of collection.getRange()) void value;
  }
}

if (process.argv[1] === import.meta.filename) readAll(process.argv[2]!);
