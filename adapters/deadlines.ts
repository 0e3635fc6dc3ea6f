/**
 * Time limits of many connections with one timer. A limit is a number in the connection, and the timer checks all of them
 * at intervals, so a request costs no timer. A limit is exact to within a quarter of the shortest limit ever set here.
 */

export interface Limited {
  /** When the limit ends, on the clock of `performance.now()`; `Infinity`: never. */
  deadline: number;
  /** Its place in the list. Only `Deadlines` writes it. */
  deadlineAt: number;
  expired(): void;
}

export class Deadlines {
  readonly #limited: Limited[] = [];
  #timer: NodeJS.Timeout | undefined;
  #interval = 1000;

  add(limited: Limited): void {
    limited.deadlineAt = this.#limited.push(limited) - 1;
    this.#timer ??= this.#start();
  }

  remove(limited: Limited): void {
    const at = limited.deadlineAt;
    if (at === -1) return;
    limited.deadlineAt = -1;
    const last = this.#limited.pop()!;
    if (last !== limited) {
      this.#limited[at] = last;
      last.deadlineAt = at;
    }
    if (this.#limited.length === 0) this.#stop();
  }

  /** `milliseconds` from `now` on; 0: no limit. */
  set(limited: Limited, milliseconds: number, now: number): void {
    if (milliseconds <= 0) {
      limited.deadline = Number.POSITIVE_INFINITY;
      return;
    }
    limited.deadline = now + milliseconds;
    if (milliseconds < this.#interval * 4) this.#shortenInterval(milliseconds);
  }

  #shortenInterval(milliseconds: number): void {
    const interval = Math.max(5, Math.ceil(milliseconds / 4));
    if (interval >= this.#interval) return;
    this.#interval = interval;
    if (this.#timer === undefined) return;
    this.#stop();
    this.#timer = this.#start();
  }

  #start(): NodeJS.Timeout {
    return setInterval(() => this.#check(), this.#interval).unref();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #check(): void {
    const now = performance.now();
    // From the end: an expired one may remove itself, and the last one then moves to a place already checked.
    for (let i = this.#limited.length - 1; i >= 0; i--) {
      const limited = this.#limited[i];
      if (limited === undefined || limited.deadline > now) continue;
      limited.deadline = Number.POSITIVE_INFINITY;
      limited.expired();
    }
  }
}
