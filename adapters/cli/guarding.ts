/** Sets up one service behind the gate, and a client for it, with the calls that an operator would make. */
import { randomBytes } from 'node:crypto';
import type { AdminClient } from './admin-client.ts';

export interface Guarded {
  readonly service: string;
  readonly url: string;
  /** The path under which the gate serves it. */
  readonly path: string;
  readonly consumer: string;
  /** The scope tokens of the service. Without them, each token is valid for the whole service. */
  readonly scopes?: readonly string[];
}

/** May be repeated: it creates only what does not exist. */
export async function guard(admin: AdminClient, { service, url, path, consumer, scopes }: Guarded): Promise<void> {
  await admin.put(`/services/${service}`, { url });
  await admin.put(`/services/${service}/routes/${service}`, { paths: [path], strict_paths: true });
  const plugins = (await admin.get(`/services/${service}/plugins`))?.['data'] as readonly { name: string }[];
  if (!plugins.some(({ name }) => name === 'oauth2')) {
    const config = {
      profile: 'rfc9700',
      enable_client_credentials: true,
      token_expiration: 600,
      ...(scopes === undefined ? {} : { scopes, mandatory_scope: true }),
    };
    await admin.post(`/services/${service}/plugins`, { name: 'oauth2', config });
  }
  await admin.put(`/consumers/${consumer}`, {});
}

export interface RegisteredClient {
  readonly clientId: string;
  /** Known only right after the registration: the gate stores a hash. */
  readonly clientSecret: string | undefined;
}

export async function clientOf(admin: AdminClient, consumer: string): Promise<RegisteredClient | undefined> {
  const clients = (await admin.get(`/consumers/${consumer}/oauth2`))?.['data'] as readonly { client_id: string }[];
  const [first] = clients;
  return first === undefined ? undefined : { clientId: first.client_id, clientSecret: undefined };
}

export async function registerClient(admin: AdminClient, consumer: string, name: string): Promise<RegisteredClient> {
  const clientSecret = randomBytes(24).toString('base64url');
  const row = { name, client_secret: clientSecret, hash_secret: true };
  const made = await admin.post(`/consumers/${consumer}/oauth2`, row);
  return { clientId: String(made['client_id']), clientSecret };
}
