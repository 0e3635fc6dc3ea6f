/**
 * A process that writes to a store until it is killed. It prints each step before it (`+ opened 7`) and after its
 * acknowledgement (`= opened 7`). All names and tokens are derived from the numbers.
 */
import { writeSync } from 'node:fs';
import { openVault } from '../../adapters/crypto/vault.ts';
import { openLmdbStore } from '../../adapters/store-lmdb/store.ts';
import type { AuthorizationCode, Grant } from '../../src/oauth/tokens.ts';
import type { RedemptionAttempt } from '../../src/ports/authorization-codes.ts';
import type { Entity, EntityKind } from '../../src/ports/entity-store.ts';
import type { RotationAttempt } from '../../src/ports/grants.ts';
import { noon } from '../contract/clock.ts';
import { testKey } from './directory.ts';

export const steps = [
  'saved',
  'redeemed',
  'opened',
  'rotated',
  'revoked',
  'consumer',
  'credential',
  'removed',
] as const;
export type Step = (typeof steps)[number];

export const consumers: EntityKind = {
  name: 'consumers',
  unique: ['username'],
  uniqueTogether: [],
  foreign: [],
  encrypted: () => [],
};
export const credentials: EntityKind = {
  name: 'oauth2_credentials',
  unique: ['client_id'],
  uniqueTogether: [],
  foreign: [{ field: 'consumer', kind: 'consumers', onDelete: 'cascade' }],
  encrypted: () => ['client_secret'],
};

const year = 365 * 86_400_000;

/** The rows and tokens of one number. */
export function world(n: number) {
  const first = { accessToken: `access-${n}`, refreshToken: `refresh-${n}` };
  const next = { accessToken: `next-access-${n}`, refreshToken: `next-refresh-${n}` };
  const credentialId = `credential-${n}`;
  const record: AuthorizationCode = {
    grantId: `grant-${n}`,
    credentialId,
    boundTo: 'global',
    serviceId: undefined,
    subject: 'ada',
    scope: ['email'],
    redirectUri: 'https://client.example/cb',
    redirectUriSent: false,
    codeChallenge: undefined,
    issuedAt: noon,
    expiresAt: noon + year,
  };
  const redemption: RedemptionAttempt = {
    attempt: 'of the writer',
    at: noon,
    credentialId,
    boundTo: 'global',
    redirectUri: undefined,
    redirectUriRequired: false,
    codeChallenge: undefined,
    unchallenged: 'accept',
    ownMismatch: 'keeps',
  };
  const grant: Grant = {
    grantId: `grant-${n}`,
    credentialId,
    subject: 'ada',
    scope: ['email'],
    tokenStorage: 'encrypted',
    grantedAt: noon,
    generation: 1,
    boundTo: 'global',
    serviceId: undefined,
    accessScope: ['email'],
    issuedAt: noon,
    expiresAt: noon + year,
    refreshExpiresAt: noon + year,
  };
  const rotation: RotationAttempt = {
    attempt: 'of the writer',
    at: noon,
    credentialId,
    from: 'global',
    boundTo: 'global',
    serviceId: undefined,
    tokens: next,
    accessScope: ['email'],
    expiresAt: noon + year,
    refreshExpiresAt: noon + year,
    grace: 0,
  };
  const consumer: Entity = { id: `consumer-${n}`, username: `ada ${n}`, tags: ['people'] };
  const credential: Entity = {
    id: credentialId,
    client_id: `client ${n}`,
    client_secret: `secret ${n}`,
    consumer: { id: consumer.id },
  };
  return { code: `code-${n}`, record, redemption, grant, first, next, rotation, consumer, credential };
}

async function writeUntilKilled(directory: string, from: number): Promise<never> {
  const vault = openVault({ current: testKey });
  const { authorizationCodes, grants, entityStore } = openLmdbStore({ directory, vault, clock: { now: () => noon } });
  let n = from;

  async function acknowledged(step: Step, at: number, act: () => unknown): Promise<void> {
    writeSync(1, `+ ${step} ${at}\n`);
    await act();
    writeSync(1, `= ${step} ${at}\n`);
  }

  async function one(at: number): Promise<void> {
    const { code, record, redemption, grant, first, rotation, consumer, credential } = world(at);
    await acknowledged('saved', at, () => authorizationCodes.save(code, record));
    await acknowledged('redeemed', at, () => authorizationCodes.redeem(code, redemption));
    await acknowledged('opened', at, () => grants.open(grant, first));
    await acknowledged('consumer', at, () => entityStore.insert(consumers, consumer));
    await acknowledged('credential', at, () => entityStore.insert(credentials, credential));
    await acknowledged('rotated', at, () => grants.rotate(first.refreshToken, rotation));
    if (at % 3 === 0) await acknowledged('revoked', at, () => grants.revoke(grant.grantId, noon + year));
    if (at % 2 === 0) await acknowledged('removed', at, () => entityStore.remove(consumers, consumer.id));
  }

  await Promise.all(
    Array.from({ length: 6 }, async () => {
      for (;;) await one(n++);
    }),
  );
  throw new Error('the endless loop has ended');
}

if (process.argv[1] === import.meta.filename) await writeUntilKilled(process.argv[2]!, Number(process.argv[3]));
