/**
 * Chance, from the operating system's generator by way of Node's. Bytes are drawn in a pool, since each call into the
 * generator costs more than the bytes; those used are wiped.
 */
import { randomFillSync, randomUUID } from 'node:crypto';
import type { Entropy } from '../../src/ports/entropy.ts';
import { base62 } from './base62.ts';

const tokenLength = 32;

export function systemEntropy(fill: (bytes: Uint8Array) => void = (bytes) => void randomFillSync(bytes)): Entropy {
  const pool = new Uint8Array(4096);
  let used = pool.length;

  function nextByte(): number {
    if (used === pool.length) {
      fill(pool);
      used = 0;
    }
    const byte = pool[used]!;
    pool[used++] = 0;
    return byte;
  }

  return {
    token: () => base62(tokenLength, nextByte),
    uuid: () => randomUUID(),
  };
}
