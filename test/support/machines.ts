/**
 * All machines, each with the requests that it may receive and the events that may answer its effects, valid and invalid.
 * Properties and drawings use the same walks.
 */
import fc from 'fast-check';
import { bearerToken } from '../../src/access/bearer-token.ts';
import { authorizationEndpoint } from '../../src/authorization/authorization-endpoint.ts';
import { authorizationCodeGrant } from '../../src/grants/authorization-code.ts';
import { clientAuthentication } from '../../src/grants/client-authentication.ts';
import { clientCredentialsGrant } from '../../src/grants/client-credentials.ts';
import { implicitGrant } from '../../src/grants/implicit.ts';
import { passwordGrant } from '../../src/grants/password.ts';
import { refreshTokenGrant } from '../../src/grants/refresh-token.ts';
import { unsupportedGrant } from '../../src/grants/unsupported.ts';
import {
  type Effect,
  type Event,
  type Final,
  type Machine,
  transition,
  type Waiting,
} from '../../src/machine/machine.ts';
import type { Client } from '../../src/oauth/client.ts';
import type { Issuer } from '../../src/oauth/issuer.ts';
import type { AuthorizationCode, Grant } from '../../src/oauth/tokens.ts';
import { deepFreeze } from './deep-freeze.ts';
import { anyText } from './text.ts';
import { codeRecord, grantOf } from './token-request.ts';
import {
  alice,
  beginning,
  callback,
  challenge,
  issuers,
  otherCallback,
  phone,
  printer,
  provisionKey,
  robot,
  till,
  verifier,
} from './world.ts';

// What any machine may meet -----------------------------------------------------------------------------------------

/** A parameter as forms and JSON bring it: the good values mostly. */
export const parameter = (...good: readonly unknown[]): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...good) },
    { weight: 1, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom('', ' ', null, true, 7, ['a', 'b'], { a: 1 }, { toString: 1 }) },
    { weight: 1, arbitrary: anyText },
  );

const offered = ['email', 'profile', 'address'];
const often = fc.constantFrom(true, true, true, false);

export const issuer: fc.Arbitrary<Issuer> = fc
  .record({
    base: fc.constantFrom(issuers.kong, issuers.rfc9700),
    audience: fc.constantFrom(
      issuers.kong.audience,
      issuers.kong.audience,
      { boundTo: 'global', serviceId: 'orders' },
      { boundTo: 'apis', serviceId: 'orders' },
      { boundTo: '', serviceId: undefined },
    ),
    scopes: fc.constantFrom(offered, ['email'], undefined),
    defaultScope: fc.constantFrom([], [], ['email']),
    mandatoryScope: fc.boolean(),
    accessTokenLifetime: fc.constantFrom(600_000, 600_000, 1, 0),
    refreshTokenLifetime: fc.constantFrom(86_400_000, 1, 0),
    reusesRefreshToken: fc.boolean(),
    refreshTokenGrace: fc.constantFrom(0, 30_000),
    pkce: fc.constantFrom('none', 'lax', 'strict'),
    grantTypes: fc.record({ authorizationCode: often, implicit: often, clientCredentials: often, password: often }),
  })
  .map(({ base, audience, ...settings }) => ({
    ...base,
    ...settings,
    audience,
    codesBoundTo: audience.boundTo === 'global' ? 'plugin:plugin-orders' : audience.boundTo,
  }));

export const anyClient: fc.Arbitrary<Client> = fc.constantFrom(
  printer,
  printer,
  phone,
  till,
  robot,
  { ...printer, redirectUris: [] },
  { ...phone, redirectUris: [callback] },
  { ...phone, redirectUris: ['http://plain.example/cb'] },
);

const scope = fc.subarray([...offered, 'admin']);
const credentialId = fc.constantFrom(printer.id, printer.id, phone.id, till.id, robot.id);
const boundTo = fc.constantFrom('service:orders', 'service:orders', 'service:others', 'global', 'apis', '');
const moment = fc.constantFrom(beginning - 1, beginning, beginning + 1, beginning + 600_000, undefined);

export const anyGrant: fc.Arbitrary<Grant> = fc
  .record({ credentialId, boundTo, scope, narrowed: fc.boolean(), expiresAt: moment, refreshExpiresAt: moment })
  .map(({ narrowed, ...changes }) =>
    grantOf(issuers.kong, { ...changes, accessScope: changes.scope.slice(0, narrowed ? 1 : undefined) }),
  );

const anyRecord: fc.Arbitrary<AuthorizationCode> = fc
  .record({ credentialId, boundTo, scope })
  .map((changes) => ({ ...codeRecord, ...changes }));

/** Two unique strings. A refusal must not contain them. */
export const drawn = { accessToken: 'drawn-access-token', refreshToken: 'drawn-refresh-token' };

/** All events that may answer each effect. */
const replies: Readonly<Record<string, fc.Arbitrary<Event>>> = {
  authenticateClient: fc.oneof(
    { weight: 4, arbitrary: anyClient.map((client) => ({ event: 'clientAuthenticated', client })) },
    {
      weight: 1,
      arbitrary: fc.option(anyClient, { nil: undefined }).map((client) => ({ event: 'clientRejected', client })),
    },
    { weight: 1, arbitrary: fc.constant({ event: 'clientAmbiguous' }) },
    { weight: 1, arbitrary: fc.constant({ event: 'clientRateLimited', retryAfter: 7 }) },
    { weight: 1, arbitrary: fc.constant({ event: 'clientRateLimited', retryAfter: 1, busy: true }) },
  ),
  redeemAuthorizationCode: fc.oneof(
    anyRecord.map((record) => ({ event: 'codeRedeemed', record })),
    fc.constant({ event: 'codeReplayed', grantId: 'grant-of-the-code', expiresAt: beginning + 1 }),
    fc
      .constantFrom('client', 'boundTo', 'redirectUri', 'codeChallenge')
      .map((binding) => ({ event: 'codeMismatched', binding })),
    fc.constant({ event: 'codeUnknown' }),
  ),
  openGrant: fc.oneof(
    { weight: 3, arbitrary: fc.constant({ event: 'grantOpened', tokens: drawn }) },
    { weight: 1, arbitrary: fc.constant({ event: 'grantAlreadyRevoked' }) },
  ),
  findRefreshToken: fc.oneof(
    { weight: 3, arbitrary: anyGrant.map((grant) => ({ event: 'refreshTokenFound', grant })) },
    { weight: 1, arbitrary: fc.constant({ event: 'refreshTokenUnknown' }) },
  ),
  rotateRefreshToken: fc.oneof(
    anyGrant.map((grant) => ({ event: 'refreshTokenRotated', grant, tokens: drawn })),
    anyGrant.map((grant) => ({ event: 'refreshTokenReused', grant })),
    fc.constant({ event: 'refreshTokenUnknown' }),
  ),
  revokeGrant: fc.constant({ event: 'grantRevoked' }),
  findClient: fc.oneof(
    { weight: 4, arbitrary: anyClient.map((client) => ({ event: 'clientFound', client })) },
    { weight: 1, arbitrary: fc.constant({ event: 'clientUnknown' }) },
  ),
  saveAuthorizationCode: fc.constant({ event: 'authorizationCodeSaved', code: 'drawn-code' }),
  findAccessToken: fc.oneof(
    {
      weight: 3,
      arbitrary: anyGrant.map((grant) => ({
        event: 'accessTokenFound',
        bearer: { grant, client: printer, consumer: alice },
      })),
    },
    { weight: 1, arbitrary: fc.constant({ event: 'accessTokenUnknown' }) },
  ),
};

// The machines ------------------------------------------------------------------------------------------------------

export type AnyMachine = Machine<never, never, never, never> & {
  readonly transitions: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
};
export interface Walkable {
  readonly machine: AnyMachine;
  readonly requests: fc.Arbitrary<unknown>;
}

/** The secrets in a request. No outcome may contain them. */
export const broughtSecrets = [
  'brought-client-secret',
  'brought-code',
  'brought-refresh-token',
  provisionKey,
  verifier,
];

const tokenRequest = {
  issuer,
  authentication: fc.record({
    method: fc.constantFrom('client_secret_basic', 'client_secret_post', 'none'),
    clientId: fc.constantFrom('printer', undefined),
    clientSecret: fc.constantFrom('brought-client-secret', '', undefined),
    from: fc.constant(undefined),
  }),
  redirectUri: parameter(undefined, callback, callback, otherCallback, 'http://127.0.0.1/cb', 'https://evil.example/'),
  scope: parameter(undefined, 'email', 'email profile', 'profile', 'email admin'),
  receivedAt: fc.constant(beginning),
  attempt: fc.constant('attempt-1'),
  grantId: fc.constant('grant-1'),
};
const owner = {
  authenticatedUserid: parameter('alice', 'alice', undefined),
  provisionKey: parameter(provisionKey),
};

const walkable = <I, R, W extends Waiting, O extends Final>(
  machine: Machine<I, R, W, O>,
  requests: fc.Arbitrary<unknown>,
): Walkable => ({ machine: machine as unknown as AnyMachine, requests });

export const machines: readonly Walkable[] = [
  walkable(clientAuthentication({ redirectUri: 'checked' }), fc.record(tokenRequest)),
  walkable(
    authorizationCodeGrant,
    fc.record({ ...tokenRequest, code: parameter('brought-code'), codeVerifier: parameter(verifier, 'v'.repeat(42)) }),
  ),
  walkable(
    implicitGrant,
    fc.record({
      issuer,
      credentialId,
      subject: fc.constant('alice'),
      scope: fc.constant(['email']),
      grantId: tokenRequest.grantId,
      receivedAt: tokenRequest.receivedAt,
    }),
  ),
  walkable(clientCredentialsGrant, fc.record({ ...tokenRequest, ...owner })),
  walkable(passwordGrant, fc.record({ ...tokenRequest, ...owner })),
  walkable(refreshTokenGrant, fc.record({ ...tokenRequest, refreshToken: parameter('brought-refresh-token') })),
  walkable(unsupportedGrant, fc.record({ ...tokenRequest, grantTypeMissing: fc.boolean() })),
  walkable(
    authorizationEndpoint,
    fc.record({
      ...owner,
      issuer,
      clientId: parameter('printer'),
      responseType: parameter('code', 'code', 'token'),
      redirectUri: tokenRequest.redirectUri,
      scope: tokenRequest.scope,
      codeChallenge: parameter(challenge, challenge, undefined),
      codeChallengeMethod: parameter('S256', 'S256', 's256', undefined, 'plain'),
      receivedAt: tokenRequest.receivedAt,
      grantId: tokenRequest.grantId,
    }),
  ),
  walkable(
    bearerToken,
    fc.record({
      accessToken: fc.constantFrom('brought-access-token', 'brought-access-token', undefined),
      audience: issuer.map(({ audience }) => audience),
      requiredScope: fc.subarray(['email', 'admin']),
      receivedAt: fc.constant(beginning),
    }),
  ),
];

// Walking -----------------------------------------------------------------------------------------------------------

export interface Step {
  readonly from: AnyState;
  readonly event: Event;
  readonly to: AnyState;
}
export interface AnyState {
  readonly state: string;
  readonly awaits?: Effect;
  readonly reason?: string;
  readonly detail?: string;
}
export interface Walk {
  readonly request: { readonly issuer: Issuer; readonly scope?: unknown };
  readonly first: AnyState;
  readonly steps: readonly Step[];
  readonly outcome: AnyState;
}

/** Checks random walks through a machine, from any request to the end. The machine must not change its input. */
export function forAnyWalk(
  { machine, requests }: Walkable,
  look: (walk: Walk) => void,
  numRuns: number,
  seed?: number,
): void {
  const property = fc.property(requests, fc.gen(), (brought, choose) => {
    const request = deepFreeze(brought) as never;
    const first: AnyState = machine.start(request);
    const steps: Step[] = [];
    let state = first;
    // A machine that loops is stopped; the number of steps shows it.
    while (state.awaits !== undefined && steps.length < 20) {
      const event = deepFreeze(choose(anyReply, state.awaits.effect));
      const to: AnyState = transition(machine, deepFreeze(state) as never, event);
      steps.push({ from: state, event, to });
      state = to;
    }
    look({ request, first, steps, outcome: state });
  });
  fc.assert(property, seed === undefined ? { numRuns } : { numRuns, seed });
}

const anyReply = (effect: string): fc.Arbitrary<Event> => replies[effect]!;
