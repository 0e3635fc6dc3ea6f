/**
 * Passwords of basic-auth. Ours are kept as a slow hash (adapters/crypto/secret-hash.ts); one that came out of Kong is
 * SHA-1 over the password and the consumer's id, in hex, and good as long as nobody changes it.
 */
import { createHash } from 'node:crypto';
import { sameSecret } from '../oauth/same-secret.ts';
import type { Passwords } from '../ports/passwords.ts';

/** The part of adapters/crypto that is needed here. */
export interface SlowHashes {
  verify(credentialId: string, phc: string | undefined, password: string): ReturnType<Passwords['verify']>;
}

export function storedPasswords(hashes: SlowHashes): Passwords {
  return {
    verify(credential, password, username) {
      if (credential === undefined) return hashes.verify(`unknown ${username}`, undefined, password);
      const { credentialId, consumerId, stored } = credential;
      if (!kongsForm.test(stored)) return hashes.verify(credentialId, stored, password);
      const made = createHash('sha1').update(`${password}${consumerId}`, 'utf8').digest('hex');
      return sameSecret(made, stored.toLowerCase()) ? 'proven' : 'failed';
    },
  };
}

const kongsForm = /^[0-9a-f]{40}$/i;
