/** Which requests can be sent to an upstream again. */
import type { Budget } from '../../src/records/budget.ts';
import { HeldBody } from './held-body.ts';
import type { Incoming } from './incoming.ts';

const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** "Of the request methods defined by this specification, PUT, DELETE, and safe request methods are idempotent." (RFC 9110 §9.2.2) */
export function isIdempotent(method: string): boolean {
  return idempotent.has(method);
}

/** Bytes of a body that are kept until the response begins, so that a retry can send them again. */
const longestRepeated = 65_536;

/** False: the body is too long to be sent again. */
export function mayFit({ wholeBody, upstreamBody }: Incoming): boolean {
  return wholeBody !== undefined || typeof upstreamBody === 'string' || upstreamBody <= longestRepeated;
}

/** The body of a request as far as it was sent. */
export class SentBody {
  readonly #held: HeldBody;

  constructor(budget: Budget) {
    this.#held = new HeldBody(budget);
  }

  get bytes(): Buffer {
    return this.#held.bytes;
  }

  /** False: the body is too long, or there is no memory left for it. Nothing is kept then. */
  add(piece: Buffer): boolean {
    if (this.#held.length + piece.length <= longestRepeated && this.#held.add(piece)) return true;
    this.#held.release();
    return false;
  }

  release(): undefined {
    this.#held.release();
  }
}
