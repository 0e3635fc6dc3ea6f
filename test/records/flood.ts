/** Fills every table that any caller can fill with a number of different tokens, client ids and addresses. */
import { secretHashes } from '../../adapters/crypto/secret-hash.ts';
import { memoryCounters } from '../../adapters/store-memory/counters.ts';
import { rememberedBearers } from '../../src/records/bearers.ts';
import { BudgetPerAddress } from '../../src/records/budget.ts';
import { registeredClients } from '../../src/records/clients.ts';
import { noticedChallenges } from '../../src/records/code-challenges.ts';
import { failedAttempts, limitedClients } from '../../src/records/failed-attempts.ts';
import { rememberedRecords } from '../../src/records/plugin-records.ts';

export interface Filled {
  readonly table: string;
  readonly entries: number;
  readonly limit: number;
}

const clock = { now: () => 1_000 };
const kind = (name: string) => ({ name }) as never;
/** Different addresses in different networks. */
const addressOf = (n: number) =>
  n % 2 === 0
    ? `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`
    : `2001:db8:${(n >> 16).toString(16)}:${(n & 65535).toString(16)}::1`;

/** `after` is called when a table has been filled. */
export async function flood(count: number, limit: number, after: (filled: Filled) => void): Promise<void> {
  const attempts = failedAttempts(clock, { most: limit });
  const store = { getBy: () => undefined };
  const hashes = secretHashes({}, async (_secret, _salt, _iterations, length) => new Uint8Array(length), {
    now: () => 0,
    pause: async () => undefined,
  });
  const clients = limitedClients(registeredClients(store, kind('oauth2_credentials'), hashes), attempts);
  await inBatches(count, async (n) => {
    const authentication = { method: 'client_secret_post', clientId: `client ${n}`, clientSecret: 'x' } as const;
    await clients.authenticate({ ...authentication, from: addressOf(n) });
  });
  after({ table: 'failed attempts (client ids and addresses)', entries: attempts.counted, limit: 2 * limit });

  const grant = (token: string) => ({ grantId: `grant of ${token}`, credentialId: 'c' }) as never;
  const bearers = rememberedBearers(
    {
      clock,
      grants: { byAccessToken: (token) => (token.startsWith('unknown') ? undefined : grant(token)) },
      store: { get: (_kind, id) => ({ id, consumer: { id: 'owner' } }) as never },
    },
    { clients: kind('oauth2_credentials'), consumers: kind('consumers') },
    limit,
  );
  await inBatches(count, (n) => bearers.find(`unknown ${n}`));
  after({ table: 'unknown access tokens', entries: bearers.remembered, limit: 0 });
  await inBatches(count, (n) => bearers.find(`token ${n}`));
  after({ table: 'access tokens', entries: bearers.remembered, limit });

  const records = rememberedRecords(
    {
      get: (_kind, id) => ({ id }),
      getBy: (_kind, _field, value) => (value.startsWith('unknown') ? undefined : { id: value }),
      page: () => ({ rows: [], next: undefined }) as never,
    },
    kind,
    limit,
  );
  await inBatches(count, (n) => records.findBy('keyauth_credentials', 'key', `unknown ${n}`));
  after({ table: 'unknown keys', entries: records.remembered, limit: 0 });
  await inBatches(count, (n) => records.findBy('keyauth_credentials', 'key', `key ${n}`));
  after({ table: 'keys and other credentials', entries: records.remembered, limit });

  const counters = memoryCounters(clock, limit);
  const windows = [{ name: 'minute', from: 0, until: 60_000, limit: 5 }];
  await inBatches(count, (n) => counters.count(`${addressOf(n)} ${'long '.repeat(20)}`, windows));
  after({ table: 'counters of rate limits', entries: counters.size, limit });

  const challenges = noticedChallenges(
    { save: () => undefined, redeem: () => ({ outcome: 'unknown' }) } as never,
    () => undefined,
    limit,
  );
  await inBatches(count, (n) =>
    challenges.save('code', { credentialId: 'c', codeChallenge: `challenge ${n}` } as never),
  );
  after({ table: 'code challenges', entries: challenges.remembered, limit });

  const connections = new BudgetPerAddress(10);
  await inBatches(count, (n) => {
    if (connections.take(addressOf(n))) connections.release(addressOf(n));
  });
  after({ table: 'addresses of closed connections', entries: connections.addresses, limit: 0 });
}

async function inBatches(count: number, call: (n: number) => unknown): Promise<void> {
  for (let from = 0; from < count; from += 1000) {
    await Promise.all(Array.from({ length: Math.min(1000, count - from) }, (_, n) => call(from + n)));
  }
}
