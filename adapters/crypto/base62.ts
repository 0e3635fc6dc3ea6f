/** Letters and digits from random bytes. Bytes that would make some of the 62 characters more likely are discarded. */
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const unbiased = 256 - (256 % alphabet.length);

/** `length` characters. Calls `nextByte` as often as needed. */
export function base62(length: number, nextByte: () => number): string {
  let text = '';
  while (text.length < length) {
    const byte = nextByte();
    if (byte < unbiased) text += alphabet[byte % alphabet.length];
  }
  return text;
}
