/**
 * Passwords of basic-auth. The gate stores a slow hash (adapters/crypto/secret-hash.ts). A password that was imported from
 * Kong stays a SHA-1 over the password and the consumer's id, in hex, until it is changed.
 */
import { createHash } from 'node:crypto';
import { sameSecret } from '../oauth/same-secret.ts';
import type { Passwords } from '../ports/passwords.ts';
import type { SecretVerifier } from '../ports/secret-verifier.ts';

export function storedPasswords(hashes: SecretVerifier): Passwords {
  return {
    verify(credential, password, username) {
      if (credential === undefined) return hashes.verify(`unknown ${username}`, undefined, password);
      const { credentialId, consumerId, stored } = credential;
      if (!kongsForm.test(stored)) return hashes.verify(credentialId, stored, password);
      const made = createHash('sha1').update(`${password}${consumerId}`, 'utf8').digest('hex');
      // A wrong one takes the time of a slow hash, like an unknown user name.
      return sameSecret(made, stored.toLowerCase()) ? 'proven' : hashes.verify(credentialId, undefined, password);
    },
  };
}

const kongsForm = /^[0-9a-f]{40}$/i;
