/** Message authentication (RFC 2104) and digests, as values. */
import { createHash, createHmac } from 'node:crypto';
import { sameOctets } from './same-secret.ts';

export type HashName = 'sha1' | 'sha256' | 'sha384' | 'sha512';

/** Whether `presented`, in base64, is the HMAC of a text; in a time that does not depend on where it differs. */
export function isHmac(presented: string, hash: HashName, key: string, text: string): boolean {
  const made = createHmac(hash, Buffer.from(key, 'utf8')).update(Buffer.from(text, 'latin1')).digest();
  return sameOctets(Buffer.from(presented, 'base64'), made);
}

export function sha256Of(octets: Uint8Array): string {
  return createHash('sha256').update(octets).digest('base64');
}
