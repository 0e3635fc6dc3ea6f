/**
 * Reads a chunked body (RFC 9112 §7.1), in pieces of any size.
 *
 *   size line ──▶ data ──▶ CRLF ──▶ size line …   the size 0 ──▶ trailer lines ──▶ done
 *
 * Strict: a size is hexadecimal digits only, and lines end with CRLF. Anything else is malformed.
 */

export interface ChunkReceiver {
  /** Data of the body: `bytes` from `from` to `to`, valid only until the call returns. */
  chunk(bytes: Buffer, from: number, to: number): void;
}

export class ChunkedReader {
  done = false;
  /** The trailer lines, each with its CRLF, as latin1. */
  trailers = '';
  #state = sizeDigits;
  #size = 0;
  #digits = 0;
  #line = 0;

  /** The next body begins. */
  reset(): void {
    this.done = false;
    this.trailers = '';
    this.#state = sizeDigits;
    this.#size = 0;
    this.#digits = 0;
    this.#line = 0;
  }

  /** Reads `bytes` from `from` to `to`. Returns where it stopped: after the body when `done`; -1: malformed. */
  read(bytes: Buffer, from: number, to: number, receiver: ChunkReceiver): number {
    let at = from;
    while (at < to) {
      if (this.#state === data) {
        const end = Math.min(to, at + this.#size);
        this.#size -= end - at;
        if (this.#size === 0) this.#state = dataReturn;
        receiver.chunk(bytes, at, end);
        at = end;
        continue;
      }
      const byte = bytes[at++]!;
      switch (this.#state) {
        case sizeDigits: {
          const digit = hex(byte);
          if (digit >= 0) {
            // 12 digits are 256 TiB: a longer size is an attempt at an integer overflow.
            if (++this.#digits > 12) return -1;
            this.#size = this.#size * 16 + digit;
          } else if (this.#digits === 0) return -1;
          else if (byte === 0x0d) this.#state = sizeFeed;
          else if (byte === 0x3b || byte === 0x20 || byte === 0x09) this.#state = extension;
          else return -1;
          break;
        }
        case extension:
          // "A recipient MUST ignore unrecognized chunk extensions." (RFC 9112 §7.1.1) Within limits.
          if (byte === 0x0d) this.#state = sizeFeed;
          else if (byte === 0x0a || ++this.#line > longestExtension) return -1;
          break;
        case sizeFeed:
          if (byte !== 0x0a) return -1;
          this.#state = this.#size === 0 ? lineStart : data;
          this.#digits = 0;
          this.#line = 0;
          break;
        case dataReturn:
          if (byte !== 0x0d) return -1;
          this.#state = dataFeed;
          break;
        case dataFeed:
          if (byte !== 0x0a) return -1;
          this.#state = sizeDigits;
          break;
        case lineStart:
          if (byte === 0x0a) return -1;
          if (byte === 0x0d) this.#state = lastFeed;
          else {
            this.trailers += String.fromCharCode(byte);
            this.#state = trailer;
          }
          break;
        case trailer:
          if (this.trailers.length >= longestTrailers) return -1;
          this.trailers += String.fromCharCode(byte);
          if (byte === 0x0a) this.#state = lineStart;
          break;
        default:
          if (byte !== 0x0a) return -1;
          this.done = true;
          return at;
      }
    }
    return at;
  }
}

const longestExtension = 4096;
const longestTrailers = 16_384;

const sizeDigits = 0;
const extension = 1;
const sizeFeed = 2;
const data = 3;
const dataReturn = 4;
const dataFeed = 5;
const lineStart = 6;
const trailer = 7;
const lastFeed = 8;

function hex(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
