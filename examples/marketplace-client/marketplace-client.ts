/**
 * A client of an API marketplace: it sends the browser to the authorization page, exchanges the code for tokens
 * (authorization code grant with PKCE, RFC 6749 §4.1 and RFC 7636), calls the API for that user, and refreshes the tokens
 * when the access token has expired (RFC 6749 §6).
 *
 * A refresh token works once. So when several calls get 401 at the same time, one of them refreshes and the others wait for
 * it; a call that gets its 401 after the refresh takes the new tokens.
 */
import { createHash, randomBytes } from 'node:crypto';

export interface Tokens {
  readonly access_token: string;
  readonly token_type: string;
  readonly expires_in?: number;
  readonly refresh_token?: string;
}

export interface Marketplace {
  /** The API behind the gate, without a slash at the end: `https://api.example/orders`. */
  readonly api: string;
  /** The token endpoint of the gate: `https://api.example/orders/oauth2/token`. */
  readonly tokenEndpoint: string;
  /** The page where users log in and consent. It belongs to the operator of the API. */
  readonly authorizationPage: string;
}

/** The gate refused the code or the refresh token, and repeating the request cannot help: send the user to the authorization page. */
export class AuthorizationLost extends Error {
  readonly error: string;

  constructor(error: string, description: string) {
    super(`${error}: ${description}`);
    this.error = error;
  }
}

/** One object for each user: it holds their tokens and their pending authorization requests. */
export class APIMarketplaceClient {
  tokens: Tokens | undefined;
  readonly #clientId: string;
  readonly #clientSecret: string;
  readonly #redirectUri: string;
  readonly #marketplace: Marketplace;
  /** The code verifiers of pending authorization requests, by `state`. */
  readonly #verifiers = new Map<string, string>();
  #refreshing: Promise<Tokens> | undefined;

  constructor(clientId: string, clientSecret: string, redirectUri: string, marketplace: Marketplace) {
    this.#clientId = clientId;
    this.#clientSecret = clientSecret;
    this.#redirectUri = redirectUri;
    this.#marketplace = marketplace;
  }

  /** Where to send the browser. `state` must be new and random for each request. */
  getAuthorizationUrl(scopes: readonly string[], state: string): string {
    // "code_verifier = high-entropy cryptographic random STRING" (RFC 7636 §4.1)
    const verifier = randomBytes(32).toString('base64url');
    this.#verifiers.set(state, verifier);
    const url = new URL(this.#marketplace.authorizationPage);
    url.search = new URLSearchParams({
      response_type: 'code',
      client_id: this.#clientId,
      redirect_uri: this.#redirectUri,
      scope: scopes.join(' '),
      state,
      // "code_challenge = BASE64URL-ENCODE(SHA256(ASCII(code_verifier)))" (RFC 7636 §4.2)
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    }).toString();
    return url.href;
  }

  /** Takes `code` and `state` as the browser brings them back. A `state` that is not pending throws: another site sent the browser. */
  async exchangeCodeForTokens(code: string, state: string): Promise<Tokens> {
    const verifier = this.#verifiers.get(state);
    if (verifier === undefined) throw new Error('state belongs to no authorization request of this user');
    this.#verifiers.delete(state);
    this.tokens = await this.#requestTokens({
      grant_type: 'authorization_code',
      redirect_uri: this.#redirectUri,
      code,
      code_verifier: verifier,
    });
    return this.tokens;
  }

  /** Calls the API and returns its response: 401 only if the API refuses the fresh tokens, too. */
  async callAPI(endpoint: string, method = 'GET', data: unknown = null): Promise<Response> {
    if (this.tokens === undefined) throw new Error('Not authenticated');
    const call = (accessToken: string) =>
      fetch(this.#marketplace.api + endpoint, {
        method,
        headers: { Authorization: `Bearer ${accessToken}`, 'Content-Type': 'application/json' },
        ...(data === null || method === 'GET' ? {} : { body: JSON.stringify(data) }),
      });
    const { access_token: tried } = this.tokens;
    const response = await call(tried);
    if (response.status !== 401) return response;
    await response.body?.cancel();
    // Another call may have refreshed the tokens in the meantime.
    const { access_token: fresh } = this.tokens.access_token === tried ? await this.refreshToken() : this.tokens;
    return call(fresh);
  }

  /** One refresh at a time: callers share the one in progress. */
  refreshToken(): Promise<Tokens> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<Tokens> {
    const refreshToken = this.tokens?.refresh_token;
    if (refreshToken === undefined) throw new Error('No refresh token available');
    this.tokens = await this.#requestTokens({ grant_type: 'refresh_token', refresh_token: refreshToken });
    return this.tokens;
  }

  async #requestTokens(parameters: Readonly<Record<string, string>>): Promise<Tokens> {
    const response = await fetch(this.#marketplace.tokenEndpoint, {
      method: 'POST',
      body: new URLSearchParams({
        ...parameters,
        client_id: this.#clientId,
        client_secret: this.#clientSecret,
      }),
    });
    const body = (await response.json()) as Partial<Tokens> & { readonly error?: string; error_description?: string };
    if (response.ok && body.access_token !== undefined) return body as Tokens;
    // An outage says nothing about the tokens: they stay, and the next call tries again.
    if (response.status >= 500 || body.error === undefined) throw new Error(`no tokens: status ${response.status}`);
    throw new AuthorizationLost(body.error, body.error_description ?? '');
  }
}
