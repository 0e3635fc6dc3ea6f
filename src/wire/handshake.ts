/** A WebSocket handshake (RFC 6455 §4), before its access token is read. */
import type { Issuer } from '../oauth/issuer.ts';
import { refusalBody } from './endpoint.ts';
import type { OAuthResponse } from './response.ts';

/** `undefined`: nothing speaks against it so far. `origins` are those whose pages may connect; all, if `undefined`. */
export function refuseHandshake(
  issuer: Issuer,
  { method, origin }: { readonly method: string | undefined; readonly origin: string | undefined },
  origins: ReadonlySet<string> | undefined,
): OAuthResponse | undefined {
  if (method !== 'GET') {
    const refusal = { reason: 'handshake_method_not_allowed' } as const;
    return { status: 405, headers: [['Allow', 'GET']], body: refusalBody(issuer, refusal), refusal };
  }
  // "If the origin indicated is unacceptable to the server, then it SHOULD respond to the WebSocket handshake with a
  // response containing HTTP 403 Forbidden status code." (RFC 6455 §10.2)
  if (origins !== undefined && origin !== undefined && !origins.has(origin)) {
    const refusal = { reason: 'origin_not_allowed' } as const;
    return { status: 403, headers: [], body: refusalBody(issuer, refusal), refusal };
  }
  return undefined;
}
