import type { MaybePromise } from './maybe-promise.ts';

export interface Passwords {
  /**
   * Whether `password` is that of a credential. Where there is no credential (`undefined`) the same work is done for
   * nothing. `deferred`: too many wait already, nothing was tried.
   */
  verify(
    credential: StoredPassword | undefined,
    password: string,
    username: string,
  ): MaybePromise<'proven' | 'failed' | 'rateLimited'>;
}

export interface StoredPassword {
  readonly credentialId: string;
  readonly consumerId: string;
  /** As it stands in the store: hashed by us, or as Kong has it. */
  readonly stored: string;
}
