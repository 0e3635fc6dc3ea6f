/**
 * `import … from 'portcullis/testing'`: for the tests of a program that has a gate. A store in memory, a clock in your hand,
 * a token in one line. Nothing here belongs into production.
 */
import { newGrant } from '../../src/grants/new-grant.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { createGate, type Gate, type GateOptions } from '../library/create-gate.ts';
import { knownOptions, scopesOption, secondsOption } from '../library/options.ts';

export { memoryStore } from '../library/memory-store.ts';
export { type OpenedForContract, storageContract } from './storage-contract.ts';

/** A clock that stands still until it is told. */
export interface HandClock extends Clock {
  /** Lets so many seconds pass. */
  pass(seconds: number): void;
  /** Turns the clock, forward or back, to an instant in milliseconds since the epoch. */
  turn(to: number): void;
}

/** A clock that shows noon of New Year's Day 2030 (UTC), or the instant given in milliseconds since the epoch. */
export function handClock(start = Date.UTC(2030, 0, 1, 12)): HandClock {
  let now = start;
  return {
    now: () => now,
    pass(seconds) {
      now += seconds * 1000;
    },
    turn(to) {
      now = to;
    },
  };
}

/** The client that a test gate always has: confidential, with the secret `test-secret` and one redirect URI. */
export const testClient = {
  clientId: 'test-client',
  clientSecret: 'test-secret',
  redirectUris: ['https://client.example/callback'],
} as const;

export interface TestGate extends Gate {
  readonly clock: HandClock;
}

/** A gate with everything in memory, a clock in your hand and `testClient` before the clients listed, but for what its options say. */
export function testGate({
  clock = handClock(),
  clients = [],
  ...options
}: Omit<GateOptions, 'clock'> & { readonly clock?: HandClock | undefined } = {}): TestGate {
  return { ...createGate({ ...options, clients: [testClient, ...clients], clock }), clock };
}

/** What a token made for a test stands for. */
export interface TokenMade {
  /** The scope granted, whatever the gate offers. None by default. */
  readonly scopes?: readonly string[] | undefined;
  /** The resource owner. None by default: the client acts for itself. */
  readonly subject?: string | undefined;
  /** The `client_id` of a client that the gate knows. `testClient` by default. */
  readonly client?: string | undefined;
  /** The service it is good for. The gate's own by default. */
  readonly audience?: string | undefined;
  /** Seconds it is good for; 0: it has expired. The gate's `accessTokenLifetime` by default. */
  readonly expiresIn?: number | undefined;
}

/** An access token, without the dance that leads to one: `await tokenFor(gate, { scopes: ['read'] })`. */
export async function tokenFor(gate: Gate, made: TokenMade = {}): Promise<string> {
  knownOptions('tokenFor', made, ['scopes', 'subject', 'client', 'audience', 'expiresIn']);
  const clientId = made.client ?? testClient.clientId;
  const { clients, grants, entropy } = gate.ports;
  const client = await clients.find(clientId);
  if (client === undefined) throw new Error(`the gate knows no client ${clientId}`);
  const at = gate.clock.now();
  const { grant } = newGrant(gate.issuerFor(made.audience), {
    grantId: entropy.uuid(),
    credentialId: client.id,
    subject: made.subject,
    scope: scopesOption('scopes', made.scopes ?? []),
    at,
    refreshable: false,
  });
  const end = made.expiresIn === undefined ? grant.expiresAt : at + secondsOption('expiresIn', made.expiresIn, 0, 1e9);
  const accessToken = entropy.token();
  await grants.open({ ...grant, expiresAt: end, refreshExpiresAt: end }, { accessToken, refreshToken: undefined });
  return accessToken;
}
