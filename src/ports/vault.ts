/** Digests and encrypted copies of secrets, both under the master key. */
export interface Vault {
  /** The key for everything that is written now. */
  readonly keyId: string;
  /** The ids of all keys, the current one first. */
  readonly keyIds: readonly string[];
  /** The same digest for the same value; useless without the key. `purpose` separates kinds of values. */
  digest(purpose: string, value: string): string;
  /** All digests under which a value may be stored: by the current key, then by the previous ones. */
  candidates(purpose: string, value: string): readonly string[];
  /** Encrypts and authenticates a value. */
  seal(purpose: string, value: string): string;
  /** Throws `SealBroken` unless the text was sealed for this purpose with one of the keys. */
  unseal(purpose: string, sealed: string): string;
  /** A value to store with the data, which proves later that the key of this id is still the same. */
  checkValue(keyId: string): string | undefined;
  /** A key for another use, derived from the current master key. */
  derive(use: string): Uint8Array;
}

/** Digests that were made with this key are at least `start` and less than `end`. */
export function digestsOfKey(keyId: string): { readonly start: string; readonly end: string } {
  return { start: `${keyId}.`, end: `${keyId}/` };
}
