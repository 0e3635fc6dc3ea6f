/**
 * A client of an API marketplace: it sends people to the authorization page, exchanges the code that comes back for
 * tokens, calls the API in their name, and refreshes the tokens when they have expired (RFC 6749 §4.1, §6).
 *
 * A refresh token is good for one refresh. So however many calls meet a 401 at once, one of them refreshes and the others
 * wait for it; a call that was under way meanwhile takes the tokens that are there by then.
 */
export interface Tokens {
  readonly access_token: string;
  readonly token_type: string;
  readonly expires_in?: number;
  readonly refresh_token?: string;
}

export interface Marketplace {
  /** The gate, as the client reaches it. */
  readonly gate: string;
  /** Where people are asked whether they agree: a page of whoever runs the API. */
  readonly authorizationPage: string;
}

/** The gate has refused tokens, and will go on to: the person has to be asked again. */
export class AuthorizationLost extends Error {
  readonly error: string;

  constructor(error: string, description: string) {
    super(`${error}: ${description}`);
    this.error = error;
  }
}

export class APIMarketplaceClient {
  tokens: Tokens | undefined;
  readonly #clientId: string;
  readonly #clientSecret: string;
  readonly #redirectUri: string;
  readonly #marketplace: Marketplace;
  #refreshing: Promise<Tokens> | undefined;

  constructor(clientId: string, clientSecret: string, redirectUri: string, marketplace: Marketplace) {
    this.#clientId = clientId;
    this.#clientSecret = clientSecret;
    this.#redirectUri = redirectUri;
    this.#marketplace = marketplace;
  }

  /** Where to send the browser. `state` is to be kept for it, and held against the one that comes back. */
  getAuthorizationUrl(scopes: readonly string[], state: string): string {
    const url = new URL(this.#marketplace.authorizationPage);
    url.search = new URLSearchParams({
      response_type: 'code',
      client_id: this.#clientId,
      redirect_uri: this.#redirectUri,
      scope: scopes.join(' '),
      state,
    }).toString();
    return url.href;
  }

  async exchangeCodeForTokens(code: string): Promise<Tokens> {
    this.tokens = await this.#askForTokens({
      grant_type: 'authorization_code',
      redirect_uri: this.#redirectUri,
      code,
    });
    return this.tokens;
  }

  /** Calls the API and gives what it answers; a 401 that a refresh does not cure is given as it is. */
  async callAPI(endpoint: string, method = 'GET', data: unknown = null): Promise<Response> {
    if (this.tokens === undefined) throw new Error('Not authenticated');
    const call = (accessToken: string) =>
      fetch(`${this.#marketplace.gate}/api${endpoint}`, {
        method,
        headers: { Authorization: `Bearer ${accessToken}`, 'Content-Type': 'application/json' },
        ...(data === null || method === 'GET' ? {} : { body: JSON.stringify(data) }),
      });
    const { access_token: tried } = this.tokens;
    const response = await call(tried);
    if (response.status !== 401) return response;
    await response.body?.cancel();
    // Somebody may have refreshed them while this call was under way.
    const { access_token: fresh } = this.tokens.access_token === tried ? await this.refreshToken() : this.tokens;
    return call(fresh);
  }

  /** One refresh at a time, for all who ask. */
  refreshToken(): Promise<Tokens> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<Tokens> {
    const refreshToken = this.tokens?.refresh_token;
    if (refreshToken === undefined) throw new Error('No refresh token available');
    this.tokens = await this.#askForTokens({ grant_type: 'refresh_token', refresh_token: refreshToken });
    return this.tokens;
  }

  async #askForTokens(parameters: Readonly<Record<string, string>>): Promise<Tokens> {
    const response = await fetch(`${this.#marketplace.gate}/oauth2/token`, {
      method: 'POST',
      body: new URLSearchParams({
        ...parameters,
        client_id: this.#clientId,
        client_secret: this.#clientSecret,
      }),
    });
    const answer = (await response.json()) as Partial<Tokens> & { readonly error?: string; error_description?: string };
    if (response.ok && answer.access_token !== undefined) return answer as Tokens;
    // What is no answer about the tokens leaves them as they are: the gate may be there again in a moment.
    if (response.status >= 500 || answer.error === undefined) throw new Error(`no tokens: status ${response.status}`);
    throw new AuthorizationLost(answer.error, answer.error_description ?? '');
  }
}
