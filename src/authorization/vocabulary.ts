/** The effects of the authorization endpoint in addition to those of the grants, the events, and the outcomes. */
import type { GrantEvents, OpenGrant } from '../grants/vocabulary.ts';
import type { Effect, Event, Final } from '../machine/machine.ts';
import type { Client } from '../oauth/client.ts';
import type { Refusal } from '../oauth/refusals.ts';
import type { AuthorizationCode, Grant, TokenPair } from '../oauth/tokens.ts';

export interface FindClient extends Effect<'findClient'> {
  readonly clientId: string;
}
export interface SaveAuthorizationCode extends Effect<'saveAuthorizationCode'> {
  readonly record: AuthorizationCode;
}
export type AuthorizationEffect = FindClient | SaveAuthorizationCode | OpenGrant;

export interface ClientFound extends Event<'clientFound'> {
  readonly client: Client;
}
export interface ClientUnknown extends Event<'clientUnknown'> {}
export interface AuthorizationCodeSaved extends Event<'authorizationCodeSaved'> {
  readonly code: string;
}

export interface AuthorizationEvents {
  readonly findClient: ClientFound | ClientUnknown;
  readonly saveAuthorizationCode: AuthorizationCodeSaved;
  readonly openGrant: GrantEvents['openGrant'];
}

/** An authorization response (RFC 6749 §4.1.2, §4.2.2), before a transport sends it. */
export interface CodeGranted extends Final<'codeGranted'> {
  readonly redirectUri: string;
  readonly code: string;
}
export interface AccessTokenGranted extends Final<'accessTokenGranted'> {
  readonly redirectUri: string;
  readonly grant: Grant;
  readonly tokens: TokenPair;
}
export interface AuthorizationRefused extends Final<'refused'>, Refusal {
  /** Where the refusal may be redirected; `undefined`: only the caller receives it (RFC 6749 §4.1.2.1). */
  readonly redirectUri: string | undefined;
}

export type AuthorizationOutcome = CodeGranted | AccessTokenGranted | AuthorizationRefused;
