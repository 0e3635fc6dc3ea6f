/** The settings of an authorization server as a program writes them: durations in seconds, safe defaults. */
import { boundToService, type Issuer } from '../../src/oauth/issuer.ts';
import { type Profile, profiles } from '../../src/oauth/profile.ts';
import { isWithin } from '../../src/oauth/scope.ts';
import type { Entropy } from '../../src/ports/entropy.ts';
import { audienceOption, booleanOption, InvalidOption, scopesOption, secondsOption } from './options.ts';

/** The grant types that an issuer may offer (RFC 6749 §1.3). Grants with a resource owner include refresh tokens. */
export type GrantType = 'authorization_code' | 'client_credentials' | 'implicit' | 'password';

export interface IssuerOptions {
  /**
   * `rfc9700` (default): current best practice. PKCE is required, the implicit and the password grant are refused, and no
   * token is accepted in a URL. `kong`: the responses of the oauth2 plugin of Kong 3.9, for clients that rely on them.
   */
  readonly profile?: Profile['name'] | undefined;
  /**
   * The name of the service that tokens are issued for. Only checks with the same audience admit them. Give each service
   * that shares a store its own name; in a store shared with the gateway that is the id of the service. 1 to 200 printable
   * ASCII characters without blanks. `default` by default.
   */
  readonly audience?: string | undefined;
  /** The scope tokens that clients may request (RFC 6749 §3.3). None by default: a request that names one is refused. */
  readonly scopes?: readonly string[] | undefined;
  /** The scope tokens granted when a request names none; each must be one of `scopes`. None by default. */
  readonly defaultScopes?: readonly string[] | undefined;
  /** Refuse requests that name no scope, if there are no `defaultScopes`. `false` by default. */
  readonly mandatoryScope?: boolean | undefined;
  /** The grant types on offer. By default, and at most in profile `rfc9700`: `authorization_code` and `client_credentials`. */
  readonly grantTypes?: readonly GrantType[] | undefined;
  /** Seconds until an access token expires; `Infinity`: never, and there is no refresh token. 600 by default. */
  readonly accessTokenLifetime?: number | undefined;
  /** Seconds until a refresh token expires; `Infinity`: never. 1209600 (two weeks) by default. */
  readonly refreshTokenLifetime?: number | undefined;
  /** Seconds, 0 to 60, in which a repeated refresh returns the same new tokens and is not refused. 0 by default. */
  readonly refreshTokenGrace?: number | undefined;
  /**
   * Keep the refresh token at each refresh (Kong's `reuse_refresh_token`), in profile `rfc9700` only for confidential
   * clients. `false` by default: it rotates.
   */
  readonly reuseRefreshToken?: boolean | undefined;
  /**
   * Which clients must use PKCE (RFC 7636) in profile `kong`: public clients (`lax`, the default), all (`strict`), or none.
   * Profile `rfc9700` requires it of all and refuses this option.
   */
  readonly pkce?: 'none' | 'lax' | 'strict' | undefined;
  /**
   * The secret of a login page that calls the authorization endpoint over HTTP, 16 characters or more. `gate.authorize`
   * does not need it. Random by default: the endpoint then refuses every request over HTTP.
   */
  readonly provisionKey?: string | undefined;
  /**
   * Rate limit failed client authentications, by client and address (RFC 6749 §2.3.1). By default `true` in profile
   * `rfc9700`, `false` in `kong`.
   */
  readonly limitFailures?: boolean | undefined;
  /** The issuer identifier, an https URL; authorization responses carry it as `iss` (RFC 9207 §2). None by default. */
  readonly issuerIdentifier?: string | undefined;
  /** The realm in `WWW-Authenticate` (RFC 6750 §3). None by default. */
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
  if (!isWithin(defaultScope, scopes)) throw new InvalidOption('defaultScopes', 'must be a subset of scopes');
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

/** Milliseconds; for the core 0 means that it never expires. */
function lifetimeOption(name: string, value: unknown): number {
  return value === Number.POSITIVE_INFINITY ? 0 : secondsOption(name, value, 1, aHundredYears);
}

function pkceOption(value: unknown, profile: Profile): Issuer['pkce'] {
  if (value === undefined) return 'lax';
  if (value !== 'none' && value !== 'lax' && value !== 'strict') {
    throw new InvalidOption('pkce', "must be 'none', 'lax' or 'strict'");
  }
  if (profile.pkce === 'always')
    throw new InvalidOption('pkce', `has no effect in profile ${profile.name}, which always requires PKCE`);
  return value;
}

function grantTypesOption(value: unknown, profile: Profile): Issuer['grantTypes'] {
  const known = ['authorization_code', 'client_credentials', 'implicit', 'password'];
  if (!Array.isArray(value)) throw new InvalidOption('grantTypes', 'must be a list');
  for (const type of value) {
    if (type === 'refresh_token') {
      throw new InvalidOption('grantTypes', 'cannot have refresh_token: it comes with authorization_code and password');
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
