/** The settings of an authorization server, as a program writes them: in seconds, and safe where nothing is said. */
import { boundToService, type Issuer } from '../../src/oauth/issuer.ts';
import { type Profile, profiles } from '../../src/oauth/profile.ts';
import { isWithin } from '../../src/oauth/scope.ts';
import type { Entropy } from '../../src/ports/entropy.ts';
import { audienceOption, booleanOption, InvalidOption, scopesOption, secondsOption } from './options.ts';

/** The grant types that an issuer may offer (RFC 6749 §1.3). Refresh tokens come with those that have a resource owner. */
export type GrantType = 'authorization_code' | 'client_credentials' | 'implicit' | 'password';

export interface IssuerOptions {
  /**
   * `rfc9700` (default): current best practice; PKCE always, no implicit, no password grant, nothing secret in URLs.
   * `kong`: what the oauth2 plugin of Kong 3.9 answers, for clients that rely on it.
   */
  readonly profile?: Profile['name'] | undefined;
  /**
   * The service that tokens are issued for, and good at. Services that share a store each have a name here, or a token of
   * one opens the other. In a store shared with the gateway it is the id of the service. `default` by default.
   */
  readonly audience?: string | undefined;
  /** The scope tokens on offer (RFC 6749 §3.3). None by default: asking for one is refused. */
  readonly scopes?: readonly string[] | undefined;
  /** Granted when a request names no scope. Nothing by default. */
  readonly defaultScopes?: readonly string[] | undefined;
  /** Refuse a request that names no scope, where there are no `defaultScopes`. `false` by default. */
  readonly mandatoryScope?: boolean | undefined;
  /** Authorization code and client credentials by default. Profile `rfc9700` takes no others. */
  readonly grantTypes?: readonly GrantType[] | undefined;
  /** Seconds an access token is good for, or `Infinity`: it never expires, and has no refresh token. 600 by default. */
  readonly accessTokenLifetime?: number | undefined;
  /** Seconds a refresh token is good for, or `Infinity`. 1209600, two weeks, by default. */
  readonly refreshTokenLifetime?: number | undefined;
  /** Seconds, 60 at most, for which a refresh token just used is answered with its same successor. 0, never, by default. */
  readonly refreshTokenGrace?: number | undefined;
  /** Keep the same refresh token at each refresh (Kong's `reuse_refresh_token`); in profile `rfc9700` for confidential clients alone. `false` by default. */
  readonly reuseRefreshToken?: boolean | undefined;
  /** Who needs PKCE (RFC 7636) in profile `kong`: `lax` (default) public clients, `strict` confidential ones. `rfc9700` asks it of all. */
  readonly pkce?: 'none' | 'lax' | 'strict' | undefined;
  /**
   * What your own login page proves itself with at the authorization endpoint, 16 characters or more. `gate.authorize`
   * needs none; by default it is drawn at random, which closes the endpoint to everybody else.
   */
  readonly provisionKey?: string | undefined;
  /** Put off who fails too often to prove a client, by client and address. As the profile has it by default: yes in `rfc9700`. */
  readonly limitFailures?: boolean | undefined;
  /** The issuer identifier, an https URL, told in authorization responses as `iss` (RFC 9207 §2). None by default. */
  readonly issuerIdentifier?: string | undefined;
  /** The realm of challenges (RFC 6750 §3). None by default. */
  readonly realm?: string | undefined;
}

export const issuerOptions = [
  'profile',
  'audience',
  'scopes',
  'defaultScopes',
  'mandatoryScope',
  'grantTypes',
  'accessTokenLifetime',
  'refreshTokenLifetime',
  'refreshTokenGrace',
  'reuseRefreshToken',
  'pkce',
  'provisionKey',
  'limitFailures',
  'issuerIdentifier',
  'realm',
] as const satisfies readonly (keyof IssuerOptions)[];

const aHundredYears = 3_155_760_000;

export function issuerOf(options: IssuerOptions, entropy: Entropy): Issuer {
  const profile = profileOption(options.profile ?? 'rfc9700');
  const audience = audienceOption('audience', options.audience ?? 'default');
  const scopes = scopesOption('scopes', options.scopes ?? []);
  const defaultScope = scopesOption('defaultScopes', options.defaultScopes ?? []);
  if (!isWithin(defaultScope, scopes)) throw new InvalidOption('defaultScopes', 'must all be among scopes');
  checkRealm(options.realm);
  return {
    id: audience,
    profile,
    audience: { boundTo: boundToService(audience), serviceId: audience },
    codesBoundTo: boundToService(audience),
    scopes,
    defaultScope,
    mandatoryScope: booleanOption('mandatoryScope', options.mandatoryScope ?? false),
    provisionKey: provisionKeyOption(options.provisionKey ?? entropy.token()),
    accessTokenLifetime: lifetimeOption('accessTokenLifetime', options.accessTokenLifetime ?? 600),
    refreshTokenLifetime: lifetimeOption('refreshTokenLifetime', options.refreshTokenLifetime ?? 1_209_600),
    reusesRefreshToken: booleanOption('reuseRefreshToken', options.reuseRefreshToken ?? false),
    refreshTokenGrace: secondsOption('refreshTokenGrace', options.refreshTokenGrace ?? 0, 0, 60),
    pkce: pkceOption(options.pkce, profile),
    grantTypes: grantTypesOption(options.grantTypes ?? ['authorization_code', 'client_credentials'], profile),
    limitsFailures: booleanOption('limitFailures', options.limitFailures ?? profile.limitsFailures),
    identifier: identifierOption(options.issuerIdentifier),
  };
}

function profileOption(name: string): Profile {
  if (name !== 'kong' && name !== 'rfc9700') throw new InvalidOption('profile', "must be 'rfc9700' or 'kong'");
  return profiles[name];
}

/** Milliseconds; the core says 0 for what never ends. */
function lifetimeOption(name: string, value: unknown): number {
  return value === Number.POSITIVE_INFINITY ? 0 : secondsOption(name, value, 1, aHundredYears);
}

function pkceOption(value: unknown, profile: Profile): Issuer['pkce'] {
  if (value === undefined) return 'lax';
  if (value !== 'none' && value !== 'lax' && value !== 'strict') {
    throw new InvalidOption('pkce', "must be 'none', 'lax' or 'strict'");
  }
  if (profile.pkce === 'always')
    throw new InvalidOption('pkce', `has no effect in profile ${profile.name}, which always asks for PKCE`);
  return value;
}

function grantTypesOption(value: unknown, profile: Profile): Issuer['grantTypes'] {
  const known = ['authorization_code', 'client_credentials', 'implicit', 'password'];
  if (!Array.isArray(value)) throw new InvalidOption('grantTypes', 'must be a list');
  for (const type of value) {
    if (type === 'refresh_token') {
      throw new InvalidOption(
        'grantTypes',
        'cannot have refresh_token: it comes with the grants that have a resource owner',
      );
    }
    if (!known.includes(type))
      throw new InvalidOption('grantTypes', `cannot have ${JSON.stringify(type)}; there are ${known.join(', ')}`);
    if ((type === 'implicit' || type === 'password') && !profile.legacyGrants) {
      throw new InvalidOption('grantTypes', `cannot have ${type} in profile ${profile.name} (RFC 9700 §2.1.2, §2.4)`);
    }
  }
  return {
    authorizationCode: value.includes('authorization_code'),
    clientCredentials: value.includes('client_credentials'),
    implicit: value.includes('implicit'),
    password: value.includes('password'),
  };
}

function provisionKeyOption(value: unknown): string {
  if (typeof value !== 'string' || value.length < 16) {
    throw new InvalidOption('provisionKey', 'must be a string of 16 characters or more');
  }
  return value;
}

function identifierOption(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  // "a URL that uses the "https" scheme and has no query or fragment components" (RFC 8414 §2)
  if (typeof value !== 'string' || !URL.canParse(value) || !/^https:\/\/[^?#]+$/.test(value)) {
    throw new InvalidOption('issuerIdentifier', 'must be an https URL without query and fragment');
  }
  return value;
}

function checkRealm(realm: unknown): void {
  if (realm === undefined) return;
  if (typeof realm !== 'string' || !/^[\x20-\x21\x23-\x5B\x5D-\x7E]+$/.test(realm)) {
    throw new InvalidOption('realm', 'must be printable ASCII without quote and backslash');
  }
}
