/**
 * Finds the target of a key by weighted rendezvous hashing: each target gets a score from the key and its own name, and the
 * highest wins. Shares follow the weights exactly, and adding or removing a target moves only that target's keys; a ring of
 * points does both only approximately. Every gate makes the same choice.
 */

export interface Contender {
  /** MurmurHash3 of its name. */
  readonly hash: number;
  readonly weight: number;
}

/** The index of the winner among those that may win; -1 if there is none. */
export function winnerOf(key: string, contenders: readonly Contender[], mayWin: (at: number) => boolean): number {
  const keyHash = murmur3(key);
  let winner = -1;
  let highest = 0;
  for (let at = 0; at < contenders.length; at++) {
    const { hash, weight } = contenders[at]!;
    if (weight <= 0 || !mayWin(at)) continue;
    const drawn = (mixed(Math.imul(keyHash, 0x9e3779b1) ^ hash) + 0.5) / 0x1_0000_0000;
    // The smallest of exponential variables with the weights as rates: each wins with the share of its weight.
    const score = -weight / Math.log(drawn);
    if (score > highest) {
      highest = score;
      winner = at;
    }
  }
  return winner;
}

/** MurmurHash3 (32 bits) of the text's UTF-16 code units. */
export function murmur3(text: string): number {
  let hash = 0x2f6e2b1;
  for (let i = 0; i < text.length; i++) {
    let block = Math.imul(text.charCodeAt(i), 0xcc9e2d51);
    block = (block << 15) | (block >>> 17);
    hash ^= Math.imul(block, 0x1b873593);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  return mixed(hash ^ text.length);
}

/** The final mix: each bit of the input changes half of the bits of the output. */
function mixed(bits: number): number {
  let hash = bits;
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return hash >>> 0;
}
