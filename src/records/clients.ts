/**
 * Clients in the entity store (Kong's oauth2 credentials), and how they are authenticated.
 *
 * A failure takes the same time whether the client is unknown, its secret is plain or its secret is hashed: one comparison of
 * digests, and the time of one slow hash. Only a hashed secret costs the work of that hash. Basic credentials with several
 * readings take that time once for each, whichever of them is right.
 */
import { type Client, type ClientCredentials, readingsOf } from '../oauth/client.ts';
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
  function prove(row: Entity | undefined, readings: readonly ClientCredentials[]): MaybePromise<ClientProof> {
    const client = row === undefined ? undefined : clientOf(row);
    // A reading that names no client, or the other one, is compared for the time that it takes, and never matches.
    const isOfClient = ({ clientId }: ClientCredentials): boolean =>
      client === undefined || clientId === client.clientId;
    if (client?.type === 'public') {
      // "The authorization server MUST NOT [...] rely on public client authentication" (RFC 6749 §2.3)
      const sendsNone = readings.some((reading) => isOfClient(reading) && !reading.clientSecret);
      if (sendsNone) return { client, proof: 'proven' };
    }
    const stored = client?.type === 'public' ? undefined : text(row?.['client_secret']);
    const isHashed = stored !== undefined && (row?.['hash_secret'] === true || isHashedSecret(stored));
    const plain = isHashed ? undefined : stored;
    let isSame = false;
    for (const reading of readings) {
      // Always compared, even with nothing, so that the time is the same.
      const equal = same(reading.clientSecret ?? '', plain ?? '') && plain !== undefined && plain !== '';
      if (equal && isOfClient(reading)) isSame = true;
    }
    if (isSame) return { client, proof: 'proven' };
    const secrets = readings.map((one) => (isOfClient(one) ? (one.clientSecret ?? '') : undefined));
    return whenThere(
      // The hash itself never authenticates: only the secret that it was made of does.
      hashes.verify(client?.id ?? `unknown ${readings.at(-1)?.clientId}`, isHashed ? stored : undefined, ...secrets),
      (proof) => ({ client, proof }),
    );
  }

  const rowOf = (clientId: string | undefined) => store.getBy(kind, 'client_id', clientId ?? '');

  return {
    find: (clientId) =>
      whenThere(store.getBy(kind, 'client_id', clientId), (row) => (row === undefined ? undefined : clientOf(row))),

    authenticate(authentication) {
      const readings = readingsOf(authentication);
      const { clientId } = authentication;
      const other = readings.find((reading) => reading.clientId !== clientId);
      if (other === undefined) return whenThere(rowOf(clientId), (row) => prove(row, readings));
      return whenThere(rowOf(clientId), (row) =>
        whenThere(rowOf(other.clientId), (otherRow) =>
          row === undefined || otherRow === undefined
            ? prove(row ?? otherRow, readings)
            : whenThere(prove(row, readings), ({ proof }) => ambiguous(proof)),
        ),
      );
    },
  };
}

/** Two clients are named, and no reading is the right one. The same work was done. */
function ambiguous(proof: ClientProof['proof']): ClientProof {
  return { client: undefined, proof: proof === 'rateLimited' || proof === 'busy' ? proof : 'ambiguous' };
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
