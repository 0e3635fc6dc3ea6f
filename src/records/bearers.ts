/**
 * Whom an access token stands for, remembered in memory.
 *
 * The cache cannot lie: what was announced as changed is forgotten at once, and what was being read from the store while
 * anything was announced is not kept. A token that is unknown is looked up each time.
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
import { clientOf } from './clients.ts';

/** How far what is remembered may be relied on, where other nodes write to the same store. */
export interface Freshness {
  /** Whether all that others announced until a moment ago was heard. */
  isFresh(): boolean;
  /** Whether the store answers at present. */
  isCurrent(): boolean;
  /** Milliseconds after which an entry is read again all the same: its change may have been lost with a dying node. */
  readonly readAgainAfter: number;
}

export interface RememberedBearers extends Bearers {
  /** To be subscribed to the announcements. */
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
  /** By `placeOf` their tokens, in the order they were remembered; one that was asked for since gets a second round before it is let go. */
  const entries = new Map<number, Entry>();
  const byGrant = new Map<string, Set<Entry>>();
  const byClient = new Map<string, Set<Entry>>();
  const byConsumer = new Map<string, Set<Entry>>();
  /** How many announcements were applied. */
  let generation = 0;

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
    const entry = entries.get(placeOf(accessToken));
    return entry?.accessToken === accessToken ? entry : undefined;
  }

  /** Reads, and remembers what was read, unless something was announced meanwhile. */
  function readAndRemember(accessToken: string): MaybePromise<Bearer | undefined> {
    const readAt = generation;
    return whenThere(read(accessToken), (bearer) => {
      if (readAt !== generation) return bearer;
      const entry = entryOf(accessToken);
      if (bearer !== undefined) remember(accessToken, bearer);
      else if (entry !== undefined) forget(entry);
      return bearer;
    });
  }

  /** An entry where others write as well. */
  function shared(entry: Entry, { isFresh, isCurrent, readAgainAfter }: Freshness): MaybePromise<Bearer | undefined> {
    // Nothing was heard for so long that it may have ended since: only the store knows.
    if (!isFresh()) return read(entry.accessToken);
    const age = clock.now() - entry.readAt;
    if ((age >= 0 && age < readAgainAfter) || !isCurrent()) return entry.bearer;
    return Promise.resolve(readAndRemember(entry.accessToken)).catch((error: unknown) => {
      if (error instanceof Unavailable && isFresh() && entryOf(entry.accessToken) === entry) return entry.bearer;
      throw error;
    });
  }

  function remember(accessToken: string, bearer: Bearer): void {
    makeRoom();
    const entry: Entry = { accessToken, bearer, readAt: clock.now(), askedFor: false };
    // Of two tokens with one place the later one is remembered.
    const before = entries.get(placeOf(accessToken));
    if (before !== undefined) forget(before);
    entries.set(placeOf(accessToken), entry);
    add(byGrant, bearer.grant.grantId, entry);
    add(byClient, bearer.client.id, entry);
    add(byConsumer, bearer.consumer.id, entry);
  }

  /** Lets go of what has expired among the oldest, and of one more if there is no room. */
  function makeRoom(): void {
    const now = clock.now();
    let looks = 0;
    for (const entry of entries.values()) {
      const isFull = entries.size >= limit;
      if (!isFull && looks >= 2) return;
      const { expiresAt } = entry.bearer.grant;
      const isExpired = expiresAt !== undefined && expiresAt <= now;
      // Where everything is asked for, somebody has to go in the end.
      if (isExpired || (isFull && (!entry.askedFor || looks >= 32))) {
        forget(entry);
      } else if (entry.askedFor) {
        entry.askedFor = false;
        entries.delete(placeOf(entry.accessToken));
        entries.set(placeOf(entry.accessToken), entry);
      }
      looks++;
    }
  }

  function forget(entry: Entry): void {
    const { grant, client, consumer } = entry.bearer;
    entries.delete(placeOf(entry.accessToken));
    drop(byGrant, grant.grantId, entry);
    drop(byClient, client.id, entry);
    drop(byConsumer, consumer.id, entry);
  }

  function forgetAll(theirs: ReadonlySet<Entry> | undefined): void {
    for (const entry of theirs ?? []) forget(entry);
  }

  return {
    find(accessToken) {
      const entry = entryOf(accessToken);
      if (entry === undefined) return readAndRemember(accessToken);
      entry.askedFor = true;
      return freshness === undefined ? entry.bearer : shared(entry, freshness);
    },

    apply(announcement) {
      generation++;
      switch (announcement.announces) {
        case 'grantChanged':
          return forgetAll(byGrant.get(announcement.grantId));
        case 'entityChanged':
          if (announcement.kind === kinds.clients.name) forgetAll(byClient.get(announcement.id));
          else if (announcement.kind === kinds.consumers.name) forgetAll(byConsumer.get(announcement.id));
          return;
        case 'everythingChanged':
          for (const all of [entries, byGrant, byClient, byConsumer]) all.clear();
      }
    },

    get remembered() {
      return entries.size;
    },
  };
}

/**
 * A number for a token (FNV-1a). A text that has just come over the wire is no key of a map yet: V8 would first look for it
 * among all texts it knows.
 */
function placeOf(accessToken: string): number {
  let place = 0x811c9dc5;
  for (let i = 0; i < accessToken.length; i++) place = Math.imul(place ^ accessToken.charCodeAt(i), 0x01000193);
  return place;
}

interface Entry {
  readonly accessToken: string;
  readonly bearer: Bearer;
  readonly readAt: EpochMilliseconds;
  askedFor: boolean;
}

function add(index: Map<string, Set<Entry>>, key: string, entry: Entry): void {
  const there = index.get(key);
  if (there === undefined) index.set(key, new Set([entry]));
  else there.add(entry);
}

function drop(index: Map<string, Set<Entry>>, key: string, entry: Entry): void {
  const there = index.get(key);
  if (there?.delete(entry) && there.size === 0) index.delete(key);
}

/** The consumer that a row of the store stands for. */
export function consumerOf(row: Entity): Consumer {
  const { username, custom_id: customId } = row;
  return {
    id: row.id,
    username: typeof username === 'string' ? username : undefined,
    customId: typeof customId === 'string' ? customId : undefined,
  };
}
