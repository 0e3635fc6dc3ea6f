import type { Bearer } from '../oauth/tokens.ts';
import type { MaybePromise } from './maybe-promise.ts';

/** The resource server's side of the store. Answers at once whatever it has in memory. */
export interface Bearers {
  /**
   * Whom an access token stands for: its grant not ended, its client and the client's consumer still registered.
   * Unknown tokens are looked up each time. Expired ones may still be told: the core judges the time.
   */
  find(accessToken: string): MaybePromise<Bearer | undefined>;
}
