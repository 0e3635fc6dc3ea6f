import type { MaybePromise } from './maybe-promise.ts';

/**
 * The result of an attempt to prove an identity. `rateLimited`: too many attempts with this identity failed or wait; `busy`:
 * too many wait of all identities. In both cases this one was not tried.
 */
export type Proof = 'proven' | 'failed' | 'rateLimited' | 'busy';

/** Compares secrets with slow hashes. */
export interface SecretVerifier {
  /**
   * Whether `secret` is the one that `hash` was made of. `id` names the credential; each credential has its own queue.
   * Without a `hash` it takes the same time, without the work, and fails. Several `secrets` are one attempt with one place in the queue: all
   * are compared, and one that matches is enough. `undefined` takes the time of a comparison and never matches.
   */
  verify(id: string, hash: string | undefined, ...secrets: readonly (string | undefined)[]): MaybePromise<Proof>;
}
