/**
 * Successors of refresh tokens, derived from the token itself and a key. A client that repeats a refresh within the grace
 * period receives the same pair again, and no token has to be stored in plain text for that.
 */
import { createHmac } from 'node:crypto';
import type { Successors } from '../../src/ports/entropy.ts';
import type { Vault } from '../../src/ports/vault.ts';
import { base62 } from './base62.ts';

export function derivedSuccessors(vault: Pick<Vault, 'derive'>): Successors {
  const key = vault.derive('successors of refresh tokens');
  return {
    successorOf: (refreshToken) => ({
      accessToken: base62(32, stream(key, `access token ${refreshToken}`)),
      refreshToken: base62(32, stream(key, `refresh token ${refreshToken}`)),
    }),
  };
}

/** An endless sequence of bytes: HMAC-SHA-512 over the label and a counter. */
function stream(key: Uint8Array, label: string): () => number {
  let block = Buffer.alloc(0);
  let at = 0;
  let counter = 0;
  return () => {
    if (at === block.length) {
      block = createHmac('sha512', key).update(`${counter++} ${label}`).digest();
      at = 0;
    }
    return block[at++]!;
  };
}
