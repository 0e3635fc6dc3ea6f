/** The bearer check, as a transport calls it. */
import { type AccessOutcome, type AccessRequest, bearerToken } from './access/bearer-token.ts';
import { drive } from './driver/drive.ts';
import { accessPerformers } from './driver/perform.ts';
import type { Bearers } from './ports/bearers.ts';
import type { Clock } from './ports/clock.ts';
import type { MaybePromise } from './ports/maybe-promise.ts';

export interface BearerCheck {
  /** Returns no promise if the token is in memory. Rejects only if the store cannot be reached: then no request is admitted. */
  check(request: Omit<AccessRequest, 'receivedAt'>): MaybePromise<AccessOutcome>;
}

export function gate(bearers: Bearers, clock: Clock): BearerCheck {
  const performers = accessPerformers(bearers);
  return {
    check: ({ accessToken, audience, requiredScope }) =>
      drive(bearerToken, { accessToken, audience, requiredScope, receivedAt: clock.now() }, performers),
  };
}
