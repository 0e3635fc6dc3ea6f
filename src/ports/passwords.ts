import type { MaybePromise } from './maybe-promise.ts';
import type { Proof } from './secret-verifier.ts';

export interface Passwords {
  /** Whether `password` is the one of a credential. Without a credential it takes the same time, and fails. */
  verify(credential: StoredPassword | undefined, password: string, username: string): MaybePromise<Proof>;
}

export interface StoredPassword {
  readonly credentialId: string;
  readonly consumerId: string;
  /** As stored: hashed by the gate, or imported from Kong. */
  readonly stored: string;
}
