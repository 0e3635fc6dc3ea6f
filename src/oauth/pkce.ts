import { createHash } from 'node:crypto';

// "code-verifier = 43*128unreserved" (RFC 7636 §4.1)
const verifier = /^[A-Za-z0-9\-._~]{43,128}$/;
// BASE64URL-ENCODE of 32 octets, without padding (RFC 7636 §4.2)
const challenge = /^[A-Za-z0-9_-]{43}$/;

export function isCodeVerifier(text: string): boolean {
  return verifier.test(text);
}

export function isCodeChallenge(text: string): boolean {
  return challenge.test(text);
}

/** `BASE64URL-ENCODE(SHA256(ASCII(code_verifier)))` (RFC 7636 §4.2). Pure: hashing reads nothing. */
export function codeChallengeOf(codeVerifier: string): string {
  return createHash('sha256').update(codeVerifier, 'utf8').digest('base64url');
}
