/**
 * What a profile changes, as a value handed to the machines. `kong` answers as Kong 3.9's oauth2 plugin was seen to;
 * `rfc9700` is current best practice. No machine asks which of the two it runs under.
 */
export interface Profile {
  readonly name: 'kong' | 'rfc9700';
  /** Whether the implicit and the password grant can be switched on at all (RFC 9700 §2.1.2, §2.4). */
  readonly legacyGrants: boolean;
  /** `configured`: as the plugin's `pkce` says. `always`: no code without a challenge (RFC 9700 §2.1.1). */
  readonly pkce: 'configured' | 'always';
  /** Whether challenge and verifier must have the form that RFC 7636 §4.1 and §4.2 give them. Kong takes what it gets. */
  readonly strictChallenge: boolean;
  /** Milliseconds. "A maximum authorization code lifetime of 10 minutes is RECOMMENDED." (RFC 6749 §4.1.2) */
  readonly codeLifetime: number;
  /** Which URI is in force when the authorization request names none and several are registered. */
  readonly unnamedRedirectUri: 'first registered' | 'only one registered';
  /** Who hears of a redirect_uri that is not registered: the first one that is, as with Kong, or nobody but the caller (RFC 6749 §4.1.2.1). */
  readonly wrongRedirectUri: 'redirect to the first registered' | 'no redirect';
  /** Whether a loopback redirect URI may be used with any port (RFC 8252 §7.3). */
  readonly loopbackPortsVary: boolean;
  /** Whether a redirect_uri that was sent for the code is needed again for the token (RFC 6749 §4.1.3). */
  readonly redirectUriAgain: boolean;
  /**
   * What a `redirect_uri` at the token endpoint is held against. `registered`: those of the client, whatever the grant,
   * and a client without any gets nothing that concerns a resource owner (Kong). `as for the code`: the one that the code
   * was sent to; other grants have none (RFC 6749 §4.1.3).
   */
  readonly tokenRedirectUri: 'registered' | 'as for the code';
  /** What a wrong redirect_uri or code_verifier by the code's own client costs the code. */
  readonly ownMismatch: 'keeps' | 'invalidates';
  /** Whether `reuse_refresh_token` lets a public client keep its refresh token; else it is rotated (RFC 9700 §4.14.2). */
  readonly publicClientsKeepRefreshToken: boolean;
  /** What a `scope` without any scope token is: a wish for none (Kong), or no scope at all (RFC 6749 §3.3). */
  readonly blankScope: 'none' | 'missing';
  /** Whether a second use of a code or a refresh token ends the grant (RFC 6749 §4.1.2, RFC 9700 §4.14.2). */
  readonly reuseRevokesGrant: boolean;
  /** Whether `enable_authorization_code` also closes the token endpoint to codes. Kong looks at it only when it issues them. */
  readonly closesRedemption: boolean;
  /** Whether an unknown client at the client credentials grant gets the challenge that RFC 6749 §5.2 asks for. */
  readonly challengesUnknownClients: boolean;
  /** Whether public clients may use the client credentials grant, against RFC 6749 §4.4. */
  readonly publicClientCredentials: boolean;
  /** What the `scope` of a refresh request does (RFC 6749 §6). */
  readonly refreshScope: 'ignored' | 'narrows';
  /** Whether a refresh must be made where the grant is bound to, or may carry it to a plugin with global credentials. */
  readonly refreshMovesToGlobal: boolean;
  /** Whether `scope` stands in every token response, or only where it differs from what was asked (RFC 6749 §5.1). */
  readonly scopeInResponse: 'always' | 'if different';
  /** What the store keeps of tokens. */
  readonly tokenStorage: 'encrypted' | 'digest';
  /** Which of several things wrong with an authorization request is told: the last one found (Kong), or the first. */
  readonly reportsRefusal: 'last' | 'first';
  /** Whether `iss` stands in every authorization response (RFC 9207 §2). */
  readonly iss: boolean;
  /** Whether failed client authentications are limited unless the plugin says otherwise (its `limit_failures`). */
  readonly limitsFailures: boolean;
  /** How parameters are read: Kong takes forms, JSON, multipart and the query as they come. */
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
