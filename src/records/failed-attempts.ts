/**
 * How many client authentications have failed lately, by who tried and from where (RFC 6749 §2.3.1: "the authorization
 * server MUST protect any endpoint utilizing it against brute force attacks").
 *
 * A count belongs to a client *and* an address, or to an address alone; never to a client alone, so that nobody can lock
 * a client out from elsewhere.
 */

import { hostNetwork, parseIpAddress } from '../address/ip-address.ts';
import type { Clients } from '../ports/clients.ts';
import type { Clock } from '../ports/clock.ts';
import { whenThere } from '../ports/maybe-promise.ts';

export interface FailureLimits {
  /** Failures for one client from one address before it is put off. */
  readonly perClient: number;
  /** Failures from one address, whatever the client. */
  readonly perAddress: number;
  /** Milliseconds after which a count begins anew. */
  readonly window: number;
  /** How many counts are kept; the oldest is forgotten first. */
  readonly most: number;
}

export const failureLimits: FailureLimits = { perClient: 10, perAddress: 100, window: 60_000, most: 20_000 };

interface FailureCount {
  failures: number;
  readonly until: number;
}

/** The clients, with those put off who failed too often from where they call. */
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
      const pair = `${address} ${authentication.clientId ?? ''}`;
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
        if (proof.proof === 'failed') {
          note(pair, now);
          note(address, now);
        } else if (proof.proof === 'proven') counts.delete(pair);
        return proof;
      });
    },
  };
}
