import type { Client, ClientAuthentication } from '../oauth/client.ts';
import type { MaybePromise } from './maybe-promise.ts';
import type { Proof } from './secret-verifier.ts';

export interface Clients {
  find(clientId: string): MaybePromise<Client | undefined>;
  /**
   * Whether `authentication` proves the identity of the client that it names. An unknown client takes the same time as a
   * wrong secret, and the result does not say why a proof failed. A public client has no secret: it fails if it sends one.
   * Of credentials with several readings one that is right proves the identity; `ambiguous`: the readings name two clients.
   */
  authenticate(authentication: ClientAuthentication): MaybePromise<ClientProof>;
}

export interface ClientProof {
  /** The client that was named, whatever the result; `undefined` if there is no such client. */
  readonly client: Client | undefined;
  readonly proof: Proof | 'ambiguous';
  /** Seconds after which the client may try again, if it is rate limited. */
  readonly retryAfter?: number;
}
