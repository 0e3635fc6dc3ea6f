/** Which requests can be sent to an upstream again, and what is kept of their bodies for that. */
import type { Incoming } from './incoming.ts';

const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** "Of the request methods defined by this specification, PUT, DELETE, and safe request methods are idempotent." (RFC 9110 §9.2.2) */
export function isIdempotent(method: string): boolean {
  return idempotent.has(method);
}

/** Whether the whole body can be sent again, however much of it was sent. */
export function isRepeatableBody({ wholeBody, upstreamBody }: Incoming): boolean {
  return wholeBody !== undefined || upstreamBody === 'none' || (upstreamBody !== 'chunked' && upstreamBody <= longest);
}

/** Bytes of a body that are kept until the response begins. */
const longest = 65_536;

/** The pieces of a body that were sent. */
export class SentBody {
  readonly pieces: Buffer[] = [];
  #length = 0;

  /** False: the body is too long to be kept. */
  add(piece: Buffer): boolean {
    this.#length += piece.length;
    if (this.#length > longest) return false;
    this.pieces.push(piece);
    return true;
  }
}
