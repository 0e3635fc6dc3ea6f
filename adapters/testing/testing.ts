/**
 * `import … from 'portcullis/testing'`: for the tests of a program with a gate. A store in memory, a clock that the test
 * sets, an access token in one line. Not for production.
 */
import { newGrant } from '../../src/grants/new-grant.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { createGate, type Gate, type GateOptions } from '../library/create-gate.ts';
import { gateArgument, InvalidOption, knownOptions, scopesOption, secondsOption } from '../library/options.ts';

export { memoryStore } from '../library/memory-store.ts';
export { type OpenedForContract, storageContract } from './storage-contract.ts';

/** A clock that changes only when the test says so. */
export interface HandClock extends Clock {
  /** Moves the clock forward by so many seconds. */
  pass(seconds: number): void;
  /** Sets the clock, forward or back, to a time in milliseconds since the epoch. */
  turn(to: number): void;
}

/** A clock that starts at `start`, in milliseconds since the epoch. By default at noon of 1 January 2030 (UTC). */
export function handClock(start = Date.UTC(2030, 0, 1, 12)): HandClock {
  let now = timeOption('start', start);
  return {
    now: () => now,
    pass(seconds) {
      now += timeOption('seconds', seconds) * 1000;
    },
    turn(to) {
      now = timeOption('to', to);
    },
  };
}

function timeOption(name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new InvalidOption(name, 'must be a finite number');
  return value;
}

/** The client of every test gate: confidential, with the secret `test-secret` and one redirect URI. */
export const testClient = {
  clientId: 'test-client',
  clientSecret: 'test-secret',
  redirectUris: ['https://client.example/callback'],
} as const;

export interface TestGate extends Gate {
  readonly clock: HandClock;
}

/** `createGate` with a store in memory and a `HandClock` unless the options say otherwise, and with `testClient` as the first client. */
export function testGate(
  options: Omit<GateOptions, 'clock'> & { readonly clock?: HandClock | undefined } = {},
): TestGate {
  if (typeof options !== 'object' || options === null) throw new InvalidOption('testGate', 'must be an object');
  const { clock = handClock(), clients = [] } = options;
  if (!Array.isArray(clients)) throw new InvalidOption('clients', 'must be a list');
  return { ...createGate({ ...options, clients: [testClient, ...clients], clock }), clock };
}

/** The grant of an access token that is made for a test. */
export interface TokenMade {
  /** The scope tokens granted; they need not be in the `scopes` of the gate. None by default. */
  readonly scopes?: readonly string[] | undefined;
  /** The id of the resource owner. None by default: the client acts on its own behalf. */
  readonly subject?: string | undefined;
  /** The `client_id` of a client that the gate knows. `testClient` by default. */
  readonly client?: string | undefined;
  /** The service that the token is for. The gate's own by default. */
  readonly audience?: string | undefined;
  /** Seconds until it expires; 0: it has expired. The gate's `accessTokenLifetime` by default. */
  readonly expiresIn?: number | undefined;
}

/** An access token without a token request: `await tokenFor(gate, { scopes: ['read'] })`. */
export async function tokenFor(gate: Gate, made: TokenMade = {}): Promise<string> {
  knownOptions('tokenFor', made, ['scopes', 'subject', 'client', 'audience', 'expiresIn']);
  const clientId = made.client ?? testClient.clientId;
  const { clients, grants, entropy } = gateArgument('tokenFor', gate).ports;
  const client = await clients.find(clientId);
  if (client === undefined) throw new InvalidOption('client', `must be a client of the gate; it has no ${clientId}`);
  const at = gate.clock.now();
  const { grant } = newGrant(gate.issuerFor(made.audience), {
    grantId: entropy.uuid(),
    credentialId: client.id,
    subject: made.subject,
    scope: scopesOption('scopes', made.scopes ?? []),
    at,
    refreshable: false,
  });
  const expiresAt =
    made.expiresIn === undefined ? grant.expiresAt : at + secondsOption('expiresIn', made.expiresIn, 0, 1e9);
  const accessToken = entropy.token();
  await grants.open({ ...grant, expiresAt, refreshExpiresAt: expiresAt }, { accessToken, refreshToken: undefined });
  return accessToken;
}
