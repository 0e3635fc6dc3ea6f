import type { MaybePromise } from './maybe-promise.ts';

/** Limits failed attempts to prove something, by the address that they come from. */
export interface Attempts {
  /**
   * Runs an attempt, unless too many from this address failed to prove the same thing. `of` names it: a client, a key.
   * Without an address nothing is limited.
   */
  limit<T>(
    from: string | undefined,
    of: string,
    attempt: () => MaybePromise<T>,
    outcomeOf: (result: T) => 'proven' | 'failed' | 'undecided',
  ): MaybePromise<T | AttemptRefused>;
}

export interface AttemptRefused {
  /** Seconds after which another attempt may be made. */
  readonly tryAgainAfter: number;
}

export function isRefused(result: unknown): result is AttemptRefused {
  return typeof result === 'object' && result !== null && 'tryAgainAfter' in result;
}
