/**
 * The settings of one authorization server: Kong's oauth2 plugin on one service, in the words of the RFCs. Together with
 * the request it is all that a machine needs. Nothing here changes while a request is handled.
 */
import type { Profile } from './profile.ts';
import type { Refusal } from './refusals.ts';
import { isScopeToken, type Scope, splitScope } from './scope.ts';
import type { Grant } from './tokens.ts';

export interface Issuer {
  /** The id of the plugin. */
  readonly id: string;
  readonly profile: Profile;
  readonly audience: Audience;
  /** Where codes may be redeemed: `service:<id>`, `plugin:<id>`, or a group that shares codes. */
  readonly codesBoundTo: string;
  /** The scope tokens on offer. `undefined`: any scope is accepted and none is granted (Kong's `scopes: null`). */
  readonly scopes: Scope | undefined;
  /** Granted when a request has no scope. */
  readonly defaultScope: Scope;
  readonly mandatoryScope: boolean;
  /** The secret that the operator's login page sends. */
  readonly provisionKey: string;
  /** Milliseconds; 0: access tokens never expire and have no refresh token (Kong's `token_expiration`). */
  readonly accessTokenLifetime: number;
  /** Milliseconds; 0: refresh tokens never expire. */
  readonly refreshTokenLifetime: number;
  readonly reusesRefreshToken: boolean;
  /** Milliseconds in which a used refresh token still returns the same successor. */
  readonly refreshTokenGrace: number;
  readonly pkce: 'none' | 'lax' | 'strict';
  readonly grantTypes: {
    readonly authorizationCode: boolean;
    readonly implicit: boolean;
    readonly clientCredentials: boolean;
    readonly password: boolean;
  };
  /** Whether failed client authentications are counted by client and address, and rate limited (RFC 6749 §2.3.1). */
  readonly limitsFailures: boolean;
  /** The issuer identifier (RFC 9207 §2), made of the configured public URL, never of a request's Host. */
  readonly identifier: string | undefined;
}

/** Where access tokens are valid. */
export interface Audience {
  /** `service:<id>`, `global`, or the name of a group of services that share tokens. */
  readonly boundTo: string;
  /** The service of the matched route; `undefined` for a route without one. */
  readonly serviceId: string | undefined;
}

export const boundToService = (serviceId: string): string => `service:${serviceId}`;
export const boundToAll = 'global';

/** Whether the tokens of `grant` are valid at `audience`. */
export function isGoodAt(grant: Grant, audience: Audience): 'good' | 'global' | 'elsewhere' {
  if (grant.boundTo === audience.boundTo) return 'good';
  if (grant.boundTo === boundToAll) return 'global';
  // A plugin with global credentials accepts the tokens of its service too (Kong).
  const own = audience.serviceId !== undefined && grant.boundTo === boundToService(audience.serviceId);
  return own && audience.boundTo === boundToAll ? 'good' : 'elsewhere';
}

/** The scope that a request is granted (RFC 6749 §3.3), or why it is refused. `asked` is the parameter as received. */
export function scopeGranted(issuer: Issuer, asked: unknown): { readonly scope: Scope } | Refusal {
  const isBlank = typeof asked === 'string' && splitScope(asked).length === 0;
  if (asked === undefined || (isBlank && issuer.profile.blankScope === 'missing')) {
    // "If the client omits the scope parameter when requesting authorization, the authorization server MUST either
    // process the request using a pre-defined default value or fail the request indicating an invalid scope." (§3.3)
    if (issuer.defaultScope.length > 0) return { scope: issuer.defaultScope };
    return issuer.mandatoryScope ? { reason: 'scope_missing' } : { scope: [] };
  }
  if (issuer.scopes === undefined) return { scope: [] };
  if (typeof asked !== 'string') return { reason: 'scope_malformed' };
  const scope = splitScope(asked);
  const { scopes } = issuer;
  const unknown = scope.find((token) => !scopes.includes(token));
  if (unknown !== undefined) return { reason: 'scope_unknown', detail: isScopeToken(unknown) ? unknown : '' };
  return { scope };
}

/** Whether a code of this client needs a challenge. */
export function needsChallenge(issuer: Issuer, clientType: 'confidential' | 'public'): boolean {
  if (issuer.profile.pkce === 'always') return true;
  // Kong's `lax` requires it of public clients, `strict` of confidential ones too.
  return issuer.pkce === 'strict' || (issuer.pkce === 'lax' && clientType === 'public');
}
