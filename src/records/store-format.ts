/** What the stores on disk check before they are used, and how they change to a new master key. */
import { eachInTurn, type MaybePromise, whenThere } from '../ports/maybe-promise.ts';
import { StoreUnusable } from '../ports/unavailable.ts';
import type { Vault } from '../ports/vault.ts';

/** The version of the format that is written. A store with another version is not touched. */
export const schemaVersion = 2;

/** `place` completes "the store …" in messages: `in /var/lib/portcullis`. */
export function checkSchema(place: string, found: unknown): void {
  if (found === schemaVersion) return;
  throw new StoreUnusable(
    `the store ${place} was written by ${typeof found === 'number' && found < schemaVersion ? 'an older' : 'a newer'} ` +
      `version (schema ${found}, this one knows ${schemaVersion}); nothing was changed`,
  );
}

/** Compares the check values in the store, by key id, with those of the keys at hand. */
export function checkMasterKeys(
  place: string,
  vault: Pick<Vault, 'checkValue'>,
  checks: Iterable<readonly [keyId: string, check: string]>,
): void {
  for (const [keyId, check] of checks) {
    if (vault.checkValue(keyId) === check) continue;
    throw new StoreUnusable(
      `the store ${place} was written with another master key (PORTCULLIS_KEY or PORTCULLIS_KEY_FILE); ` +
        'start with that key, or keep it below the new one in the key file',
    );
  }
}

export interface EncryptedStore {
  readonly vault: Pick<Vault, 'keyId'>;
  /** The keys under which something may be stored. */
  keysInUse(): MaybePromise<readonly string[]>;
  forgetKey(keyId: string): MaybePromise<void>;
  readonly parts: readonly {
    /** Re-encrypts, with the current key, all rows that an older key encrypted. */
    reencrypt?(): MaybePromise<void>;
    /** Whether anything is still found by a digest of this key. */
    uses(keyId: string): MaybePromise<boolean>;
  }[];
}

/**
 * After a rotation of the master key: re-encrypts the rows of older keys with the new one, and returns the ids of the
 * keys that are still needed. The digest of a token can be computed only when the token is presented, so an old key is
 * needed until the last token of its time has expired.
 */
export function reencryptStore(store: EncryptedStore): MaybePromise<readonly string[]> {
  const { vault, parts } = store;
  const forgetUnused = (keyId: string): MaybePromise<void> => {
    let isUsed = keyId === vault.keyId;
    const asked = eachInTurn(parts, (part) =>
      isUsed ? undefined : whenThere(part.uses(keyId), (uses) => void (isUsed = uses)),
    );
    return whenThere(asked, () => (isUsed ? undefined : store.forgetKey(keyId)));
  };
  return whenThere(store.keysInUse(), (keyIds) => {
    if (keyIds.every((keyId) => keyId === vault.keyId)) return keyIds;
    const reencrypted = eachInTurn(parts, (part) => part.reencrypt?.());
    return whenThere(
      whenThere(reencrypted, () => eachInTurn(keyIds, forgetUnused)),
      () => store.keysInUse(),
    );
  });
}
