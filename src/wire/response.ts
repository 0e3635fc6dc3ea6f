/** Requests to the OAuth endpoints and their responses, independent of the transport. */
import type { Refusal } from '../oauth/refusals.ts';

export interface OAuthResponse {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** JSON. */
  readonly body: Readonly<Record<string, unknown>>;
  /** For the log: why the request was refused, and the client. */
  readonly refusal?: Refusal;
  readonly clientId?: string;
  /** For metrics: the response has an access token of this grant type. */
  readonly issued?: 'authorization_code' | 'client_credentials' | 'implicit' | 'password' | 'refresh_token';
}

/** A request to an OAuth endpoint. */
export interface EndpointRequest {
  readonly method: string;
  /** `ambiguous`: a trusted proxy sent two values. */
  readonly transport: 'secure' | 'plain' | 'ambiguous';
  readonly query: string;
  readonly contentType: string | undefined;
  /** `undefined`: larger than the limit. `late`: it did not arrive in time. */
  readonly body: Uint8Array | 'late' | undefined;
  /** The value of the header with the client credentials. */
  readonly authorization: string | undefined;
  readonly realm: string | undefined;
  /** The address of the caller. */
  readonly from: string | undefined;
}

// "The authorization server MUST include the HTTP "Cache-Control" response header field [RFC2616] with a value of
// "no-store" in any response containing tokens, credentials, or other sensitive information, as well as the "Pragma"
// response header field [RFC2616] with a value of "no-cache"." (RFC 6749 §5.1)
export const notStored: OAuthResponse['headers'] = [
  ['Cache-Control', 'no-store'],
  ['Pragma', 'no-cache'],
];

/** `WWW-Authenticate: Bearer` with these attributes (RFC 6750 §3). Kong separates them by spaces, the RFC by commas. */
export function bearerChallenge(
  realm: string | undefined,
  attributes: readonly (readonly [name: string, value: string])[],
  separator: ' ' | ', ',
): string {
  const all = realm === undefined ? attributes : ([['realm', realm], ...attributes] as const);
  if (all.length === 0) return 'Bearer';
  return `Bearer ${all.map(([name, value]) => `${name}="${value.replace(/["\\]/g, '')}"`).join(separator)}`;
}
