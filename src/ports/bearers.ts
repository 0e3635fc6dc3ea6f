import type { Bearer } from '../oauth/tokens.ts';
import type { MaybePromise } from './maybe-promise.ts';

/** The store as a resource server needs it. What is in memory is returned without a promise. */
export interface Bearers {
  /**
   * The bearer of an access token, if its grant is not revoked and its client and the client's consumer still exist. An
   * unknown token is looked up each time. The token may have expired: the core checks the time.
   */
  find(accessToken: string): MaybePromise<Bearer | undefined>;
}
