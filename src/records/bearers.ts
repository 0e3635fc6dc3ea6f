/**
 * The bearers of access tokens, remembered in memory. A change that was announced takes effect at once
 * (`bounded-cache.ts`); an unknown token is looked up each time.
 */
import type { Consumer, EpochMilliseconds } from '../oauth/client.ts';
import type { Bearer, Grant } from '../oauth/tokens.ts';
import type { Announcement } from '../ports/announcements.ts';
import type { Bearers } from '../ports/bearers.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entity, EntityKind, EntityStore } from '../ports/entity-store.ts';
import type { Grants } from '../ports/grants.ts';
import { type MaybePromise, whenThere } from '../ports/maybe-promise.ts';
import { Unavailable } from '../ports/unavailable.ts';
import { boundedCache, type CacheEntry } from './bounded-cache.ts';
import { clientOf } from './clients.ts';

/** For how long remembered bearers are valid where other nodes write to the same store. */
export interface Freshness {
  /** Whether all announcements of other nodes up to a moment ago were received. */
  isFresh(): boolean;
  /** Whether the store answers at present. */
  isCurrent(): boolean;
  /** Milliseconds after which an entry is read again: its change may have been lost when a node crashed. */
  readonly readAgainAfter: number;
}

export interface RememberedBearers extends Bearers {
  /** Subscribe this to the announcements. */
  apply(announcement: Announcement): void;
  readonly remembered: number;
}

export function rememberedBearers(
  {
    grants,
    store,
    clock,
  }: {
    readonly grants: Pick<Grants, 'byAccessToken'>;
    readonly store: Pick<EntityStore, 'get'>;
    readonly clock: Clock;
  },
  kinds: { readonly clients: EntityKind; readonly consumers: EntityKind },
  limit = 100_000,
  freshness?: Freshness,
): RememberedBearers {
  const cache = boundedCache<number, Entry, 'grant' | 'client' | 'consumer'>(
    limit,
    {
      grant: ({ bearer }) => [bearer.grant.grantId],
      client: ({ bearer }) => [bearer.client.id],
      consumer: ({ bearer }) => [bearer.consumer.id],
    },
    ({ bearer: { grant } }) => grant.expiresAt !== undefined && grant.expiresAt <= clock.now(),
  );

  function read(accessToken: string): MaybePromise<Bearer | undefined> {
    return whenThere(grants.byAccessToken(accessToken), (grant) =>
      grant === undefined
        ? undefined
        : whenThere(store.get(kinds.clients, grant.credentialId), (client) =>
            client === undefined ? undefined : withConsumer(grant, client),
          ),
    );
  }

  function withConsumer(grant: Grant, row: Entity): MaybePromise<Bearer | undefined> {
    const client = clientOf(row);
    return whenThere(store.get(kinds.consumers, client.consumerId), (consumer) =>
      consumer === undefined ? undefined : { grant, client, consumer: consumerOf(consumer) },
    );
  }

  function entryOf(accessToken: string): Entry | undefined {
    const entry = cache.get(keyOf(accessToken));
    return entry?.accessToken === accessToken ? entry : undefined;
  }

  function readAndKeep(accessToken: string): MaybePromise<Bearer | undefined> {
    const key = keyOf(accessToken);
    return cache.readAndKeep(
      key,
      () => read(accessToken),
      (bearer) => ({ key, accessToken, bearer, readAt: clock.now(), wasUsed: false }),
    );
  }

  /** The bearer of an entry, where other nodes write to the same store. */
  function shared(entry: Entry, { isFresh, isCurrent, readAgainAfter }: Freshness): MaybePromise<Bearer | undefined> {
    // No announcement came for so long that the grant may have been revoked: only the store knows.
    if (!isFresh()) return read(entry.accessToken);
    const age = clock.now() - entry.readAt;
    if ((age >= 0 && age < readAgainAfter) || !isCurrent()) return entry.bearer;
    return Promise.resolve(readAndKeep(entry.accessToken)).catch((error: unknown) => {
      if (error instanceof Unavailable && isFresh() && entryOf(entry.accessToken) === entry) return entry.bearer;
      throw error;
    });
  }

  return {
    find(accessToken) {
      const entry = entryOf(accessToken);
      if (entry === undefined) return readAndKeep(accessToken);
      entry.wasUsed = true;
      return freshness === undefined ? entry.bearer : shared(entry, freshness);
    },

    apply(announcement) {
      cache.announced();
      switch (announcement.announces) {
        case 'grantChanged':
          return cache.removeBy('grant', announcement.grantId);
        case 'entityChanged':
          if (announcement.kind === kinds.clients.name) cache.removeBy('client', announcement.id);
          else if (announcement.kind === kinds.consumers.name) cache.removeBy('consumer', announcement.id);
          return;
        case 'everythingChanged':
          cache.clear();
      }
    },

    get remembered() {
      return cache.size;
    },
  };
}

/**
 * A number for a token (FNV-1a); of two tokens with the same number the later one is remembered. A string that has just
 * been received is a slow key: V8 would first look for it among all strings that it knows.
 */
function keyOf(accessToken: string): number {
  let key = 0x811c9dc5;
  for (let i = 0; i < accessToken.length; i++) key = Math.imul(key ^ accessToken.charCodeAt(i), 0x01000193);
  return key;
}

interface Entry extends CacheEntry<number> {
  readonly accessToken: string;
  readonly bearer: Bearer;
  readonly readAt: EpochMilliseconds;
}

/** The consumer of a stored row. */
export function consumerOf(row: Entity): Consumer {
  const { username, custom_id: customId } = row;
  return {
    id: row.id,
    username: typeof username === 'string' ? username : undefined,
    customId: typeof customId === 'string' ? customId : undefined,
  };
}
