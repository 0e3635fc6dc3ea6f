/** The driving port of the resource server's side: may this request pass? */
import { type AccessOutcome, type AccessRequest, bearerToken } from './access/bearer-token.ts';
import { drive } from './driver/drive.ts';
import { accessPerformers } from './driver/perform.ts';
import type { Bearers } from './ports/bearers.ts';
import type { Clock } from './ports/clock.ts';
import type { MaybePromise } from './ports/maybe-promise.ts';

export interface BearerCheck {
  /** Answers at once when the token is in memory. Rejects only when the store cannot be asked: then nobody may pass. */
  check(request: Omit<AccessRequest, 'receivedAt'>): MaybePromise<AccessOutcome>;
}

export function gate(bearers: Bearers, clock: Clock): BearerCheck {
  const performers = accessPerformers(bearers);
  return {
    check: ({ accessToken, audience, requiredScope }) =>
      drive(bearerToken, { accessToken, audience, requiredScope, receivedAt: clock.now() }, performers),
  };
}
