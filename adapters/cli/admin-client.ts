/** Calls the Admin API of the gate that a command has opened. */
export interface AdminClient {
  get(path: string): Promise<EntityJson | undefined>;
  post(path: string, row: object): Promise<EntityJson>;
  /** Creates the row, or replaces it. */
  put(path: string, row: object): Promise<EntityJson>;
}

export type EntityJson = Readonly<Record<string, unknown>>;

export function adminClient(base: string, token: string | undefined): AdminClient {
  const call = async (method: string, path: string, row?: object): Promise<EntityJson | undefined> => {
    const response = await fetch(`${base}${path}`, {
      method,
      headers: {
        ...(row === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      },
      ...(row === undefined ? {} : { body: JSON.stringify(row) }),
    });
    const body = (await response.json()) as EntityJson;
    if (response.status === 404 && method === 'GET') return undefined;
    if (!response.ok) throw new Error(`${method} ${path} failed with ${response.status}: ${body['message']}`);
    return body;
  };
  return {
    get: (path) => call('GET', path),
    post: async (path, row) => (await call('POST', path, row))!,
    put: async (path, row) => (await call('PUT', path, row))!,
  };
}
