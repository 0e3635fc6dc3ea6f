/**
 * Hashed client secrets: PBKDF2-SHA-512 (RFC 8018 §5.2) in PHC form, as Kong writes them with `hash_secret`.
 *
 * A hash takes milliseconds of a core. Hashes run off the event loop, at most two at a time and one for each client, with a
 * short queue, and a proven secret is remembered in memory. So a flood of wrong secrets delays only the clients that it
 * names, and not for long.
 *
 * Where there is no hash to compare with (an unknown client, or a plain secret), the attempt waits for its turn in the same
 * queue and then for the time that a hash takes at present. It uses no core and no place in the queue: a flood of unknown
 * clients delays no known one, and the time of a failure does not tell them apart.
 */
import { createHmac, pbkdf2, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Announcement } from '../../src/ports/announcements.ts';
import type { Proof, SecretVerifier } from '../../src/ports/secret-verifier.ts';
import { type Budget, budgetsOf } from '../../src/records/budget.ts';
import { oldestKey, orderedMap } from '../../src/records/ordered-map.ts';

export interface SecretHashes extends SecretVerifier {
  /** The PHC string of a secret. Waits for its turn, whatever the length of the queue. */
  hash(secret: string): Promise<string>;
  /** Subscribe this to the announcements: a proof is valid only until its credential changes. */
  apply(announcement: Announcement): void;
}

export interface HashLimits {
  /** Hashes that run at the same time. */
  readonly atOnce: number;
  /** Hashes that may wait for one client. */
  readonly waitingForOne: number;
  /** Clients whose proven secret is remembered. */
  readonly remembered: number;
}

const defaults: HashLimits = { atOnce: 2, waitingForOne: 8, remembered: 10_000 };

/** The slow function itself, so that a test can count its calls and control when they end. */
export type SlowHash = (secret: string, salt: Uint8Array, iterations: number, length: number) => Promise<Uint8Array>;

const deriveBits = promisify(pbkdf2);
const pbkdf2Sha512: SlowHash = (secret, salt, iterations, length) =>
  deriveBits(secret, salt, iterations, length, 'sha512');

/** How time passes for an attempt without a hash. */
export interface Timing {
  /** Milliseconds, in fractions. */
  now(): number;
  pause(milliseconds: number): Promise<unknown>;
}

const realTiming: Timing = { now: () => performance.now(), pause: (milliseconds) => setTimeout(milliseconds) };

export function secretHashes(
  limits: Partial<HashLimits> & { readonly budget?: Budget } = {},
  slowHash: SlowHash = pbkdf2Sha512,
  timing: Timing = realTiming,
): SecretHashes {
  const { atOnce, waitingForOne, remembered, budget = budgetsOf().hashes } = { ...defaults, ...limits };
  const turns = turnTaking(atOnce, budget);
  const { slow, takeTime } = measured(slowHash, timing);
  /** The secret that each client proved last, as a digest with a key that only this process knows. */
  const proven = orderedMap<string, Buffer>();
  const memoryKey = randomBytes(32);

  const imprint = (phc: string, secret: string): Buffer =>
    createHmac('sha256', memoryKey).update(`${phc.length}:${phc}${secret}`).digest();

  function isRemembered(clientRecordId: string, print: Buffer): boolean {
    const known = proven.get(clientRecordId);
    return known !== undefined && timingSafeEqual(known, print);
  }

  function remember(clientRecordId: string, print: Buffer): void {
    proven.set(clientRecordId, print);
    if (proven.size > remembered) proven.delete(oldestKey(proven)!);
  }

  return {
    async hash(secret) {
      const salt = randomBytes(kongsSaltLength);
      const digest = await turns.take(undefined, () => slow(secret, salt, kongsIterations, kongsLength));
      return printPhc({ iterations: kongsIterations, length: kongsLength, salt, digest });
    },

    verify(clientRecordId, phc, ...secrets) {
      const prints = secrets.map((secret) => (secret === undefined ? undefined : imprint(phc ?? '', secret)));
      const anyRemembered = (): boolean =>
        prints.some((print) => print !== undefined && isRemembered(clientRecordId, print));
      if (anyRemembered()) return 'proven';
      if (turns.waitingFor(clientRecordId) >= waitingForOne) return 'rateLimited';
      const stored = phc === undefined ? undefined : readPhc(phc);
      if (turns.isFull()) return 'busy';
      if (stored === undefined) {
        return turns.wait<Proof>(clientRecordId, async () => {
          for (let n = 0; n < secrets.length; n++) await takeTime();
          return 'failed';
        });
      }
      return turns.take<Proof>(clientRecordId, async () => {
        // An earlier request in the queue may have proven it.
        if (anyRemembered()) return 'proven';
        const { salt, iterations, length, digest } = stored;
        let matched: Buffer | undefined;
        for (const [at, secret] of secrets.entries()) {
          const made = await slow(secret ?? '', salt, iterations, length);
          if (timingSafeEqual(made, digest)) matched ??= prints[at];
        }
        if (matched === undefined) return 'failed';
        remember(clientRecordId, matched);
        return 'proven';
      });
    },

    apply(announcement) {
      if (announcement.announces === 'everythingChanged') proven.clear();
      else if (announcement.announces === 'entityChanged') proven.delete(announcement.id);
    },
  };
}

// The PHC form: $pbkdf2-sha512$i=10000,l=32$salt$digest, in base64 without padding ------------------------------------

const kongsIterations = 10_000;
const kongsLength = 32;
const kongsSaltLength = 16;

export interface HashedSecret {
  readonly iterations: number;
  readonly length: number;
  readonly salt: Uint8Array;
  readonly digest: Uint8Array;
}

const phcForm = /^\$pbkdf2-sha512\$i=([1-9]\d{0,6}),l=([1-9]\d{0,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/**
 * The parts of a hashed secret; `undefined` for any other text. The limits are a million iterations and 512 bytes: with
 * more, one imported row could occupy a core.
 */
export function readPhc(text: string): HashedSecret | undefined {
  const [, i, l, salt, digest] = phcForm.exec(text) ?? [];
  if (i === undefined || l === undefined || salt === undefined || digest === undefined) return undefined;
  const read: HashedSecret = {
    iterations: Number(i),
    length: Number(l),
    salt: Buffer.from(salt, 'base64'),
    digest: Buffer.from(digest, 'base64'),
  };
  const plausible = read.iterations <= 1_000_000 && read.length <= 512 && read.digest.length === read.length;
  return plausible ? read : undefined;
}

function printPhc({ iterations, length, salt, digest }: HashedSecret): string {
  return `$pbkdf2-sha512$i=${iterations},l=${length}$${unpadded(salt)}$${unpadded(digest)}`;
}

function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}

// The time of a hash -------------------------------------------------------------------------------------------------

/** How many durations are remembered. */
const samples = 32;
/** Milliseconds after which the time is measured again. */
const measuredAgainAfter = 1000;

/** Measures how long hashes take, and lets the same time pass without one. */
function measured(hash: SlowHash, { now, pause }: Timing): { slow: SlowHash; takeTime(): Promise<void> } {
  const durations: number[] = [];
  let measuredAt = Number.NEGATIVE_INFINITY;
  let measuring: Promise<unknown> | undefined;

  const slow: SlowHash = async (...of) => {
    const began = now();
    const made = await hash(...of);
    measuredAt = now();
    durations.push(measuredAt - began);
    if (durations.length > samples) durations.shift();
    return made;
  };

  return {
    slow,
    async takeTime() {
      const began = now();
      // One hash a second at most, and one at a time.
      if (measuring === undefined && began - measuredAt > measuredAgainAfter) {
        measuring = slow('', new Uint8Array(kongsSaltLength), kongsIterations, kongsLength)
          .catch(() => undefined)
          .finally(() => {
            measuring = undefined;
          });
      }
      if (durations.length === 0) await measuring;
      else await pause(durations[randomInt(durations.length)]!);
    },
  };
}

// The queue ----------------------------------------------------------------------------------------------------------

interface Turns {
  /** Whether as many wait as may. */
  isFull(): boolean;
  waitingFor(client: string): number;
  /** Runs `work` when fewer than the limit run, and none for the same client. In the order of the calls. */
  take<T>(client: string | undefined, work: () => Promise<T>): Promise<T>;
  /** The same for `work` that only takes time: nothing else has to wait for it but work for the same client. */
  wait<T>(client: string, work: () => Promise<T>): Promise<T>;
}

interface Turn {
  readonly client: string | undefined;
  /** Whether it occupies one of the places. */
  readonly occupies: boolean;
  readonly run: () => Promise<void>;
}

function turnTaking(atOnce: number, budget: Budget): Turns {
  const queue: Turn[] = [];
  const waiting = new Map<string, number>();
  const busy = new Set<string>();
  let running = 0;

  const count = (client: string | undefined, by: 1 | -1): void => {
    if (client === undefined) return;
    const now = (waiting.get(client) ?? 0) + by;
    if (now === 0) waiting.delete(client);
    else waiting.set(client, now);
  };

  function next(): void {
    while (running < atOnce) {
      const at = queue.findIndex(({ client }) => client === undefined || !busy.has(client));
      if (at < 0) return;
      const [{ client, occupies, run }] = queue.splice(at, 1) as [Turn];
      count(client, -1);
      if (occupies) {
        running++;
        budget.release(1);
      }
      if (client !== undefined) busy.add(client);
      void run().finally(() => {
        if (occupies) running--;
        if (client !== undefined) busy.delete(client);
        next();
      });
    }
  }

  function enter<T>(client: string | undefined, occupies: boolean, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      count(client, 1);
      if (occupies) budget.used++;
      queue.push({ client, occupies, run: () => work().then(resolve, reject) });
      next();
    });
  }

  return {
    isFull() {
      if (budget.used < budget.limit) return false;
      budget.rejected++;
      return true;
    },
    waitingFor: (client) => waiting.get(client) ?? 0,
    take: (client, work) => enter(client, true, work),
    wait: (client, work) => enter(client, false, work),
  };
}
