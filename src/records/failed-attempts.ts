/**
 * Limits failed client authentications (RFC 6749 §2.3.1: "the authorization server MUST protect any endpoint utilizing it
 * against brute force attacks").
 *
 * Failures are counted by client and address, and by address; never by client alone, so that an attacker cannot lock a
 * client out from another address.
 */

import { hostNetwork, parseIpAddress } from '../address/ip-address.ts';
import { readingsOf } from '../oauth/client.ts';
import type { Clients } from '../ports/clients.ts';
import type { Clock } from '../ports/clock.ts';
import { whenThere } from '../ports/maybe-promise.ts';

export interface FailureLimits {
  /** Failures of one client from one address before it is rate limited. */
  readonly perClient: number;
  /** Failures from one address, of any clients. */
  readonly perAddress: number;
  /** Milliseconds after which a count starts again at 0. */
  readonly window: number;
  /** How many counts are kept; the oldest is evicted first. */
  readonly most: number;
}

const failureLimits: FailureLimits = { perClient: 10, perAddress: 100, window: 60_000, most: 20_000 };

interface FailureCount {
  failures: number;
  readonly until: number;
}

/** Rate limits clients that failed too often. */
export function limitedClients(clients: Clients, clock: Clock, limits: FailureLimits = failureLimits): Clients {
  const counts = new Map<string, FailureCount>();

  const countOf = (key: string, now: number): FailureCount | undefined => {
    const count = counts.get(key);
    if (count === undefined || count.until > now) return count;
    counts.delete(key);
    return undefined;
  };
  const note = (key: string, now: number): void => {
    const count = countOf(key, now);
    if (count !== undefined) {
      count.failures += 1;
      return;
    }
    if (counts.size >= limits.most) counts.delete(counts.keys().next().value!);
    counts.set(key, { failures: 1, until: now + limits.window });
  };

  return {
    find: (clientId) => clients.find(clientId),
    authenticate(authentication) {
      if (authentication.from === undefined) return clients.authenticate(authentication);
      const from = parseIpAddress(authentication.from);
      const address = from === undefined ? authentication.from : hostNetwork(from);
      // Form-decoded, so that a client has one count for all encodings of its id.
      const pair = `${address} ${readingsOf(authentication).at(-1)?.clientId ?? ''}`;
      const now = clock.now();
      const ofPair = countOf(pair, now);
      const ofAddress = countOf(address, now);
      const full =
        ofPair !== undefined && ofPair.failures >= limits.perClient
          ? ofPair
          : ofAddress !== undefined && ofAddress.failures >= limits.perAddress
            ? ofAddress
            : undefined;
      if (full !== undefined) {
        return { client: undefined, proof: 'rateLimited', retryAfter: Math.ceil((full.until - now) / 1000) };
      }
      return whenThere(clients.authenticate(authentication), (proof) => {
        if (proof.proof === 'failed' || proof.proof === 'ambiguous') {
          note(pair, now);
          note(address, now);
        } else if (proof.proof === 'proven') counts.delete(pair);
        return proof;
      });
    },
  };
}
