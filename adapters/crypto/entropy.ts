/**
 * Random values from the generator of the operating system. Bytes are read ahead into a pool, because each call costs more
 * than the bytes do; used bytes are overwritten.
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
