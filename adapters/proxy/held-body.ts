/**
 * The bytes of a request body that are held in memory, within the budget of all bodies. Small pieces are copied together: a
 * client may send a body octet by octet, and an object for each octet takes a hundred times its size.
 */
import type { Budget } from '../../src/records/budget.ts';

export class HeldBody {
  length = 0;
  readonly #budget: Budget;
  /** The first piece as it came, and from the second piece on a copy with room for more. */
  #bytes: Buffer = nothing;
  #taken = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** Holds one more piece. False: the budget is used up, and the piece is not held. */
  add(piece: Buffer): boolean {
    const length = this.length + piece.length;
    if (length > this.#bytes.length) {
      const room = this.length === 0 ? piece.length : Math.max(smallest, 2 ** Math.ceil(Math.log2(length)));
      if (!this.#budget.take(room - this.#taken)) return false;
      this.#taken = room;
      if (this.length === 0) {
        this.#bytes = piece;
        this.length = length;
        return true;
      }
      const larger = Buffer.allocUnsafeSlow(room);
      this.#bytes.copy(larger, 0, 0, this.length);
      this.#bytes = larger;
    }
    piece.copy(this.#bytes, this.length);
    this.length = length;
    return true;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.length);
  }

  /** Holds nothing any more. */
  release(): void {
    this.#budget.release(this.#taken);
    this.#taken = 0;
    this.#bytes = nothing;
    this.length = 0;
  }
}

const nothing = Buffer.alloc(0);
const smallest = 4096;
