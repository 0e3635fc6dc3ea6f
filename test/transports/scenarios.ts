/** The scenarios that every transport runs: what a client presents, and the expected outcome. */
import { type TestGate, tokenFor } from '../../adapters/testing/testing.ts';

/** The outcome of a call, in terms that all transports share. */
export interface CallOutcome {
  readonly outcome: 'passed' | 'unauthenticated' | 'forbidden' | 'invalid' | 'unavailable';
  /** The subject that the handler received. */
  readonly subject?: string | undefined;
  readonly challenge?: string | undefined;
  /** The message for people. */
  readonly message?: string | undefined;
}

/** A real server and a real client. */
export interface World {
  /** One call that needs scope `read`, with this value of `Authorization`. */
  call(authorization: string | undefined): Promise<CallOutcome>;
  /** How often a handler ran. */
  readonly handled: number;
  close(): Promise<void>;
}

export interface Transport {
  readonly name: string;
  open(gate: TestGate, onError: (error: unknown) => void): Promise<World>;
}

export interface Scenario {
  readonly title: string;
  readonly present: (gate: TestGate) => Promise<string | undefined> | string | undefined;
  readonly outcome: CallOutcome['outcome'];
  /** The error in the challenge; `none`: the challenge has no error (RFC 6750 §3.1). */
  readonly error?: 'none' | 'invalid_token' | 'insufficient_scope';
}

const alice = { scopes: ['read'], subject: 'alice' } as const;

export const scenarios: readonly Scenario[] = [
  {
    title: 'RS-01: a valid token is admitted, and the handler receives its subject',
    present: async (gate) => `Bearer ${await tokenFor(gate, alice)}`,
    outcome: 'passed',
  },
  {
    title: 'RS-01: the scheme is compared without case, and any number of blanks may follow it',
    present: async (gate) => `bEARER   ${await tokenFor(gate, alice)}`,
    outcome: 'passed',
  },
  {
    title: 'RS-08: a token with more scope than is needed passes',
    present: async (gate) => `Bearer ${await tokenFor(gate, { ...alice, scopes: ['write', 'read'] })}`,
    outcome: 'passed',
  },
  {
    title: 'RS-06: without a token there is a challenge, and no error code in it',
    present: () => undefined,
    outcome: 'unauthenticated',
    error: 'none',
  },
  {
    title: 'RS-09: what is no token by its form is invalid',
    present: () => `Bearer {"$ne":null}`,
    outcome: 'unauthenticated',
    error: 'invalid_token',
  },
  {
    title: 'RS-09: a header without end is invalid',
    present: () => `Bearer ${'a'.repeat(7_000)}`,
    outcome: 'unauthenticated',
    error: 'invalid_token',
  },
  {
    title: 'RS-07: a token that was never issued is invalid',
    present: () => 'Bearer VhEnBrxu3CZ2rTxzvOmz4fZ6z2vhEnBr',
    outcome: 'unauthenticated',
    error: 'invalid_token',
  },
  {
    title: 'RS-07: an expired token is invalid, from the instant of its expiry on',
    async present(gate) {
      const token = await tokenFor(gate, { ...alice, expiresIn: 60 });
      gate.clock.pass(60);
      return `Bearer ${token}`;
    },
    outcome: 'unauthenticated',
    error: 'invalid_token',
  },
  {
    title: 'RS-07: a token is good until the last millisecond',
    async present(gate) {
      const token = await tokenFor(gate, { ...alice, expiresIn: 60 });
      gate.clock.pass(59.999);
      return `Bearer ${token}`;
    },
    outcome: 'passed',
  },
  {
    title: 'RS-07: a revoked token is invalid, though it passed a moment ago',
    async present(gate) {
      const token = await tokenFor(gate, alice);
      await gate.check(token);
      await gate.revoke(token);
      return `Bearer ${token}`;
    },
    outcome: 'unauthenticated',
    error: 'invalid_token',
  },
  {
    title: 'RS-08: for a token without the scope, the challenge names the scope',
    present: async (gate) => `Bearer ${await tokenFor(gate, { ...alice, scopes: ['write'] })}`,
    outcome: 'forbidden',
    error: 'insufficient_scope',
  },
  {
    title: 'RS-14: a token for another service is invalid',
    present: async (gate) => `Bearer ${await tokenFor(gate, { ...alice, audience: 'billing' })}`,
    outcome: 'unauthenticated',
    error: 'invalid_token',
  },
];
