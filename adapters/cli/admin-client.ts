/** Speaks to the Admin API of the gate that a command has just opened. */
export interface AdminClient {
  get(path: string): Promise<EntityJson | undefined>;
  post(path: string, row: object): Promise<EntityJson>;
  /** Makes it, or makes it so. */
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
    const answer = (await response.json()) as EntityJson;
    if (response.status === 404 && method === 'GET') return undefined;
    if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${answer['message']}`);
    return answer;
  };
  return {
    get: (path) => call('GET', path),
    post: async (path, row) => (await call('POST', path, row))!,
    put: async (path, row) => (await call('PUT', path, row))!,
  };
}
