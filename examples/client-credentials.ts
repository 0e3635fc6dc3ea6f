/**
 * A client that calls a guarded service on its own behalf: it fetches a token with its secret (client credentials grant,
 * RFC 6749 §4.4), keeps it until shortly before it expires, and fetches a new one if the service responds with 401 before
 * that. It uses `fetch` and nothing else.
 *
 *   CLIENT_ID=… CLIENT_SECRET=… node client-credentials.ts http://127.0.0.1:8000/orders http://127.0.0.1:8000/orders/oauth2/token
 */
interface Token {
  readonly value: string;
  /** Milliseconds since the epoch. */
  readonly goodUntil: number;
}

export function guardedFetch(client: {
  readonly id: string;
  readonly secret: string;
  readonly tokenEndpoint: string;
  readonly scope?: string;
}): (url: string) => Promise<Response> {
  // All calls share this promise: any number of calls at the same time fetch one token.
  let current: Promise<Token> | undefined;

  const fetchToken = async (): Promise<Token> => {
    const requestedAt = Date.now();
    const response = await fetch(client.tokenEndpoint, {
      method: 'POST',
      headers: { Authorization: `Basic ${btoa(`${client.id}:${client.secret}`)}` },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        ...(client.scope === undefined ? {} : { scope: client.scope }),
      }),
    });
    const body = (await response.json()) as {
      readonly access_token?: string;
      readonly expires_in?: number;
      readonly error?: string;
      readonly error_description?: string;
    };
    if (!response.ok || body.access_token === undefined) {
      throw new Error(`no token: ${body.error ?? response.status} ${body.error_description ?? ''}`.trim());
    }
    const lifetime = body.expires_in === undefined ? Number.POSITIVE_INFINITY : body.expires_in * 1000;
    // A tenth less, because a request takes time to arrive.
    return { value: body.access_token, goodUntil: requestedAt + lifetime * 0.9 };
  };

  /** A newer token than `before`. Calls that need one at the same time share one token request. */
  const another = (before: Promise<Token> | undefined): Promise<Token> => {
    if (current === before) {
      const fetching = fetchToken();
      current = fetching;
      // Only the calls that wait now fail with it; the next call tries again.
      fetching.catch(() => {
        if (current === fetching) current = undefined;
      });
    }
    return current!;
  };

  return async (url) => {
    const call = async (token: Promise<Token>) =>
      fetch(url, { headers: { Authorization: `Bearer ${(await token).value}` } });
    let token = current;
    if (token === undefined || (await token).goodUntil <= Date.now()) token = another(token);
    const response = await call(token);
    if (response.status !== 401) return response;
    await response.body?.cancel();
    return call(another(token));
  };
}

if (process.argv[1] === import.meta.filename) {
  const { CLIENT_ID = 'marketplace', CLIENT_SECRET = '', SCOPE = 'orders:read' } = process.env;
  const [url, tokenEndpoint] = process.argv.slice(2);
  if (url === undefined || tokenEndpoint === undefined)
    throw new Error('usage: client-credentials.ts URL TOKEN_ENDPOINT');
  const call = guardedFetch({ id: CLIENT_ID, secret: CLIENT_SECRET, tokenEndpoint, scope: SCOPE });
  const response = await call(url);
  console.log(response.status, await response.text());
}
