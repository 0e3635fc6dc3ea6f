import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openVault } from '../../adapters/crypto/vault.ts';
import { type LmdbStore, openLmdbStore } from '../../adapters/store-lmdb/store.ts';
import type { Clock } from '../../src/ports/clock.ts';

/** A master key that is no secret. */
export const testKey = new Uint8Array(32).fill(7);

const open = new Set<LmdbStore>();
const directories = new Set<string>();

export function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'portcullis-store-'));
  directories.add(directory);
  return directory;
}

export function openTestStore(directory: string, clock: Clock, vault = openVault({ current: testKey })): LmdbStore {
  const store = openLmdbStore({ directory, vault, clock });
  const close = async () => {
    open.delete(tracked);
    await store.close();
  };
  const tracked: LmdbStore = { ...store, close };
  open.add(tracked);
  return tracked;
}

/** To be called after the tests of a file: closes their stores and removes their directories. */
export async function cleanUp(): Promise<void> {
  for (const store of open) await store.close();
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
  directories.clear();
}
