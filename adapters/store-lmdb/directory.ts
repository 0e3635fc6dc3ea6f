/** The directory of a store. */
import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { StoreUnusable } from '../../src/ports/unavailable.ts';

/** Makes the directory if needed, for its owner only. Throws `StoreUnusable` if it cannot be used. */
export function usableDirectory(directory: string): void {
  try {
    makeDirectory(resolve(directory));
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StoreUnusable(`the store directory ${directory} cannot be used: ${why}`, { cause: error });
  }
}

/** Level by level: below /proc, where no directory can be created, Node's own `recursive` never returns. */
function makeDirectory(directory: string): void {
  const isThere = () => statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isThere()) return;
  makeDirectory(dirname(directory));
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    // Another process may have created it first.
    if (!isThere()) throw error;
  }
}
