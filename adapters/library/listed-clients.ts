/**
 * Clients that a program lists in its own code, as the rows that stores hold (Kong's consumers and oauth2_credentials).
 * Their ids are derived from their names, so that a grant finds its client again after a restart.
 */
import { createHash } from 'node:crypto';
import { isHashedSecret } from '../../src/oauth/hashed-secret.ts';
import { redirectUriProblem } from '../../src/oauth/redirect-uri.ts';
import type { Entity, EntityStore } from '../../src/ports/entity-store.ts';
import { readPhc } from '../crypto/secret-hash.ts';
import { InvalidOption, knownOptions } from './options.ts';
import { consumersKind } from './records.ts';

/** A client (RFC 6749 §2) that a program registers. */
export interface ListedClient {
  /** The `client_id` (RFC 6749 §2.2): printable ASCII, not a secret. */
  readonly clientId: string;
  /**
   * The secret of a confidential client (RFC 6749 §2.3.1): printable ASCII in plain text, or the PHC string of its hash
   * `$pbkdf2-sha512$i=…,l=…$salt$digest`. A public client has none.
   */
  readonly clientSecret?: string | undefined;
  /**
   * `confidential` (default), or `public`: a client that cannot keep a secret and has none, such as an app on a phone or in
   * a browser (RFC 6749 §2.1). It is explicit, so that a forgotten secret never makes a client public.
   */
  readonly type?: 'confidential' | 'public' | undefined;
  /** The redirect URIs, compared character by character (RFC 9700 §2.1). Required for every grant with a resource owner. */
  readonly redirectUris?: readonly string[] | undefined;
  /** The name that people see on the consent page and in the log. The `clientId` by default. */
  readonly name?: string | undefined;
  /** The owner of the client, as the consumer's `username`. Clients of one owner share a consumer. The `clientId` by default. */
  readonly owner?: string | undefined;
}

export function listedClients(clients: readonly ListedClient[]): Pick<EntityStore, 'get' | 'getBy'> {
  if (!Array.isArray(clients)) throw new InvalidOption('clients', 'must be a list');
  const consumers = new Map<string, Entity>();
  const byId = new Map<string, Entity>();
  const byClientId = new Map<string, Entity>();
  for (const [index, client] of clients.entries()) {
    const place = `clients[${index}]`;
    check(place, client);
    if (byClientId.has(client.clientId)) throw new InvalidOption(`${place}.clientId`, 'is listed twice');
    const owner = client.owner ?? client.clientId;
    const consumer: Entity = { id: idOf('consumer', owner), username: owner };
    const row: Entity = {
      id: idOf('client', client.clientId),
      client_id: client.clientId,
      name: client.name ?? client.clientId,
      client_secret: client.clientSecret ?? null,
      hash_secret: false,
      client_type: client.type ?? 'confidential',
      redirect_uris: client.redirectUris === undefined ? null : [...client.redirectUris],
      consumer: { id: consumer.id },
    };
    consumers.set(consumer.id, consumer);
    byId.set(row.id, row);
    byClientId.set(client.clientId, row);
  }
  return {
    get: (kind, id) => (kind.name === consumersKind.name ? consumers : byId).get(id),
    getBy: (_kind, field, value) => (field === 'client_id' ? byClientId.get(value) : undefined),
  };
}

function check(place: string, client: ListedClient): void {
  knownOptions(place, client, ['clientId', 'clientSecret', 'type', 'redirectUris', 'name', 'owner']);
  const { clientId, clientSecret, type = 'confidential', redirectUris, name, owner } = client;
  if (type !== 'confidential' && type !== 'public') {
    throw new InvalidOption(`${place}.type`, "must be 'confidential' or 'public'");
  }
  checkText(`${place}.clientId`, clientId);
  if (type === 'confidential') {
    if (clientSecret === undefined) {
      throw new InvalidOption(`${place}.clientSecret`, "is missing; a client without a secret needs type: 'public'");
    }
    checkText(`${place}.clientSecret`, clientSecret);
    if (isHashedSecret(clientSecret) && readPhc(clientSecret) === undefined) {
      throw new InvalidOption(`${place}.clientSecret`, 'is a PHC string that no secret matches: check its parts');
    }
  } else if (clientSecret !== undefined) {
    throw new InvalidOption(`${place}.clientSecret`, 'is not allowed for a public client, which cannot keep it secret');
  }
  for (const [option, value] of Object.entries({ name, owner })) {
    if (value !== undefined && (typeof value !== 'string' || value === '')) {
      throw new InvalidOption(`${place}.${option}`, 'must be a string that is not empty');
    }
  }
  if (redirectUris === undefined) return;
  if (!Array.isArray(redirectUris)) throw new InvalidOption(`${place}.redirectUris`, 'must be a list');
  for (const uri of redirectUris) {
    // "The redirection endpoint URI MUST be an absolute URI [...]. The endpoint URI MUST NOT include a fragment
    // component." (RFC 6749 §3.1.2)
    if (typeof uri !== 'string' || !URL.canParse(uri) || uri.includes('#')) {
      throw new InvalidOption(
        `${place}.redirectUris`,
        `must be absolute URIs without fragment; this one is not: ${uri}`,
      );
    }
    const problem = redirectUriProblem(uri);
    if (problem !== undefined) throw new InvalidOption(`${place}.redirectUris`, `${problem}: ${JSON.stringify(uri)}`);
  }
}

// "client-id = *VSCHAR", "client-secret = *VSCHAR", "VSCHAR = %x20-7E" (RFC 6749 Appendix A)
function checkText(option: string, value: unknown): void {
  if (typeof value !== 'string' || !/^[\x20-\x7e]+$/.test(value)) {
    throw new InvalidOption(option, 'must be printable ASCII, at least one character');
  }
}

/** A UUID derived from a name (RFC 9562 §5.8). */
function idOf(what: string, name: string): string {
  const bytes = createHash('sha256').update(`portcullis ${what} ${name}`).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
