/**
 * Hashed client secrets: PBKDF2-SHA-512 (RFC 8018 §5.2) in PHC form, as Kong writes them with `hash_secret`.
 *
 * A hash takes milliseconds of a core. Hashes run off the event loop, at most two at a time and one for each client, with a
 * short queue, and a proven secret is remembered in memory. So a flood of wrong secrets delays only the clients that it
 * names, and not for long.
 */
import { createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { Announcement } from '../../src/ports/announcements.ts';
import type { SecretVerifier } from '../../src/ports/secret-verifier.ts';

export interface SecretHashes extends SecretVerifier {
  /** The PHC string of a secret. Waits for its turn, whatever the length of the queue. */
  hash(secret: string): Promise<string>;
  /** Subscribe this to the announcements: a proof is valid only until its credential changes. */
  apply(announcement: Announcement): void;
}

export interface HashLimits {
  /** Hashes that run at the same time. */
  readonly atOnce: number;
  /** Hashes that may wait, in total … */
  readonly waiting: number;
  /** … and for one client. */
  readonly waitingForOne: number;
  /** Clients whose proven secret is remembered. */
  readonly remembered: number;
}

const defaults: HashLimits = { atOnce: 2, waiting: 64, waitingForOne: 8, remembered: 10_000 };

/** The slow function itself, so that a test can count its calls and control when they end. */
export type SlowHash = (secret: string, salt: Uint8Array, iterations: number, length: number) => Promise<Uint8Array>;

const deriveBits = promisify(pbkdf2);
const pbkdf2Sha512: SlowHash = (secret, salt, iterations, length) =>
  deriveBits(secret, salt, iterations, length, 'sha512');

export function secretHashes(limits: Partial<HashLimits> = {}, slow: SlowHash = pbkdf2Sha512): SecretHashes {
  const { atOnce, waiting, waitingForOne, remembered } = { ...defaults, ...limits };
  const turns = turnTaking(atOnce);
  /** The secret that each client proved last, as a digest with a key that only this process knows. */
  const proven = new Map<string, Buffer>();
  const memoryKey = randomBytes(32);

  const imprint = (phc: string, secret: string): Buffer =>
    createHmac('sha256', memoryKey).update(`${phc.length}:${phc}${secret}`).digest();

  function isRemembered(clientRecordId: string, print: Buffer): boolean {
    const known = proven.get(clientRecordId);
    return known !== undefined && timingSafeEqual(known, print);
  }

  function remember(clientRecordId: string, print: Buffer): void {
    proven.delete(clientRecordId);
    proven.set(clientRecordId, print);
    if (proven.size > remembered) proven.delete(proven.keys().next().value!);
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
      if (turns.waiting >= waiting || turns.waitingFor(clientRecordId) >= waitingForOne) return 'rateLimited';
      const stored = phc === undefined ? undefined : readPhc(phc);
      return turns.take(clientRecordId, async () => {
        // An earlier request in the queue may have proven it.
        if (anyRemembered()) return 'proven';
        const { salt, iterations, length, digest } = stored ?? unmatchable;
        let matched: Buffer | undefined;
        for (const [at, secret] of secrets.entries()) {
          const made = await slow(secret ?? '', salt, iterations, length);
          if (timingSafeEqual(made, digest) && stored !== undefined) matched ??= prints[at];
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

/** A hash that no secret matches: an unknown client costs the same time as a wrong secret. */
const unmatchable: HashedSecret = {
  iterations: kongsIterations,
  length: kongsLength,
  salt: new Uint8Array(kongsSaltLength),
  digest: randomBytes(kongsLength),
};

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

// The queue ----------------------------------------------------------------------------------------------------------

interface Turns {
  readonly waiting: number;
  waitingFor(client: string): number;
  /** Runs `work` when fewer than the limit run, and none for the same client. In the order of the calls. */
  take<T>(client: string | undefined, work: () => Promise<T>): Promise<T>;
}

function turnTaking(atOnce: number): Turns {
  const queue: { readonly client: string | undefined; readonly run: () => Promise<void> }[] = [];
  const busy = new Set<string>();
  let running = 0;

  function next(): void {
    while (running < atOnce) {
      const at = queue.findIndex(({ client }) => client === undefined || !busy.has(client));
      if (at < 0) return;
      const [{ client, run }] = queue.splice(at, 1) as [(typeof queue)[number]];
      running++;
      if (client !== undefined) busy.add(client);
      void run().finally(() => {
        running--;
        if (client !== undefined) busy.delete(client);
        next();
      });
    }
  }

  return {
    get waiting() {
      return queue.length;
    },
    waitingFor: (client) => queue.reduce((count, waits) => (waits.client === client ? count + 1 : count), 0),
    take: (client, work) =>
      new Promise((resolve, reject) => {
        queue.push({ client, run: () => work().then(resolve, reject) });
        next();
      }),
  };
}
