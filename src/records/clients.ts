/**
 * Clients in the entity store (Kong's oauth2 credentials), and how they are authenticated.
 *
 * An unknown client costs the same work as a wrong secret: one comparison of digests and, once the gate has seen a hashed
 * secret, one slow hash. Where no secret is hashed, a flood of guesses must not cause slow hashes.
 */
import type { Client, ClientAuthentication } from '../oauth/client.ts';
import { isHashedSecret } from '../oauth/hashed-secret.ts';
import { sameSecret } from '../oauth/same-secret.ts';
import type { ClientProof, Clients } from '../ports/clients.ts';
import { type Entity, type EntityKind, type EntityStore, type Json, referenceIn } from '../ports/entity-store.ts';
import { type MaybePromise, whenThere } from '../ports/maybe-promise.ts';
import type { SecretVerifier } from '../ports/secret-verifier.ts';

export function registeredClients(
  store: Pick<EntityStore, 'getBy'>,
  kind: EntityKind,
  hashes: SecretVerifier,
  same: (one: string, other: string) => boolean = sameSecret,
): Clients {
  let sawHashedSecret = false;

  function prove(row: Entity | undefined, { clientId, clientSecret }: ClientAuthentication): MaybePromise<ClientProof> {
    const client = row === undefined ? undefined : clientOf(row);
    if (client?.type === 'public') {
      // "The authorization server MUST NOT [...] rely on public client authentication" (RFC 6749 §2.3)
      return { client, proof: clientSecret === undefined || clientSecret === '' ? 'proven' : 'failed' };
    }
    const stored = text(row?.['client_secret']);
    const isHashed = stored !== undefined && (row?.['hash_secret'] === true || isHashedSecret(stored));
    if (isHashed) sawHashedSecret = true;
    const secret = clientSecret ?? '';
    const plain = isHashed ? undefined : stored;
    // Always compared, even with nothing, so that the time is the same.
    const isSame = same(secret, plain ?? '') && plain !== undefined && plain !== '';
    if (isSame) return { client, proof: 'proven' };
    if (!sawHashedSecret) return { client, proof: 'failed' };
    return whenThere(
      // The hash itself never authenticates: only the secret that it was made of does.
      hashes.verify(client?.id ?? `unknown ${clientId}`, isHashed ? stored : undefined, secret),
      (proof) => ({ client, proof }),
    );
  }

  return {
    find: (clientId) =>
      whenThere(store.getBy(kind, 'client_id', clientId), (row) => (row === undefined ? undefined : clientOf(row))),

    authenticate: (authentication) =>
      whenThere(store.getBy(kind, 'client_id', authentication.clientId ?? ''), (row) => prove(row, authentication)),
  };
}

/** The client of a stored row. */
export function clientOf(row: Entity): Client {
  const redirectUris = row['redirect_uris'];
  return {
    id: row.id,
    clientId: text(row['client_id']) ?? '',
    name: text(row['name']) ?? '',
    type: row['client_type'] === 'public' ? 'public' : 'confidential',
    redirectUris: Array.isArray(redirectUris) ? (redirectUris as readonly string[]) : undefined,
    consumerId: referenceIn(row, 'consumer') ?? '',
  };
}

function text(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
