/**
 * Whether a stored secret is a hash: PBKDF2-SHA-512 in PHC form, as Kong writes it. Every text of this form counts, also
 * one with numbers that nobody would verify: if it were taken for a plain secret, the hash itself would be the secret.
 */
export function isHashedSecret(stored: string): boolean {
  return phcForm.test(stored);
}

const phcForm = /^\$pbkdf2-sha512\$i=\d+,l=\d+\$[^$]+\$[^$]+$/;
