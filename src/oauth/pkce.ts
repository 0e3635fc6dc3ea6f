import { createHash } from 'node:crypto';

// "code-verifier = 43*128unreserved" (RFC 7636 §4.1)
const verifier = /^[A-Za-z0-9\-._~]{43,128}$/;
// BASE64URL-ENCODE of 32 octets, without padding (RFC 7636 §4.2)
const challenge = /^[A-Za-z0-9_-]{43}$/;

export function isCodeVerifier(text: string): boolean {
  return verifier.test(text);
}

/** What Kong accepts as a verifier: it only counts the octets. */
export function hasLengthOfVerifier(text: string): boolean {
  const length = Buffer.byteLength(text, 'utf8');
  return length >= 43 && length <= 128;
}

export function isCodeChallenge(text: string): boolean {
  return challenge.test(text);
}

/** A challenge as Kong keeps it: base64 of either alphabet becomes base64url without padding. */
export function normalizedChallenge(text: string): string {
  const [encoded] = /^[A-Za-z0-9+/_-]+(?==*$)/.exec(text) ?? [];
  return encoded === undefined || encoded.length % 4 === 1
    ? text
    : Buffer.from(encoded, 'base64url').toString('base64url');
}

/** `BASE64URL-ENCODE(SHA256(ASCII(code_verifier)))` (RFC 7636 §4.2). Pure: hashing reads nothing. */
export function codeChallengeOf(codeVerifier: string): string {
  return createHash('sha256').update(codeVerifier, 'utf8').digest('base64url');
}
