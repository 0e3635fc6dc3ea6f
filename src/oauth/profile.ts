/**
 * What a profile changes. `kong` behaves as Kong 3.9's oauth2 plugin was recorded; `rfc9700` is current best practice.
 * The machines read these settings; none asks for the name of the profile.
 */
export interface Profile {
  readonly name: 'kong' | 'rfc9700';
  /** Whether the implicit and the password grant can be enabled (RFC 9700 §2.1.2, §2.4). */
  readonly legacyGrants: boolean;
  /** Which clients must use PKCE. `configured`: as the plugin's `pkce` says. `always`: no code without a challenge (RFC 9700 §2.1.1). */
  readonly pkce: 'configured' | 'always';
  /** Whether challenge and verifier must have the form of RFC 7636 §4.1 and §4.2. Kong accepts any. */
  readonly strictChallenge: boolean;
  /** How long a code is valid, in milliseconds. "A maximum authorization code lifetime of 10 minutes is RECOMMENDED." (RFC 6749 §4.1.2) */
  readonly codeLifetime: number;
  /** The redirect URI of an authorization request that names none. */
  readonly unnamedRedirectUri: 'first registered' | 'only one registered';
  /** Where the error for an unregistered redirect_uri goes: to the first registered one (Kong), or only to the caller (RFC 6749 §4.1.2.1). */
  readonly wrongRedirectUri: 'redirect to the first registered' | 'no redirect';
  /** Whether a loopback redirect URI may be used with any port (RFC 8252 §7.3). */
  readonly loopbackPortsVary: boolean;
  /** Whether plain http redirect URIs are refused unless they are on loopback (RFC 9700 §2.6). */
  readonly secureRedirectUris: boolean;
  /** Whether the token request must repeat the redirect_uri of the authorization request (RFC 6749 §4.1.3). */
  readonly redirectUriAgain: boolean;
  /**
   * What a `redirect_uri` at the token endpoint is compared with. `registered`: the URIs of the client, for every grant;
   * a client without any is refused the grants that concern a resource owner (Kong). `as for the code`: the URI that the
   * code was sent to; other grants have none (RFC 6749 §4.1.3).
   */
  readonly tokenRedirectUri: 'registered' | 'as for the code';
  /** What happens to a code when its client sends a wrong redirect_uri or code_verifier. */
  readonly ownMismatch: 'keeps' | 'invalidates';
  /** Whether `reuse_refresh_token` lets a public client keep its refresh token; else it is rotated (RFC 9700 §4.14.2). */
  readonly publicClientsKeepRefreshToken: boolean;
  /** What a blank `scope` means: no scope (Kong), or an omitted parameter (RFC 6749 §3.3). */
  readonly blankScope: 'none' | 'missing';
  /** Whether a second use of a code or a refresh token revokes the grant (RFC 6749 §4.1.2, RFC 9700 §4.14.2). */
  readonly reuseRevokesGrant: boolean;
  /** Whether codes can be redeemed only while `enable_authorization_code` is set. Kong reads it only when it issues codes. */
  readonly closesRedemption: boolean;
  /** Whether an unknown client at the client credentials grant gets the challenge that RFC 6749 §5.2 requires. */
  readonly challengesUnknownClients: boolean;
  /** Whether public clients may use the client credentials grant, against RFC 6749 §4.4. */
  readonly publicClientCredentials: boolean;
  /** What the `scope` of a refresh request does (RFC 6749 §6). */
  readonly refreshScope: 'ignored' | 'narrows';
  /** Whether a refresh at a plugin with global credentials makes the grant global. Otherwise the grant stays where it is bound. */
  readonly refreshMovesToGlobal: boolean;
  /** Whether every token response has `scope`, or only one whose scope differs from the request (RFC 6749 §5.1). */
  readonly scopeInResponse: 'always' | 'if different';
  /** Whether the store keeps tokens encrypted, so that the Admin API can show them, or only digests to find them by. */
  readonly tokenStorage: 'encrypted' | 'digest';
  /** Which of several errors of an authorization request is reported: the last one found (Kong), or the first. */
  readonly reportsRefusal: 'last' | 'first';
  /** Whether every authorization response has `iss` (RFC 9207 §2). It is left out while `public_url` is not set. */
  readonly iss: boolean;
  /** Whether failed client authentications are limited unless the plugin says otherwise (its `limit_failures`). */
  readonly limitsFailures: boolean;
  /** How parameters are read. Kong accepts forms, JSON, multipart and the query. */
  readonly parameters: 'lenient' | 'strict';
}

export const kong: Profile = {
  name: 'kong',
  legacyGrants: true,
  pkce: 'configured',
  strictChallenge: false,
  codeLifetime: 300_000,
  unnamedRedirectUri: 'first registered',
  wrongRedirectUri: 'redirect to the first registered',
  loopbackPortsVary: false,
  secureRedirectUris: false,
  redirectUriAgain: false,
  tokenRedirectUri: 'registered',
  ownMismatch: 'keeps',
  publicClientsKeepRefreshToken: true,
  blankScope: 'none',
  reuseRevokesGrant: false,
  closesRedemption: false,
  challengesUnknownClients: false,
  publicClientCredentials: true,
  refreshScope: 'ignored',
  refreshMovesToGlobal: true,
  scopeInResponse: 'if different',
  tokenStorage: 'encrypted',
  reportsRefusal: 'last',
  iss: false,
  limitsFailures: false,
  parameters: 'lenient',
};

export const rfc9700: Profile = {
  name: 'rfc9700',
  legacyGrants: false,
  pkce: 'always',
  strictChallenge: true,
  codeLifetime: 60_000,
  unnamedRedirectUri: 'only one registered',
  wrongRedirectUri: 'no redirect',
  loopbackPortsVary: true,
  secureRedirectUris: true,
  redirectUriAgain: true,
  tokenRedirectUri: 'as for the code',
  ownMismatch: 'invalidates',
  publicClientsKeepRefreshToken: false,
  blankScope: 'missing',
  reuseRevokesGrant: true,
  closesRedemption: true,
  challengesUnknownClients: true,
  publicClientCredentials: false,
  refreshScope: 'narrows',
  refreshMovesToGlobal: false,
  scopeInResponse: 'always',
  tokenStorage: 'digest',
  reportsRefusal: 'first',
  iss: true,
  limitsFailures: true,
  parameters: 'strict',
};

export const profiles: Readonly<Record<Profile['name'], Profile>> = { kong, rfc9700 };
