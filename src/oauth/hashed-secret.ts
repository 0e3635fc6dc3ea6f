/**
 * Whether a stored secret is a hash: PBKDF2-SHA-512 in PHC form, as Kong writes it. Every text of this form counts, even
 * one with parameters that the gate refuses to compute: if it counted as plain text, the hash itself would be the secret.
 */
export function isHashedSecret(stored: string): boolean {
  return phcForm.test(stored);
}

const phcForm = /^\$pbkdf2-sha512\$i=\d+,l=\d+\$[^$]+\$[^$]+$/;
