/**
 * A client that calls a guarded service in its own name: it fetches a token with its secret (client credentials grant,
 * RFC 6749 §4.4), keeps it until shortly before it expires, and fetches another one if the service says 401 all the same.
 * Nothing but `fetch` is needed.
 *
 *   CLIENT_ID=… CLIENT_SECRET=… node client-credentials.ts http://127.0.0.1:8000/orders http://127.0.0.1:8000/orders/oauth2/token
 */
interface Token {
  readonly value: string;
  readonly goodUntil: number;
}

export function guardedFetch(client: {
  readonly id: string;
  readonly secret: string;
  readonly tokenEndpoint: string;
  readonly scope?: string;
}): (url: string) => Promise<Response> {
  // One promise for all who wait: however many calls start at once, one token is fetched.
  let current: Promise<Token> | undefined;

  const fetchToken = async (): Promise<Token> => {
    const askedAt = Date.now();
    const response = await fetch(client.tokenEndpoint, {
      method: 'POST',
      headers: { Authorization: `Basic ${btoa(`${client.id}:${client.secret}`)}` },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        ...(client.scope === undefined ? {} : { scope: client.scope }),
      }),
    });
    const answer = (await response.json()) as {
      readonly access_token?: string;
      readonly expires_in?: number;
      readonly error?: string;
      readonly error_description?: string;
    };
    if (!response.ok || answer.access_token === undefined) {
      throw new Error(`no token: ${answer.error ?? response.status} ${answer.error_description ?? ''}`.trim());
    }
    const lifetime = answer.expires_in === undefined ? Number.POSITIVE_INFINITY : answer.expires_in * 1000;
    // A little less than promised, for the time a call takes to arrive.
    return { value: answer.access_token, goodUntil: askedAt + lifetime * 0.9 };
  };

  /** Another token than `before`: whoever comes second is given what the first is waiting for. */
  const another = (before: Promise<Token> | undefined): Promise<Token> => {
    if (current === before) {
      const fetching = fetchToken();
      current = fetching;
      // A failure is told to those who wait, and not remembered for those who come later.
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
