/** Letters and digits from random bytes, without bias: a byte that would favour some of the 62 is thrown away. */
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const unbiased = 256 - (256 % alphabet.length);

/** `length` characters, from as many bytes as it takes. */
export function base62(length: number, nextByte: () => number): string {
  let text = '';
  while (text.length < length) {
    const byte = nextByte();
    if (byte < unbiased) text += alphabet[byte % alphabet.length];
  }
  return text;
}
