/**
 * The token endpoint on the wire (RFC 6749 §4, §5). All transports share this file; none of them knows grant types.
 */
import type { AuthorizationCodeRequest } from '../grants/authorization-code.ts';
import type { ClientCredentialsRequest } from '../grants/client-credentials.ts';
import type { PasswordRequest } from '../grants/password.ts';
import type { RefreshTokenRequest } from '../grants/refresh-token.ts';
import type { UnsupportedRequest } from '../grants/unsupported.ts';
import type { GrantOutcome, TokenRequest } from '../grants/vocabulary.ts';
import type { EpochMilliseconds } from '../oauth/client.ts';
import type { Issuer } from '../oauth/issuer.ts';
import type { Refusal } from '../oauth/refusals.ts';
import { sameScope, splitScope } from '../oauth/scope.ts';
import { readClientAuthentication } from './client-authentication.ts';
import { insecure, refusalBody, refuseMethod, tryLater, unreadBody } from './endpoint.ts';
import { type Parameters, readParameters } from './parameters.ts';
import { type EndpointRequest, notStored, type OAuthResponse } from './response.ts';

const known: ReadonlySet<string> = new Set([
  'grant_type',
  'client_id',
  'client_secret',
  'code',
  'code_verifier',
  'redirect_uri',
  'refresh_token',
  'scope',
  'provision_key',
  'authenticated_userid',
  'username',
  'password',
]);

/** A token request: the grant, and the input of its machine. */
export type TokenCall =
  | { readonly grant: 'authorization_code'; readonly request: AuthorizationCodeRequest }
  | { readonly grant: 'client_credentials'; readonly request: ClientCredentialsRequest }
  | { readonly grant: 'password'; readonly request: PasswordRequest }
  | { readonly grant: 'refresh_token'; readonly request: RefreshTokenRequest }
  | { readonly grant: 'unsupported'; readonly request: UnsupportedRequest };

export interface ReadTokenCall {
  readonly call: TokenCall;
  /** The parameters that the response repeats. */
  readonly echo: Parameters;
}

/** The time and the random values of a request. */
export interface RequestStamp {
  readonly receivedAt: EpochMilliseconds;
  readonly attempt: string;
  readonly grantId: string;
}

export function readTokenCall(
  issuer: Issuer,
  endpoint: EndpointRequest,
  stamp: RequestStamp,
): ReadTokenCall | OAuthResponse {
  const wrongMethod = refuseMethod('token', issuer, endpoint);
  if (wrongMethod !== undefined) return wrongMethod;
  const read = readParameters(issuer.profile, known, endpoint);
  if ('reason' in read) return refusalResponse(issuer, read, none);
  const { parameters } = read;
  const plain = insecure(endpoint);
  if (plain !== undefined) return refusalResponse(issuer, plain, parameters);
  const from = issuer.limitsFailures ? endpoint.from : undefined;
  const authentication = readClientAuthentication(issuer.profile, parameters, endpoint.authorization, from);
  if ('reason' in authentication) return refusalResponse(issuer, authentication, parameters);
  const common: TokenRequest = {
    issuer,
    authentication,
    redirectUri: parameters.get('redirect_uri'),
    scope: parameters.get('scope'),
    ...stamp,
  };
  return { call: callOf(parameters, common), echo: parameters };
}

function callOf(parameters: Parameters, common: TokenRequest): TokenCall {
  const owner = {
    authenticatedUserid: parameters.get('authenticated_userid'),
    provisionKey: parameters.get('provision_key'),
  };
  const grantType = parameters.get('grant_type');
  switch (grantType) {
    case 'authorization_code':
      return {
        grant: grantType,
        request: { ...common, code: parameters.get('code'), codeVerifier: parameters.get('code_verifier') },
      };
    case 'client_credentials':
      return { grant: grantType, request: { ...common, ...owner } };
    case 'password':
      return { grant: grantType, request: { ...common, ...owner } };
    case 'refresh_token':
      return { grant: grantType, request: { ...common, refreshToken: parameters.get('refresh_token') } };
    default:
      return { grant: 'unsupported', request: { ...common, grantTypeMissing: grantType === undefined } };
  }
}

/** RFC 6749 §5.1 and §5.2. */
export function tokenResponse({ call, echo }: ReadTokenCall, outcome: GrantOutcome): OAuthResponse {
  const { issuer, authentication, receivedAt, scope: asked } = call.request;
  if (outcome.state === 'refused') {
    // The id of an unknown client may be any text, even a secret that was sent in the wrong parameter: it is not logged.
    const unknown = outcome.clientUnknown || outcome.reason.startsWith('client_authentication_');
    const clientId = unknown ? undefined : authentication.clientId;
    const response = refusalResponse(issuer, outcome, echo, outcome.failedAuthentication === 'client_secret_basic');
    return clientId === undefined ? response : { ...response, clientId };
  }
  const { clientId } = authentication;
  const { grant, tokens } = outcome;
  const body: Record<string, unknown> = { access_token: tokens.accessToken, token_type: 'bearer' };
  // Counted from now: a refresh that is repeated within the grace period returns tokens that are some seconds old.
  if (grant.expiresAt !== undefined)
    body['expires_in'] = Math.max(0, Math.floor((grant.expiresAt - receivedAt) / 1000));
  if (tokens.refreshToken !== undefined) body['refresh_token'] = tokens.refreshToken;
  // "scope OPTIONAL, if identical to the scope requested by the client; otherwise, REQUIRED." (RFC 6749 §5.1)
  const { scopeInResponse } = issuer.profile;
  const differs = !sameScope(grant.accessScope, typeof asked === 'string' ? splitScope(asked) : []);
  const asksForScope = call.grant === 'client_credentials' || call.grant === 'password';
  // "scope = scope-token *( SP scope-token )" (RFC 6749 §3.3): an empty scope cannot be written.
  if (grant.accessScope.length > 0 && (scopeInResponse === 'always' || (differs && asksForScope))) {
    body['scope'] = grant.accessScope.join(' ');
  }
  if (issuer.profile.parameters === 'lenient' && echo.has('state')) body['state'] = echo.get('state');
  const issued = call.grant === 'unsupported' ? {} : { issued: call.grant };
  const response: OAuthResponse = { status: 200, headers: notStored, body, ...issued };
  return clientId === undefined ? response : { ...response, clientId };
}

const none: Parameters = new Map();

export function refusalResponse(
  issuer: Issuer,
  refusal: Refusal & { readonly retryAfter?: number },
  echo: Parameters,
  challenged = false,
): OAuthResponse {
  const body: Record<string, unknown> = refusalBody(issuer, refusal);
  if (issuer.profile.parameters === 'lenient' && echo.has('state')) body['state'] = echo.get('state');
  const about =
    refusal.detail === undefined ? { reason: refusal.reason } : { reason: refusal.reason, detail: refusal.detail };
  const later = tryLater(refusal);
  if (later !== undefined) return { ...later, body, refusal: about };
  const unread = unreadBody(refusal.reason);
  if (unread !== undefined) return { ...unread, body, refusal: about };
  // "If the client attempted to authenticate via the "Authorization" request header field, the authorization server
  // MUST respond with an HTTP 401 (Unauthorized) status code and include the "WWW-Authenticate" response header field
  // matching the authentication scheme used by the client." (RFC 6749 §5.2)
  if (challenged && body['error'] === 'invalid_client') {
    return {
      status: 401,
      headers: [['WWW-Authenticate', 'Basic realm="OAuth2.0"'], ...notStored],
      body,
      refusal: about,
    };
  }
  return { status: 400, headers: notStored, body, refusal: about };
}
