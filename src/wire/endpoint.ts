/** The checks that both endpoints make before they read parameters. */
import type { Issuer } from '../oauth/issuer.ts';
import { type OAuthError, type Refusal, type RefusalReason, refusals, wordsOf } from '../oauth/refusals.ts';
import { bearerChallenge, type EndpointRequest, notStored, type OAuthResponse } from './response.ts';

/** Both endpoints accept POST only (Kong; RFC 6749 §3.2 for the token endpoint). */
export function refuseMethod(
  endpoint: 'token' | 'authorization',
  issuer: Issuer,
  request: EndpointRequest,
): OAuthResponse | undefined {
  if (request.method === 'POST') return undefined;
  const { profile } = issuer;
  const method = /^[A-Z]{1,20}$/.test(request.method) ? request.method : 'you sent';
  const refusal: Refusal = {
    reason: 'method_not_allowed',
    detail: `${method} is invalid for the ${endpoint} endpoint`,
  };
  const { error, description } = wordsOf(refusal, profile.name);
  const strict = profile.parameters === 'strict';
  const challenge = bearerChallenge(
    request.realm,
    [
      ['error', error],
      ['error_description', description],
    ],
    strict ? ', ' : ' ',
  );
  return {
    status: 405,
    headers: [['WWW-Authenticate', challenge], ...(strict ? ([['Allow', 'POST'], ...notStored] as const) : [])],
    body: { error, error_description: description },
    refusal,
  };
}

/** "the authorization server MUST require the use of TLS" (RFC 6749 §3.1, §3.2) */
export function insecure({ transport }: EndpointRequest): Refusal | undefined {
  if (transport === 'secure') return undefined;
  return { reason: transport === 'ambiguous' ? 'forwarded_proto_ambiguous' : 'https_required' };
}

// "temporarily_unavailable: The authorization server is currently unable to handle the request" (RFC 6749 §4.1.2.1)
/** The response when the store cannot be reached: no request is admitted then, and no token is issued. */
export const unavailable: OAuthResponse = {
  status: 503,
  headers: [['Retry-After', '1'], ...notStored],
  body: bodyOf(refusals.temporarily_unavailable.rfc9700),
  refusal: { reason: 'temporarily_unavailable' },
};

/** The status and headers where the body of a request was not read. */
export function unreadBody(reason: RefusalReason): Pick<OAuthResponse, 'status' | 'headers'> | undefined {
  if (reason === 'body_too_large') return { status: 413, headers: notStored };
  if (reason !== 'body_late') return undefined;
  // "A server SHOULD send the "close" connection option" with 408, "since 408 implies that the server has decided to close
  // the connection rather than continue waiting." (RFC 9110 §15.5.9; RFC 7231 §6.5.7)
  return { status: 408, headers: [['Connection', 'close'], ...notStored] };
}

/** The status and headers of a request that was not tried, because too many failed or wait. */
export function tryLater({
  reason,
  retryAfter = 1,
}: Refusal & { readonly retryAfter?: number }): Pick<OAuthResponse, 'status' | 'headers'> | undefined {
  const headers = [['Retry-After', String(retryAfter)], ...notStored] as const;
  if (reason === 'client_rate_limited' || reason === 'provision_key_rate_limited') return { status: 429, headers };
  return reason === 'hashes_full' ? { status: 503, headers } : undefined;
}

/** A refusal that only the caller receives. */
export function refusalBody(issuer: Issuer, refusal: Refusal): { error: string; error_description: string } {
  return bodyOf(wordsOf(refusal, issuer.profile.name));
}

function bodyOf({ error, description }: OAuthError): { error: string; error_description: string } {
  return { error, error_description: description };
}
