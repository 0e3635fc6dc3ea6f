/**
 * Limits failed attempts to prove an identity (RFC 6749 §2.3.1: "the authorization server MUST protect any endpoint
 * utilizing it against brute force attacks").
 *
 * Failures are counted for pairs of an address and a client; never by client alone, so that an attacker cannot lock a client
 * out from another address; and never so that failures of one client limit another one at the same address. Where an address
 * fails with very many clients, each of these has one attempt instead of several. Known and unknown clients count alike.
 */
import { createHash } from 'node:crypto';
import { hostNetwork, parseIpAddress } from '../address/ip-address.ts';
import type { EpochMilliseconds } from '../oauth/client.ts';
import { readingsOf } from '../oauth/client.ts';
import { type AttemptRefused, type Attempts, isRefused } from '../ports/attempts.ts';
import type { Clients } from '../ports/clients.ts';
import type { Clock } from '../ports/clock.ts';
import { isPending, type MaybePromise, whenThere } from '../ports/maybe-promise.ts';
import { oldestKey, orderedMap } from './ordered-map.ts';

export interface FailureLimits {
  /** Failures of one client from one address before it is rate limited. */
  readonly perClient: number;
  /** Failures from one address, of any clients, after which a client is rate limited at its first failure. */
  readonly perAddress: number;
  /** Milliseconds after which a count starts again at 0. */
  readonly window: number;
  /** How many counts are kept. Those with the fewest failures are evicted first. */
  readonly most: number;
}

export interface FailedAttempts extends Attempts {
  /** How many counts are kept at present. */
  readonly counted: number;
}

const failureLimits: FailureLimits = { perClient: 10, perAddress: 100, window: 60_000, most: 100_000 };
/** Attempts with the same pair that wait for earlier ones to end. */
const mostWaiting = 1000;

export function failedAttempts(clock: Clock, limits: Partial<FailureLimits> = {}): FailedAttempts {
  const { perClient, perAddress, window, most } = { ...failureLimits, ...limits };
  const pairs = failureCounts(most, perClient, window);
  const addresses = failureCounts(most, perAddress, window);
  /** Attempts in progress: together with the failures there are never more than the limit. */
  const running = new Map<string, { count: number; readonly waiting: (() => void)[] }>();

  function refusal(pair: string, address: string): AttemptRefused | undefined {
    const now = clock.now();
    const count = pairs.get(pair, now);
    if (count === undefined || count.failures < mostFailures(address, now)) return undefined;
    return { tryAgainAfter: Math.max(1, Math.ceil((count.until - now) / 1000)) };
  }

  const mostFailures = (address: string, now: EpochMilliseconds): number =>
    (addresses.get(address, now)?.failures ?? 0) >= perAddress ? 1 : perClient;

  function begin<T>(pair: string, address: string, attempt: () => MaybePromise<T>): MaybePromise<T | AttemptRefused> {
    const refused = refusal(pair, address);
    if (refused !== undefined) return refused;
    const now = clock.now();
    const here = running.get(pair);
    const left = mostFailures(address, now) - (pairs.get(pair, now)?.failures ?? 0);
    if (here === undefined || here.count < left) return attempt();
    if (here.waiting.length >= mostWaiting) return { tryAgainAfter: 1 };
    const turn = Promise.withResolvers<void>();
    here.waiting.push(turn.resolve);
    return turn.promise.then(() => begin(pair, address, attempt));
  }

  /** Counts an attempt as running until it ends. */
  function counted<T>(pair: string, attempt: () => MaybePromise<T>): MaybePromise<T> {
    const result = attempt();
    if (!isPending(result)) return result;
    const here = running.get(pair) ?? { count: 0, waiting: [] };
    running.set(pair, here);
    here.count++;
    const end = (): void => {
      here.count--;
      const waiting = here.waiting.splice(0);
      if (here.count === 0) running.delete(pair);
      for (const proceed of waiting) proceed();
    };
    return result.then(
      (value) => {
        end();
        return value;
      },
      (error: unknown) => {
        end();
        throw error;
      },
    );
  }

  return {
    limit(from, of, attempt, outcomeOf) {
      if (from === undefined) return attempt();
      const parsed = parseIpAddress(from);
      const address = parsed === undefined ? from : hostNetwork(parsed);
      // A digest, so that a long name takes no more memory than a short one.
      const pair = createHash('sha256').update(`${address} ${of}`, 'utf8').digest('base64url');
      const noted = () =>
        whenThere(attempt(), (result) => {
          const outcome = outcomeOf(result);
          const now = clock.now();
          if (outcome === 'failed') {
            pairs.add(pair, now);
            addresses.add(address, now);
          } else if (outcome === 'proven') pairs.delete(pair);
          return result;
        });
      return begin(pair, address, () => counted(pair, noted));
    },
    get counted() {
      return pairs.size + addresses.size;
    },
  };
}

interface FailureCount {
  readonly failures: number;
  readonly until: EpochMilliseconds;
}

/**
 * Counts by key, at most `most` of them. They are kept in levels by the number of failures, up to `top`. The oldest of the
 * lowest level is evicted first, so that failures with many other keys do not remove a high count.
 */
function failureCounts(most: number, top: number, window: number) {
  const counts = new Map<string, FailureCount>();
  const levels = Array.from({ length: top + 1 }, () => orderedMap<string, true>());
  const levelOf = ({ failures }: FailureCount) => levels[Math.min(failures, top)]!;

  function remove(key: string): void {
    const count = counts.get(key);
    if (count === undefined) return;
    counts.delete(key);
    levelOf(count).delete(key);
  }

  function get(key: string, now: EpochMilliseconds): FailureCount | undefined {
    const count = counts.get(key);
    if (count === undefined || count.until > now) return count;
    remove(key);
    return undefined;
  }

  return {
    get,
    add(key: string, now: EpochMilliseconds): void {
      const before = get(key, now);
      remove(key);
      if (counts.size >= most) remove(oldestKey(levels.find(({ size }) => size > 0)!)!);
      const count = { failures: (before?.failures ?? 0) + 1, until: before?.until ?? now + window };
      counts.set(key, count);
      levelOf(count).set(key, true);
    },
    delete: remove,
    get size() {
      return counts.size;
    },
  };
}

/** Rate limits clients that failed too often. */
export function limitedClients(clients: Clients, attempts: Attempts): Clients {
  return {
    find: (clientId) => clients.find(clientId),
    authenticate(authentication) {
      // Form-decoded, so that a client has one count for all encodings of its id.
      const of = `client ${readingsOf(authentication).at(-1)?.clientId ?? ''}`;
      const attempt = () => clients.authenticate(authentication);
      return whenThere(
        attempts.limit(authentication.from, of, attempt, ({ proof }) =>
          proof === 'failed' || proof === 'ambiguous' ? 'failed' : proof === 'proven' ? 'proven' : 'undecided',
        ),
        (result) =>
          isRefused(result) ? { client: undefined, proof: 'rateLimited', retryAfter: result.tryAgainAfter } : result,
      );
    },
  };
}
