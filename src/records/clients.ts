/**
 * Clients, as they stand in the entity store (Kong's oauth2 credentials), and how they prove who they are.
 *
 * An unknown client costs the same work as a wrong secret: one comparison of digests and, in a gate that has met a
 * hashed secret, one slow hash. Where no secret is hashed a flood of guesses must not be given a slow hash to play with.
 */
import type { Client, ClientAuthentication } from '../oauth/client.ts';
import { sameSecret } from '../oauth/same-secret.ts';
import type { ClientProof, Clients } from '../ports/clients.ts';
import type { Entity, EntityKind, EntityStore, Json } from '../ports/entity-store.ts';
import { type MaybePromise, whenThere } from '../ports/maybe-promise.ts';

/** The part of adapters/crypto that is needed here. */
export interface Proofs {
  /** Whether a text is a hashed secret. */
  isHashed(text: string): boolean;
  verify(clientRecordId: string, phc: string | undefined, secret: string): MaybePromise<ClientProof['proof']>;
}

export function registeredClients(
  store: Pick<EntityStore, 'getBy'>,
  kind: EntityKind,
  proofs: Proofs,
  same: (one: string, other: string) => boolean = sameSecret,
): Clients {
  let metHashedSecret = false;

  function prove(row: Entity | undefined, { clientId, clientSecret }: ClientAuthentication): MaybePromise<ClientProof> {
    const client = row === undefined ? undefined : clientOf(row);
    if (client?.type === 'public') {
      // "The authorization server MUST NOT [...] rely on public client authentication" (RFC 6749 §2.3)
      return { client, proof: clientSecret === undefined || clientSecret === '' ? 'proven' : 'failed' };
    }
    const stored = text(row?.['client_secret']);
    const isHashed = stored !== undefined && (row?.['hash_secret'] === true || proofs.isHashed(stored));
    if (isHashed) metHashedSecret = true;
    const secret = clientSecret ?? '';
    const plain = isHashed ? undefined : stored;
    // Always compared, whatever there is to compare with.
    const isSame = same(secret, plain ?? '') && plain !== undefined && plain !== '';
    if (isSame) return { client, proof: 'proven' };
    if (!metHashedSecret) return { client, proof: 'failed' };
    return whenThere(
      // A hash is for a secret: what stands in the store is no proof, not even of itself.
      proofs.verify(client?.id ?? `unknown ${clientId}`, isHashed ? stored : undefined, secret),
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

/** The client that a row of the store stands for. */
export function clientOf(row: Entity): Client {
  const consumer = row['consumer'] as { readonly id: string } | null | undefined;
  const redirectUris = row['redirect_uris'];
  return {
    id: row.id,
    clientId: text(row['client_id']) ?? '',
    name: text(row['name']) ?? '',
    type: row['client_type'] === 'public' ? 'public' : 'confidential',
    redirectUris: Array.isArray(redirectUris) ? (redirectUris as readonly string[]) : undefined,
    consumerId: consumer?.id ?? '',
  };
}

function text(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
