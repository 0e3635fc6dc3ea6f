/** A limit for what all callers together can make the gate hold: bytes of bodies, waiting hashes, connections, streams. */
export class Budget {
  readonly limit: number;
  /** What is held now. */
  used = 0;
  /** How often something was rejected because the budget was used up. */
  rejected = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** False: the budget is used up, and nothing was taken. */
  take(amount: number): boolean {
    if (this.used + amount > this.limit) {
      this.rejected++;
      return false;
    }
    this.used += amount;
    return true;
  }

  release(amount: number): void {
    this.used -= amount;
  }
}

/** A budget for each address. */
export class BudgetPerAddress {
  readonly limit: number;
  rejected = 0;
  readonly #used = new Map<string, number>();

  constructor(limit: number) {
    this.limit = limit;
  }

  take(address: string): boolean {
    const used = this.#used.get(address) ?? 0;
    if (used >= this.limit) {
      this.rejected++;
      return false;
    }
    this.#used.set(address, used + 1);
    return true;
  }

  release(address: string): void {
    const used = this.#used.get(address) ?? 0;
    if (used > 1) this.#used.set(address, used - 1);
    else this.#used.delete(address);
  }

  /** What the address that holds most holds. */
  get used(): number {
    let most = 0;
    for (const used of this.#used.values()) most = Math.max(most, used);
    return most;
  }

  /** How many addresses hold something. */
  get addresses(): number {
    return this.#used.size;
  }
}

/** One budget for each kind of thing, shared by the whole process. */
export interface Budgets {
  /** Bytes of request bodies that are held in memory. */
  readonly bodyBytes: Budget;
  readonly connections: Budget;
  readonly connectionsPerAddress: BudgetPerAddress;
  /** HTTP/2 streams of all connections. */
  readonly streams: Budget;
  /** Hashes of secrets that wait for their turn. */
  readonly hashes: Budget;
}

export interface BudgetLimits {
  readonly bodyBytes: number;
  readonly connections: number;
  readonly connectionsPerAddress: number;
  readonly streams: number;
  readonly hashes: number;
}

/** What the settings say unless they are given. */
export const defaultBudgets: BudgetLimits = {
  bodyBytes: 64 * 1_048_576,
  connections: 16_384,
  connectionsPerAddress: 2_048,
  streams: 10_000,
  hashes: 256,
};

export function budgetsOf(limits: Partial<BudgetLimits> = {}): Budgets {
  const all = { ...defaultBudgets, ...limits };
  return {
    bodyBytes: new Budget(all.bodyBytes),
    connections: new Budget(all.connections),
    connectionsPerAddress: new BudgetPerAddress(all.connectionsPerAddress),
    streams: new Budget(all.streams),
    hashes: new Budget(all.hashes),
  };
}
