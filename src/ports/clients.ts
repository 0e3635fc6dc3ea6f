import type { Client, ClientAuthentication } from '../oauth/client.ts';
import type { MaybePromise } from './maybe-promise.ts';

export interface Clients {
  find(clientId: string): MaybePromise<Client | undefined>;
  /**
   * Whether `authentication` proves who it names. Does the same work for an unknown client as for a wrong secret, and
   * never tells why a proof failed. A public client has nothing to prove: it is told `failed` when it sent a secret.
   */
  authenticate(authentication: ClientAuthentication): MaybePromise<ClientProof>;
}

export interface ClientProof {
  /** The client that was named, proven or not; `undefined` when there is none. */
  readonly client: Client | undefined;
  /** `deferred`: too many failures lately, or too many slow hashes wait already; nothing was tried. */
  readonly proof: 'proven' | 'failed' | 'rateLimited';
  /** Seconds after which it is worth trying again, when `deferred`. */
  readonly retryAfter?: number;
}
