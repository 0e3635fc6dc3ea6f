/**
 * All reasons for which the gate refuses a request. The machines use reasons only. The profile decides which error a
 * response has: Kong's, or that of RFC 6749 §4.1.2.1, §5.2 and RFC 6750 §3.1. The codes are stable: logs, metrics and
 * docs/errors.md use them.
 */

export interface OAuthError {
  readonly error: string;
  /** `{detail}` stands for the parameter or scope token in question. Never says which check of a secret failed. */
  readonly description: string;
}

export interface RefusalText {
  readonly kong: OAuthError;
  readonly rfc9700: OAuthError;
  /** For the developer or operator: what happened and what to do. */
  readonly remedy: string;
  /** The remedy in a program that embeds the gate, where `remedy` names settings that only the gate has. */
  readonly embedded?: string;
}

const both = (error: string, description: string): { kong: OAuthError; rfc9700: OAuthError } => ({
  kong: { error, description },
  rfc9700: { error, description },
});

export const refusals = {
  https_required: {
    kong: { error: 'access_denied', description: 'You must use HTTPS' },
    rfc9700: { error: 'invalid_request', description: 'You must use HTTPS' },
    remedy:
      'Call the TLS port. Behind a proxy that ends TLS, list it in PORTCULLIS_TRUSTED_IPS and set config.accept_http_if_already_terminated. On loopback see PORTCULLIS_PLAIN_HTTP_TOKENS.',
    embedded:
      'Use https. If a proxy terminates TLS and only it can reach this server, set secure: true. A request from this machine is accepted over http if its Host is a loopback name and exchange receives the address of the caller as from.',
  },
  forwarded_proto_ambiguous: {
    kong: { error: 'access_denied', description: 'Only one X-Forwarded-Proto header allowed' },
    rfc9700: { error: 'invalid_request', description: 'Only one X-Forwarded-Proto header allowed' },
    remedy: 'Let the proxy in front send exactly one X-Forwarded-Proto header with one value.',
  },
  method_not_allowed: {
    kong: { error: 'invalid_method', description: 'The HTTP method {detail}' },
    rfc9700: { error: 'invalid_request', description: 'The HTTP method {detail}' },
    remedy: 'Use POST.',
  },
  body_unsupported: {
    ...both('invalid_request', 'The body must be of type application/x-www-form-urlencoded'),
    remedy: 'Send the parameters as a form: curl does so with --data.',
  },
  body_too_large: {
    ...both('invalid_request', 'The body is too large'),
    remedy: 'Send only the parameters of the request; together they must not exceed 1 MiB.',
  },
  body_late: {
    ...both('invalid_request', 'The body did not arrive in time'),
    remedy: 'Send the whole body at once. The connection was closed.',
  },
  parameter_repeated: {
    ...both('invalid_request', '{detail} must be given once'),
    remedy: 'Send the parameter once, in one place.',
  },
  parameter_malformed: {
    ...both('invalid_request', '{detail} is malformed'),
    remedy: 'Send the parameter as one string of printable characters.',
  },
  parameter_unsupported: {
    ...both('invalid_request', '{detail} is not supported'),
    remedy: 'Send the parameters of the request themselves (RFC 9101 request objects are not supported).',
  },
  client_authentication_failed: {
    ...both('invalid_client', 'Invalid client authentication'),
    remedy:
      'Check client_id and client_secret, and that the client has a redirect URI. A refresh token only works for the client it was issued to.',
  },
  client_authentication_ambiguous: {
    ...both('invalid_client', 'Invalid client authentication'),
    remedy:
      'The client_id in the Basic header names one client as sent and another one form-decoded (RFC 6749 §2.3.1). Send client_id and client_secret in the body, or give one of the two clients an id without % and +.',
  },
  client_authentication_repeated: {
    ...both('invalid_request', 'The client must use one authentication method'),
    remedy: 'Send the secret either in the Authorization header or in the body.',
  },
  client_rate_limited: {
    ...both('temporarily_unavailable', 'Too many attempts of client authentication; try again later'),
    remedy:
      'Try again after the seconds in Retry-After. This client failed too often from this address (config.limit_failures), or too many requests of this client wait for the check of its hashed secret.',
    embedded:
      'Try again after the seconds in Retry-After. This client failed too often from this address (option limitFailures), or too many requests of this client wait for the check of its hashed secret.',
  },
  hashes_full: {
    ...both('temporarily_unavailable', 'Too many secrets wait to be checked; try again later'),
    remedy:
      'Try again after the seconds in Retry-After. As many hashed secrets wait to be checked as limit_hashes allows.',
    embedded: 'Try again after the seconds in Retry-After. Too many hashed secrets wait to be checked.',
  },
  provision_key_rate_limited: {
    ...both('temporarily_unavailable', 'Too many wrong provision keys; try again later'),
    remedy:
      'Try again after the seconds in Retry-After. This address sent too many wrong provision keys (config.limit_failures).',
    embedded:
      'Try again after the seconds in Retry-After. This address sent too many wrong provision keys (option limitFailures).',
  },
  client_secret_disallowed: {
    kong: { error: 'invalid_request', description: 'client_secret is disallowed for public clients' },
    rfc9700: { error: 'invalid_client', description: 'Invalid client authentication' },
    remedy: 'A public client sends its client_id and no client_secret.',
  },
  client_unauthorized: {
    ...both('unauthorized_client', 'The client may not use this grant type'),
    remedy: 'Only a confidential client may act for itself (RFC 6749 §4.4).',
  },
  redirect_uri_unregistered: {
    kong: {
      error: 'invalid_request',
      description: 'Invalid redirect_uri that does not match with any redirect_uri created with the application',
    },
    rfc9700: { error: 'invalid_request', description: 'redirect_uri is not one of the registered redirect URIs' },
    remedy: 'Send a redirect_uri that is registered with the client, character by character.',
  },
  redirect_uri_insecure: {
    ...both(
      'invalid_request',
      'The redirect URI uses plain http. Register one with https; http is allowed on loopback (127.0.0.1, [::1], localhost) only',
    ),
    remedy:
      'Register an https redirect URI for the client. Profile rfc9700 allows http on loopback only (RFC 9700 §2.6).',
  },
  redirect_uri_missing: {
    ...both('invalid_request', 'redirect_uri is missing'),
    remedy: 'Several redirect URIs are registered with the client: name one (RFC 6749 §3.1.2.3).',
  },
  grant_type_missing: {
    kong: { error: 'unsupported_grant_type', description: 'Invalid grant_type' },
    rfc9700: { error: 'invalid_request', description: 'grant_type is missing' },
    remedy: 'Send grant_type.',
  },
  grant_type_unsupported: {
    kong: { error: 'unsupported_grant_type', description: 'Invalid grant_type' },
    rfc9700: { error: 'unsupported_grant_type', description: 'This grant type is not supported here' },
    remedy:
      'Enable the grant in the plugin (config.enable_…), or use another one. Profile rfc9700 never has the password grant.',
    embedded:
      'Add the grant to the option grantTypes, or use another one. Profile rfc9700 never has the password grant.',
  },
  response_type_unsupported: {
    kong: { error: 'unsupported_response_type', description: 'Invalid response_type' },
    rfc9700: { error: 'unsupported_response_type', description: 'This response_type is not supported here' },
    remedy:
      'Use response_type=code, with config.enable_authorization_code. Profile rfc9700 never has the implicit grant.',
    embedded:
      'Use response_type=code, with authorization_code in the option grantTypes. Profile rfc9700 never has the implicit grant.',
  },
  provision_key_wrong: {
    kong: { error: 'invalid_provision_key', description: 'Invalid provision_key' },
    rfc9700: { error: 'invalid_request', description: 'Invalid provision_key' },
    remedy: 'Send the provision_key of the plugin. Only your login page may know it.',
    embedded:
      'Send the value of the option provisionKey. Only your login page may know it. Within the program call gate.authorize, which needs no key.',
  },
  authenticated_userid_missing: {
    kong: { error: 'invalid_authenticated_userid', description: 'Missing authenticated_userid parameter' },
    rfc9700: { error: 'invalid_request', description: 'authenticated_userid is missing' },
    remedy: 'Send authenticated_userid, the id of the resource owner who has logged in.',
  },
  scope_malformed: {
    ...both('invalid_scope', 'scope must be a string'),
    remedy: 'Send scope once, as scope tokens separated by single spaces.',
  },
  scope_unknown: {
    kong: { error: 'invalid_scope', description: '"{detail}" is an invalid scope' },
    rfc9700: { error: 'invalid_scope', description: 'This scope is not offered here: {detail}' },
    remedy: 'Ask only for scope tokens that config.scopes of the plugin lists.',
    embedded: 'Ask only for scope tokens of the option scopes.',
  },
  scope_missing: {
    ...both('invalid_scope', 'You must specify a scope'),
    remedy: 'config.mandatory_scope is set: name at least one scope token.',
    embedded: 'The option mandatoryScope is true: name at least one scope token.',
  },
  scope_exceeds_grant: {
    kong: { error: 'invalid_scope', description: 'Scope mismatch' },
    rfc9700: { error: 'invalid_scope', description: 'The scope exceeds what was granted, or is no longer offered' },
    remedy:
      'Ask for no more than was granted. If config.scopes of the plugin was narrowed, ask the resource owner again.',
    embedded: 'Ask for no more than was granted. If the option scopes was narrowed, ask the resource owner again.',
  },
  code_missing: {
    kong: { error: 'invalid_request', description: 'Invalid code' },
    rfc9700: { error: 'invalid_request', description: 'code is missing' },
    remedy: 'Send the code that the client received at its redirect URI.',
  },
  code_invalid: {
    kong: { error: 'invalid_request', description: 'Invalid code' },
    rfc9700: { error: 'invalid_grant', description: 'The authorization code is invalid, expired or already used' },
    remedy:
      'Redeem a code once, before it expires, at the service that issued it and with the client it was issued to.',
  },
  code_redirect_uri_mismatched: {
    kong: { error: 'invalid_request', description: 'Invalid code' },
    rfc9700: { error: 'invalid_grant', description: 'The authorization code is invalid, expired or already used' },
    remedy: 'Send the same redirect_uri as to the authorization endpoint.',
  },
  code_challenge_missing: {
    kong: { error: 'invalid_request', description: 'code_challenge is required for {detail} clients' },
    rfc9700: { error: 'invalid_request', description: 'code_challenge is missing' },
    remedy: 'Use PKCE (RFC 7636): send code_challenge, and code_challenge_method=S256.',
  },
  code_challenge_without_value: {
    kong: { error: 'invalid_request', description: 'code_challenge is required when code_method is present' },
    rfc9700: { error: 'invalid_request', description: 'code_challenge is missing' },
    remedy: 'Send code_challenge with code_challenge_method.',
  },
  code_challenge_malformed: {
    ...both('invalid_request', 'code_challenge must be the base64url of a SHA-256 digest'),
    remedy: 'Send BASE64URL(SHA256(code_verifier)), 43 characters, without padding (RFC 7636 §4.2).',
  },
  code_challenge_method_unsupported: {
    ...both('invalid_request', 'code_challenge_method is not supported, must be S256'),
    remedy: 'Send code_challenge_method=S256.',
  },
  code_verifier_missing: {
    kong: { error: 'invalid_request', description: 'code_verifier is required for PKCE authorization requests' },
    rfc9700: { error: 'invalid_grant', description: 'The authorization code is invalid, expired or already used' },
    remedy: 'The authorization request had a code_challenge: send the code_verifier that belongs to it.',
  },
  code_verifier_not_a_string: {
    ...both('invalid_request', 'code_verifier is not a string'),
    remedy: 'Send code_verifier once, as a string.',
  },
  code_verifier_malformed: {
    kong: { error: 'invalid_request', description: 'code_verifier must be between 43 and 128 characters' },
    rfc9700: { error: 'invalid_request', description: 'code_verifier must be 43 to 128 unreserved characters' },
    remedy: 'Send 43 to 128 characters of A-Z a-z 0-9 - . _ ~ (RFC 7636 §4.1).',
  },
  code_verifier_wrong: {
    kong: { error: 'invalid_grant', description: 'Invalid code' },
    rfc9700: { error: 'invalid_grant', description: 'The authorization code is invalid, expired or already used' },
    remedy: 'Send the code_verifier from which the code_challenge was computed. Profile rfc9700 allows one attempt.',
  },
  refresh_token_missing: {
    kong: { error: 'invalid_request', description: 'Invalid refresh_token' },
    rfc9700: { error: 'invalid_request', description: 'refresh_token is missing' },
    remedy: 'Send the refresh token of the last token response.',
  },
  refresh_token_invalid: {
    kong: { error: 'invalid_request', description: 'Invalid refresh_token' },
    rfc9700: { error: 'invalid_grant', description: 'The refresh token is invalid, expired or already used' },
    remedy:
      'Use the refresh token of the last token response, once, at the service that issued it. Otherwise ask the resource owner again.',
  },
  refresh_token_of_another_client: {
    kong: { error: 'invalid_client', description: 'Invalid client authentication' },
    rfc9700: { error: 'invalid_grant', description: 'The refresh token is invalid, expired or already used' },
    remedy: 'A refresh token works only for the client it was issued to.',
  },
  service_missing: {
    ...both('invalid_request', 'This route has no service that a token could be bound to'),
    remedy: 'Give the route a service, or set config.global_credentials on the plugin.',
    embedded: 'Set the option audience.',
  },
  token_missing: {
    kong: { error: 'invalid_request', description: 'The access token is missing' },
    rfc9700: { error: '', description: 'The access token is missing' },
    remedy: 'Send "Authorization: Bearer <access token>".',
  },
  token_repeated: {
    ...both('invalid_request', 'The access token must be sent once, in one way'),
    remedy: 'Send the token in the Authorization header only (RFC 6750 §2).',
  },
  token_invalid: {
    ...both('invalid_token', 'The access token is invalid or has expired'),
    remedy: 'Refresh the token or get a new one. A token works only for the service it was issued for.',
  },
  token_global: {
    kong: {
      error: 'invalid_token',
      description: "The access token is global, but the current plugin is configured without 'global_credentials'",
    },
    rfc9700: { error: 'invalid_token', description: 'The access token is invalid or has expired' },
    remedy: 'Get a token at this service, or set config.global_credentials on its plugin.',
    embedded: 'Get a token that is issued for the audience of this gate.',
  },
  anonymous_consumer_unknown: {
    ...both('invalid_token', 'The access token is invalid or has expired'),
    remedy: 'config.anonymous names a consumer that does not exist: create it, or clear the setting.',
    embedded: 'Send a valid access token.',
  },
  scope_insufficient: {
    ...both('insufficient_scope', 'The access token lacks scope: {detail}'),
    remedy: 'Get a token with the scope named in the challenge.',
  },
  handshake_method_not_allowed: {
    ...both('invalid_request', 'A WebSocket is opened with GET'),
    remedy: 'Open the WebSocket with GET (RFC 6455 §4.1).',
  },
  origin_not_allowed: {
    ...both('access_denied', 'Pages of this origin may not open a WebSocket here'),
    remedy: 'Add the origin of the page to the option origins of guardUpgrade.',
  },
  temporarily_unavailable: {
    ...both('temporarily_unavailable', 'The request could not be handled now; try again'),
    remedy:
      'Try again after the seconds in Retry-After. The log of the server shows what failed; most often it is the store.',
  },
} as const satisfies Readonly<Record<string, RefusalText>>;

export type RefusalReason = keyof typeof refusals;

/** Why a machine refuses a request. */
export interface Refusal {
  readonly reason: RefusalReason;
  /** The parameter, scope token or method it is about; never a secret. */
  readonly detail?: string;
}

/** The error of a refusal in a profile. */
export function wordsOf(refusal: Refusal, profile: 'kong' | 'rfc9700'): OAuthError {
  const { error, description } = refusals[refusal.reason][profile];
  // "Values for the "error_description" parameter MUST NOT include characters outside the set %x20-21 / %x23-5B /
  // %x5D-7E." (RFC 6749 §5.2) Kong's quotes stay; text from the request is cleaned.
  const detail = (refusal.detail ?? '').replace(/[^\x20\x21\x23-\x5B\x5D-\x7E]/g, '?').slice(0, 100);
  return { error, description: description.replace('{detail}', () => detail) };
}
