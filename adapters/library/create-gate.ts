/**
 * The core for your own program: an authorization server and the check of its access tokens, composed from a profile, a
 * store and a clock. Loads no framework and no native module; the transports (./koa, ./grpc, ./ws) are thin.
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
  checkCallContext,
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
import {
  audienceOption,
  clockOption,
  InvalidOption,
  knownOptions,
  type Requirement,
  readRequirement,
} from './options.ts';
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
  /** The store for grants and authorization codes. In memory by default: all tokens are lost when the process ends. */
  readonly store?: Store | undefined;
  /** The clients (RFC 6749 §2), for an app with few of them. By default the clients in `store.entities`. */
  readonly clients?: readonly ListedClient[] | undefined;
  /** Returns the time in milliseconds since the epoch. By default the clock of the store, or that of the system. */
  readonly clock?: Clock | undefined;
  /**
   * A secret of 32 bytes or more, the same in every process that shares the store. Needed only with `refreshTokenGrace`:
   * every process then returns the same tokens for a repeated refresh. Random at each start by default.
   */
  readonly key?: Uint8Array | undefined;
}

const gateOptions = ['store', 'clients', 'clock', 'key', ...issuerOptions] as const;

/** The consent of a resource owner (RFC 6749 §1.1) to an authorization request, from your own login page. */
export interface Consent {
  /** The id of the resource owner who has logged in and consents. Services find it as `bearer.grant.subject`. */
  readonly subject: string;
}

export interface Gate {
  /**
   * Checks an access token: `admitted` with its bearer, or `denied` with the error response (RFC 6750 §3). `undefined`
   * stands for a request without a token.
   *
   * Returns the outcome itself if the token is remembered, otherwise a promise; `await` works for both. Rejects only if the
   * store cannot be reached: respond with 503 then (over gRPC: UNAVAILABLE).
   */
  check(accessToken: string | undefined, requirement?: Requirement): MaybePromise<CheckOutcome>;
  /**
   * Checks the access token of a whole request (RFC 6750 §2); a request with two tokens is denied. Takes a `Request` of the
   * Fetch API, a request of Node's own servers (Express: `req`, Fastify: `request.raw`), or the header `Authorization` (all
   * its values) and the query. A token in the query is accepted in profile `kong` only.
   */
  checkRequest(
    request: PresentedRequest | Request | NodeRequest,
    requirement?: Requirement,
  ): MaybePromise<CheckOutcome>;
  /**
   * The token endpoint (RFC 6749 §3.2): `issued`, or `refused` with the error response (§5.2). Takes the parsed parameters,
   * or a `Request` of the Fetch API and reads its body. Rejects only if the store cannot be reached or the body cannot be
   * read, and with `InvalidOption` for something else, such as a `Request` whose body was read before.
   */
  exchange(parameters: ParametersGiven | Request, context?: CallContext): Promise<ExchangeOutcome>;
  /**
   * The authorization endpoint (RFC 6749 §3.1), for your login page after the resource owner has logged in and consented.
   * `parameters` are those of the authorization request, as the browser brought them. Send the browser to `redirectTo` of
   * the outcome. Rejects only if the store cannot be reached.
   */
  authorize(
    parameters: ParametersGiven,
    consent: Consent,
    context?: Pick<CallContext, 'audience'>,
  ): Promise<AuthorizeOutcome>;
  /**
   * Revokes the grant of an access token or a refresh token, or the grant with an id, with all its tokens. When the promise
   * resolves, this gate denies them, and so does every other gate that receives the announcements of the store.
   */
  revoke(what: string | { readonly grantId: string }): Promise<RevokeOutcome>;

  /** The active settings. Durations are in milliseconds. Contains the provision key, a secret: do not log it. */
  readonly issuer: Issuer;
  /** The realm of challenges (RFC 6750 §3). */
  readonly realm: string | undefined;
  /**
   * Checks a requirement once, so that a mistake throws when the program starts: `InvalidOption` for a scope that this gate
   * never issues. Scopes of another audience, and all scopes of a gate with a `store` and without the option `scopes`, are
   * not known here and pass.
   */
  requirement(given: Requirement): Requirement;
  /** The same settings with another audience. `undefined`: the gate's own. */
  issuerFor(audience: string | undefined): Issuer;
  /** The token endpoint and the authorization endpoint on the level of HTTP, for your own transport. */
  readonly server: AuthorizationServer;
  /** The parts that the gate is composed of. */
  readonly ports: Ports & { readonly bearers: Bearers };
  /** The clock that decides when tokens expire. */
  readonly clock: Clock;
}

/** Composes a gate. Throws `InvalidOption` if the name of an option is unknown or its value is not allowed. */
export function createGate(options: GateOptions = {}): Gate {
  knownOptions('createGate', options, gateOptions);
  const clock = clockOption(options.clock ?? options.store?.clock ?? systemClock);
  const entropy = systemEntropy();
  const issuer = issuerOf(options, entropy);
  const { realm } = options;
  const store = storeOption(options.store ?? memoryStore(clock));
  const records = options.clients === undefined ? store.entities : listedClients(options.clients);
  if (records === undefined) throw new InvalidOption('clients', 'must be listed, because the store has no entities');
  const { announcements } = store;
  const grants = announcements === undefined ? store.grants : announcingGrants(store.grants, announcements);
  const { clients, bearers, attempts } = readRecords(records, grants, announcements, clock);
  const successors = derivedSuccessors(openVault({ current: keyOption(options.key) }));
  const ports = { clients, codes: store.codes, grants, bearers, entropy, successors };
  const server = authorizationServer({ ...ports, attempts }, clock);
  const access = gate(bearers, clock);

  const issuerFor = (audience: string | undefined): Issuer =>
    audience === undefined ? issuer : { ...issuer, ...boundTo(audience) };

  const issuesElsewhere = options.store !== undefined && options.scopes === undefined;
  function requirement(of: string, given: Requirement): Requirement {
    const read = readRequirement(of, given);
    if (issuesElsewhere || (read.audience ?? issuer.id) !== issuer.id) return read;
    const missing = read.scopes?.find((scope) => !issuer.scopes?.includes(scope));
    if (missing === undefined) return read;
    throw new InvalidOption(
      'scopes',
      `has ${missing}, which this gate never issues; add it to the scopes of createGate`,
    );
  }

  function checkRead(read: ReturnType<typeof readBearer>, given: Requirement): MaybePromise<CheckOutcome> {
    const { scopes: requiredScope = [], audience } = given;
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
    check(accessToken, given = {}) {
      const required = requirement('check', given);
      if (accessToken === undefined) return checkRead('missing', required);
      // A text that cannot be a token by its form is not looked up in the store (RFC 6750 §2.1).
      const read =
        typeof accessToken === 'string' ? readBearer(issuer.profile, `Bearer ${accessToken}`, '') : 'malformed';
      return checkRead(read === 'missing' ? 'malformed' : read, required);
    },

    checkRequest(request, given = {}) {
      const required = requirement('checkRequest', given);
      const { authorization, query = '' } = presentedBy(request);
      // "Clients MUST NOT use more than one method to transmit the token in each request." (RFC 6750 §2)
      if (typeof authorization === 'object' && authorization.length > 1) return checkRead('repeated', required);
      const value = typeof authorization === 'object' ? authorization[0] : authorization;
      return checkRead(readBearer(issuer.profile, value, query), required);
    },

    async exchange(parameters, context = {}) {
      checkCallContext('exchange', context);
      const request = isFetched(parameters)
        ? await fetchedRequest(parameters, context, realm)
        : formRequest(parameters, context, realm);
      return issuedOrRefused(issuer.profile, await server.token(issuerFor(context.audience), request));
    },

    async authorize(parameters, consent, context = {}) {
      knownOptions('authorize', context, ['audience']);
      knownOptions('consent', consent, ['subject']);
      const { subject } = consent;
      if (typeof subject !== 'string' || subject.trim() === '') {
        throw new InvalidOption('subject', 'must name the resource owner');
      }
      // These replace parameters of the browser: only the login page can say who the resource owner is.
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
    requirement: (given) => requirement('requirement', given),
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
  if (typeof what !== 'string') {
    knownOptions('revoke', what, ['grantId']);
    if (typeof what.grantId !== 'string') throw new InvalidOption('grantId', 'must be the id of a grant');
    return (await grants.get(what.grantId))?.grant;
  }
  return (await grants.byAccessToken(what)) ?? (await grants.byRefreshToken(what))?.grant;
}

// Options -------------------------------------------------------------------------------------------------------------

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
