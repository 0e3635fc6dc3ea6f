/**
 * The core for a program of your own: an authorization server and the check of its tokens, composed from a profile, a
 * store and a clock. Loads no framework and no native module; the transports beside it (./koa, ./grpc, ./ws) are thin.
 */
import { randomBytes } from 'node:crypto';
import { type AuthorizationServer, authorizationServer } from '../../src/authorization-server.ts';
import type { Ports } from '../../src/driver/perform.ts';
import { gate } from '../../src/gate.ts';
import { boundToService, type Issuer } from '../../src/oauth/issuer.ts';
import { revocationExpiry } from '../../src/oauth/revocation.ts';
import type { Grant } from '../../src/oauth/tokens.ts';
import type { Bearers } from '../../src/ports/bearers.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Grants } from '../../src/ports/grants.ts';
import { type MaybePromise, whenThere } from '../../src/ports/maybe-promise.ts';
import { announcingGrants } from '../../src/records/announcing.ts';
import { readBearer } from '../../src/wire/bearer.ts';
import { systemEntropy } from '../crypto/entropy.ts';
import { derivedSuccessors } from '../crypto/successors.ts';
import { systemClock } from '../crypto/system-clock.ts';
import { openVault } from '../crypto/vault.ts';
import {
  type CallContext,
  callContextOptions,
  fetchedRequest,
  formRequest,
  isFetched,
  type NodeRequest,
  type ParametersGiven,
  type PresentedRequest,
  presentedBy,
} from './calls.ts';
import { type IssuerOptions, issuerOf, issuerOptions } from './issuer-options.ts';
import { type ListedClient, listedClients } from './listed-clients.ts';
import { memoryStore, type Store } from './memory-store.ts';
import { audienceOption, InvalidOption, knownOptions, type Requirement } from './options.ts';
import {
  type AuthorizeOutcome,
  admittedOrDenied,
  authorizedOrRefused,
  type CheckOutcome,
  deniedUnread,
  type ExchangeOutcome,
  issuedOrRefused,
  type RevokeOutcome,
} from './outcomes.ts';
import { readRecords } from './records.ts';

export interface GateOptions extends IssuerOptions {
  /** Where grants and codes are kept. In memory by default: all tokens are gone when the process ends. */
  readonly store?: Store | undefined;
  /** The clients (RFC 6749 §2) of a small app. By default those in `store.entities`. */
  readonly clients?: readonly ListedClient[] | undefined;
  /** What time it is, in milliseconds since the epoch. The system's clock by default. */
  readonly clock?: Clock | undefined;
  /**
   * 32 bytes or more, the same in every process that shares the store. Only needed with `refreshTokenGrace`: it lets each
   * of them answer a repeated refresh alike. New at each start by default.
   */
  readonly key?: Uint8Array | undefined;
}

const gateOptions = ['store', 'clients', 'clock', 'key', ...issuerOptions] as const;

/** The owner's consent to an authorization request, from your own login page. */
export interface Consent {
  /** Who has logged in and consents: the id by which your services know the resource owner. */
  readonly subject: string;
}

export interface Gate {
  /**
   * May the bearer of this token pass? `undefined` stands for a request without one.
   *
   * Answered at once when the token is remembered, hence no promise then: `await` takes both. Rejects only if the store
   * cannot be asked; then nobody may pass, and 503 is the answer (over gRPC: UNAVAILABLE).
   */
  check(accessToken: string | undefined, requirement?: Requirement): MaybePromise<CheckOutcome>;
  /**
   * The same for a whole request: finds the token in it (RFC 6750 §2) and refuses one that carries two. Takes a `Request`
   * of the Fetch API, a request of Node's own servers (Express: `req`, Fastify: `request.raw`), or the header
   * `Authorization` (all values of it) and the query.
   */
  checkRequest(
    request: PresentedRequest | Request | NodeRequest,
    requirement?: Requirement,
  ): MaybePromise<CheckOutcome>;
  /**
   * The token endpoint (RFC 6749 §3.2), for parameters or for a `Request`, whose body is read. Rejects only if the store
   * cannot be asked or the body cannot be read.
   */
  exchange(parameters: ParametersGiven | Request, context?: CallContext): Promise<ExchangeOutcome>;
  /**
   * The authorization endpoint (RFC 6749 §3.1), once your page knows who the owner is and that the owner consents. The
   * parameters are those the client sent the browser with. Rejects only if the store cannot be asked.
   */
  authorize(
    parameters: ParametersGiven,
    consent: Consent,
    context?: Pick<CallContext, 'audience'>,
  ): Promise<AuthorizeOutcome>;
  /**
   * Ends the grant of an access token or a refresh token, or one named by its id, with all its tokens. From the answer on
   * no check of this gate passes them, nor of another that hears the announcements of the store.
   */
  revoke(what: string | { readonly grantId: string }): Promise<RevokeOutcome>;

  /** The settings in force. Durations are milliseconds. Holds the provision key: not for a log. */
  readonly issuer: Issuer;
  /** The realm of challenges (RFC 6750 §3). */
  readonly realm: string | undefined;
  /** The same settings for another service. */
  issuerFor(audience: string | undefined): Issuer;
  /** The two endpoints as they stand on a wire, for a transport of your own. */
  readonly server: AuthorizationServer;
  /** What the gate is composed of. */
  readonly ports: Ports & { readonly bearers: Bearers };
  readonly clock: Clock;
}

/** Throws `InvalidOption` if an option is misspelt or has a value that cannot be. */
export function createGate(options: GateOptions = {}): Gate {
  knownOptions('createGate', options, gateOptions);
  const clock = clockOption(options.clock);
  const entropy = systemEntropy();
  const issuer = issuerOf(options, entropy);
  const { realm } = options;
  const store = storeOption(options.store ?? memoryStore(clock));
  const records = options.clients === undefined ? store.entities : listedClients(options.clients);
  if (records === undefined)
    throw new InvalidOption('clients', 'must be listed, for this store has no records of them');
  const { announcements } = store;
  const grants = announcements === undefined ? store.grants : announcingGrants(store.grants, announcements);
  const { clients, bearers } = readRecords(records, grants, announcements, clock);
  const successors = derivedSuccessors(openVault({ current: keyOption(options.key) }));
  const ports = { clients, codes: store.codes, grants, bearers, entropy, successors };
  const server = authorizationServer(ports, clock);
  const access = gate(bearers, clock);

  const issuerFor = (audience: string | undefined): Issuer =>
    audience === undefined ? issuer : { ...issuer, ...boundTo(audience) };

  function checkRead(
    read: ReturnType<typeof readBearer>,
    { scopes: requiredScope = [], audience }: Requirement,
  ): MaybePromise<CheckOutcome> {
    if (typeof read === 'string') return deniedUnread(issuer.profile, realm, read, requiredScope);
    const foundIn = read.in === 'header' ? 'header' : 'query';
    return whenThere(
      access.check({
        accessToken: read.accessToken,
        audience: audience === undefined ? issuer.audience : boundTo(audience).audience,
        requiredScope,
      }),
      (outcome) => admittedOrDenied(issuer.profile, realm, outcome, foundIn),
    );
  }

  return {
    check(accessToken, requirement = {}) {
      if (accessToken === undefined) return checkRead('missing', requirement);
      // What is no token by its form never gets to the store (RFC 6750 §2.1).
      const read =
        typeof accessToken === 'string' ? readBearer(issuer.profile, `Bearer ${accessToken}`, '') : 'malformed';
      return checkRead(read === 'missing' ? 'malformed' : read, requirement);
    },

    checkRequest(request, requirement = {}) {
      const { authorization, query = '' } = presentedBy(request);
      // "Clients MUST NOT use more than one method to transmit the token in each request." (RFC 6750 §2)
      if (typeof authorization === 'object' && authorization.length > 1) return checkRead('repeated', requirement);
      const value = typeof authorization === 'object' ? authorization[0] : authorization;
      return checkRead(readBearer(issuer.profile, value, query), requirement);
    },

    async exchange(parameters, context = {}) {
      knownOptions('exchange', context, callContextOptions);
      const request = isFetched(parameters)
        ? await fetchedRequest(parameters, context, realm)
        : formRequest(parameters, context, realm);
      return issuedOrRefused(issuer.profile, await server.token(issuerFor(context.audience), request));
    },

    async authorize(parameters, { subject }, context = {}) {
      knownOptions('authorize', context, ['audience']);
      if (typeof subject !== 'string' || subject.trim() === '') {
        throw new InvalidOption('subject', 'must name the resource owner');
      }
      // Whatever the browser brought under these names: the owner's page alone vouches for the owner.
      const vouched = { provision_key: issuer.provisionKey, authenticated_userid: subject };
      const request = formRequest(parameters, {}, realm, vouched);
      return authorizedOrRefused(issuer.profile, await server.authorize(issuerFor(context.audience), request));
    },

    async revoke(what) {
      const grant = await grantOf(grants, what);
      if (grant === undefined) return { state: 'unknown' };
      await grants.revoke(grant.grantId, revocationExpiry({ grant, issuer, lastIssuedAt: clock.now() }));
      return { state: 'revoked', grantId: grant.grantId };
    },

    issuer,
    realm,
    issuerFor,
    server,
    ports,
    clock,
  };
}

function boundTo(audience: string): Pick<Issuer, 'audience' | 'codesBoundTo'> {
  const place = boundToService(audienceOption('audience', audience));
  return { audience: { boundTo: place, serviceId: audience }, codesBoundTo: place };
}

async function grantOf(grants: Grants, what: string | { readonly grantId: string }): Promise<Grant | undefined> {
  if (typeof what !== 'string') return (await grants.get(what.grantId))?.grant;
  return (await grants.byAccessToken(what)) ?? (await grants.byRefreshToken(what))?.grant;
}

// Options -------------------------------------------------------------------------------------------------------------

function clockOption(clock: Clock | undefined): Clock {
  if (clock === undefined) return systemClock;
  if (typeof clock?.now !== 'function')
    throw new InvalidOption('clock', 'must have a function now() that tells milliseconds');
  return clock;
}

function storeOption(store: Store): Store {
  if (typeof store !== 'object' || store === null) throw new InvalidOption('store', 'must be an object');
  const acts = {
    grants: ['open', 'byAccessToken', 'byRefreshToken', 'rotate', 'revoke', 'get', 'replace', 'page', 'removeOf'],
    codes: ['save', 'redeem'],
    entities: ['get', 'getBy'],
    announcements: ['publish', 'subscribe'],
  } as const;
  for (const [port, names] of Object.entries(acts)) {
    const given = store[port as keyof Store] as Readonly<Record<string, unknown>> | undefined;
    if (given === undefined && (port === 'entities' || port === 'announcements')) continue;
    const missing = names.find((name) => typeof given?.[name] !== 'function');
    if (missing !== undefined) throw new InvalidOption(`store.${port}`, `must have a function ${missing}()`);
  }
  return store;
}

function keyOption(key: Uint8Array | undefined): Uint8Array {
  if (key === undefined) return randomBytes(32);
  if (!(key instanceof Uint8Array) || key.length < 32) throw new InvalidOption('key', 'must be 32 bytes or more');
  return key;
}
