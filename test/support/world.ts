/**
 * A whole authorization server with its gate, in memory, with a clock that the test turns by hand. Its clients and
 * issuers are those that most tests speak of: `printer` and `till` are confidential, `phone` is public, `robot` acts for
 * itself alone and never registered a redirect URI.
 */
import { derivedSuccessors } from '../../adapters/crypto/successors.ts';
import { memoryAuthorizationCodes } from '../../adapters/store-memory/authorization-codes.ts';
import { memoryGrants } from '../../adapters/store-memory/grants.ts';
import type { AccessOutcome } from '../../src/access/bearer-token.ts';
import { type AuthorizationServer, authorizationServer } from '../../src/authorization-server.ts';
import type { Ports } from '../../src/driver/perform.ts';
import { type BearerCheck, gate } from '../../src/gate.ts';
import { type Client, type Consumer, type EpochMilliseconds, readingsOf } from '../../src/oauth/client.ts';
import type { Audience, Issuer } from '../../src/oauth/issuer.ts';
import { codeChallengeOf } from '../../src/oauth/pkce.ts';
import { profiles } from '../../src/oauth/profile.ts';
import { sameSecret } from '../../src/oauth/same-secret.ts';
import type { Scope } from '../../src/oauth/scope.ts';
import type { Bearers } from '../../src/ports/bearers.ts';
import type { Clients } from '../../src/ports/clients.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Entropy, Successors } from '../../src/ports/entropy.ts';
import type { Grants } from '../../src/ports/grants.ts';
import { isPending, type MaybePromise, whenThere } from '../../src/ports/maybe-promise.ts';
import { failedAttempts } from '../../src/records/failed-attempts.ts';
import type { EndpointRequest, OAuthResponse } from '../../src/wire/response.ts';

// Who takes part ----------------------------------------------------------------------------------------------------

export const alice: Consumer = { id: 'consumer-alice', username: 'alice', customId: undefined };

export const callback = 'https://printer.example/cb';
export const otherCallback = 'https://printer.example/other';

export const printer = client('printer', 'confidential', [callback, otherCallback]);
export const till = client('till', 'confidential', ['https://till.example/cb']);
export const phone = client('phone', 'public', ['http://127.0.0.1/cb']);
export const robot = client('robot', 'confidential', undefined);

/** What a confidential client of this world proves itself with. Awkward on purpose: RFC 6749 §2.3.1 wants it form-encoded. */
export const secretOf = ({ clientId }: Client): string => `${clientId} 100% secret+é`;

export function client(
  clientId: string,
  type: Client['type'],
  redirectUris: readonly string[] | undefined,
  id = `credential-${clientId}`,
): Client {
  return { id, clientId, name: clientId, type, redirectUris, consumerId: alice.id };
}

export const provisionKey = 'the login page alone knows this';

const common: Omit<Issuer, 'profile'> = {
  id: 'plugin-orders',
  audience: { boundTo: 'service:orders', serviceId: 'orders' },
  codesBoundTo: 'service:orders',
  scopes: ['email', 'profile', 'address'],
  defaultScope: [],
  mandatoryScope: false,
  provisionKey,
  accessTokenLifetime: 600_000,
  refreshTokenLifetime: 86_400_000,
  reusesRefreshToken: false,
  refreshTokenGrace: 0,
  pkce: 'lax',
  grantTypes: { authorizationCode: true, implicit: true, clientCredentials: true, password: true },
  limitsFailures: false,
  identifier: 'https://gate.example',
};

export const issuers: Readonly<Record<'kong' | 'rfc9700', Issuer>> = {
  kong: { ...common, profile: profiles.kong },
  rfc9700: { ...common, profile: profiles.rfc9700 },
};
export const bothProfiles = ['kong', 'rfc9700'] as const;

/** The same owner's issuer at another service. */
export function at(serviceId: string, issuer: Issuer): Issuer {
  const boundTo = `service:${serviceId}`;
  return { ...issuer, id: `plugin-${serviceId}`, audience: { boundTo, serviceId }, codesBoundTo: boundTo };
}

/** The issuer with global credentials. */
export function everywhere(issuer: Issuer): Issuer {
  return { ...issuer, audience: { ...issuer.audience, boundTo: 'global' }, codesBoundTo: `plugin:${issuer.id}` };
}

export const verifier = 'a-code-verifier-of-sixty-characters-all-of-them-unreserved.~';
export const challenge = codeChallengeOf(verifier);

// The world ---------------------------------------------------------------------------------------------------------

/** Parameters of a request. A list where one is to be repeated. */
export type Form = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface World {
  readonly clock: Clock & { advance(milliseconds: number): void };
  readonly ports: Ports;
  readonly server: AuthorizationServer;
  readonly gate: BearerCheck;
  token(issuer: Issuer, form: Form, as?: Client, request?: Partial<EndpointRequest>): MaybePromise<OAuthResponse>;
  authorize(issuer: Issuer, form: Form, request?: Partial<EndpointRequest>): MaybePromise<OAuthResponse>;
  /** An authorization code, asked for as `client` does; its redirect URI named or not as `form` says. */
  code(issuer: Issuer, client: Client, form?: Form): MaybePromise<string>;
  redeem(issuer: Issuer, code: string, client: Client, form?: Form): MaybePromise<OAuthResponse>;
  refresh(issuer: Issuer, refreshToken: string, client: Client, form?: Form): MaybePromise<OAuthResponse>;
  check(accessToken: unknown, audience?: Audience, requiredScope?: Scope): MaybePromise<AccessOutcome>;
}

export function makeWorld(replace: Partial<Ports> & { readonly clock?: World['clock'] } = {}): World {
  const clock = replace.clock ?? clockAt(beginning);
  const ports: Ports = {
    clients: replace.clients ?? clientsOf(registered),
    codes: replace.codes ?? memoryAuthorizationCodes(clock),
    grants: replace.grants ?? memoryGrants(clock),
    entropy: replace.entropy ?? countingEntropy(),
    successors: replace.successors ?? successors,
  };
  const server = authorizationServer({ ...ports, attempts: failedAttempts(clock) }, clock);
  const door = gate(bearersOf(ports.grants, registered), clock);

  const world: World = {
    clock,
    ports,
    server,
    gate: door,
    token: (issuer, form, as, request) =>
      server.token(issuer, {
        ...secure,
        body: encoded(as?.type === 'public' ? { client_id: as.clientId, ...form } : form),
        authorization: as?.type === 'confidential' ? basic(as, secretOf(as), issuer) : undefined,
        ...request,
      }),
    authorize: (issuer, form, request) => server.authorize(issuer, { ...secure, body: encoded(form), ...request }),
    code: (issuer, client, form) =>
      whenThere(world.authorize(issuer, { ...authorizationForm(client), ...form }), codeIn),
    redeem: (issuer, code, as, form) =>
      world.token(
        issuer,
        {
          grant_type: 'authorization_code',
          code,
          redirect_uri: as.redirectUris?.[0],
          code_verifier: verifier,
          ...form,
        },
        as,
      ),
    refresh: (issuer, refreshToken, as, form) =>
      world.token(issuer, { grant_type: 'refresh_token', refresh_token: refreshToken, ...form }, as),
    check: (accessToken, audience = issuers.kong.audience, requiredScope = []) =>
      door.check({ accessToken: accessToken as string | undefined, audience, requiredScope }),
  };
  return world;
}

/** The value of a port that returns without a promise. The stores in memory do; a promise is a mistake of the test. */
export function now<T>(value: MaybePromise<T>): T {
  if (isPending(value)) throw new Error('a store in memory returned a promise');
  return value;
}

/** The authorization request of a well-behaved client, as the login page passes it on. */
export function authorizationForm(client: Client): Form {
  return {
    client_id: client.clientId,
    response_type: 'code',
    redirect_uri: client.redirectUris?.[0],
    provision_key: provisionKey,
    authenticated_userid: 'alice',
    code_challenge: challenge,
    code_challenge_method: 'S256',
  };
}

/** The parameters that an authorization response adds to the redirect URI. */
export function answeredIn({ body }: OAuthResponse): URLSearchParams {
  const { redirect_uri: uri } = body;
  if (typeof uri !== 'string') throw new Error(`no redirect: ${JSON.stringify(body)}`);
  return new URL(uri.replace('#', uri.includes('?') ? '&' : '?')).searchParams;
}

export function codeIn(response: OAuthResponse): string {
  const code = response.status === 200 ? answeredIn(response).get('code') : null;
  if (code === null) throw new Error(`no code: ${JSON.stringify(response.body)}`);
  return code;
}

export function basic({ clientId }: { readonly clientId: string }, secret: string, { profile }: Issuer): string {
  // Kong splits at each colon and decodes nothing; the RFC has both halves form-encoded.
  const encode = (text: string) => (profile.parameters === 'strict' ? encodeURIComponent(text) : text);
  return `Basic ${Buffer.from(`${encode(clientId)}:${encode(secret)}`).toString('base64')}`;
}

const secure: EndpointRequest = {
  method: 'POST',
  transport: 'secure',
  query: '',
  contentType: 'application/x-www-form-urlencoded',
  body: new Uint8Array(),
  authorization: undefined,
  realm: undefined,
  from: '192.0.2.1',
};

export function encoded(form: Form): Uint8Array {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(form)) {
    for (const one of value === undefined ? [] : typeof value === 'string' ? [value] : value) {
      parameters.append(name, one);
    }
  }
  return Buffer.from(parameters.toString());
}

// Its parts ---------------------------------------------------------------------------------------------------------

export const beginning: EpochMilliseconds = 1_800_000_000_000;

export function clockAt(instant: EpochMilliseconds): World['clock'] {
  let now = instant;
  return { now: () => now, advance: (milliseconds) => void (now += milliseconds) };
}

/** No two alike, and the same in each run. */
export function countingEntropy(): Entropy {
  let drawn = 0;
  return {
    token: () => `drawn${String(++drawn).padStart(27, '0')}`,
    uuid: () => `00000000-0000-4000-8000-${String(++drawn).padStart(12, '0')}`,
  };
}

const successors: Successors = derivedSuccessors({ derive: () => Buffer.alloc(32, 7) });

export const registered: readonly Client[] = [printer, till, phone, robot];

export function clientsOf(clients: readonly Client[]): Clients {
  const byClientId = new Map(clients.map((client) => [client.clientId, client]));
  return {
    find: (clientId) => byClientId.get(clientId),
    authenticate(authentication) {
      const readings = readingsOf(authentication);
      const named = readings.flatMap(({ clientId }) => byClientId.get(clientId ?? '') ?? []);
      const [client] = named;
      if (client === undefined) return { client, proof: 'failed' };
      if (named.some((other) => other !== client)) return { client: undefined, proof: 'ambiguous' };
      const secret = client.type === 'public' ? '' : secretOf(client);
      const isRight = readings.some(
        ({ clientId, clientSecret = '' }) => clientId === client.clientId && sameSecret(clientSecret, secret),
      );
      return { client, proof: isRight ? 'proven' : 'failed' };
    },
  };
}

export function bearersOf(grants: Grants, clients: readonly Client[]): Bearers {
  return {
    find: (accessToken) =>
      whenThere(grants.byAccessToken(accessToken), (grant) => {
        const client = clients.find(({ id }) => id === grant?.credentialId);
        return grant === undefined || client === undefined ? undefined : { grant, client, consumer: alice };
      }),
  };
}
