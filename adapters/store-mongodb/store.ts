/** The store that many gates share: every port on one MongoDB database. */
import type { AuthorizationCodes } from '../../src/ports/authorization-codes.ts';
import type { Counters } from '../../src/ports/counters.ts';
import type { EntityStore } from '../../src/ports/entity-store.ts';
import type { Grants } from '../../src/ports/grants.ts';
import { type SharedAnnouncements, type SharedOptions, sharedAnnouncements } from './announcements.ts';
import { mongoAuthorizationCodes } from './authorization-codes.ts';
import { mongoCounters } from './counters.ts';
import { connect, type DatabaseOptions } from './database.ts';
import { mongoEntityStore } from './entity-store.ts';
import { mongoEvents } from './events.ts';
import { examine, forgetKey, keysInUse } from './examination.ts';
import { mongoGrants } from './grants.ts';
import { ensureIndexes } from './indexes.ts';

export interface MongoStore {
  readonly authorizationCodes: AuthorizationCodes;
  readonly grants: Grants;
  readonly entityStore: EntityStore;
  readonly counters: Counters;
  /** How this node and the others hear of each other. Closed with the store. */
  share(how: Omit<SharedOptions, 'events'>): Promise<SharedAnnouncements>;
  /**
   * After a rotation of the master key: seals with the new key what was sealed with older ones. Tells the ids of the
   * keys that are still needed.
   */
  reencrypt(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Rejects with `StoreUnusable` when the database cannot be reached or cannot be used as it is. */
export async function openMongoStore(options: DatabaseOptions): Promise<MongoStore> {
  const database = await connect(options);
  try {
    await examine(database);
    await ensureIndexes(database);
  } catch (error) {
    await database.close();
    throw error;
  }
  const { vault } = database;
  const authorizationCodes = mongoAuthorizationCodes(database);
  const grants = mongoGrants(database);
  const entityStore = mongoEntityStore(database);
  const shared: SharedAnnouncements[] = [];

  return {
    authorizationCodes,
    grants,
    entityStore,
    counters: mongoCounters(database),
    async share(how) {
      // No event may become visible later than the look-back reaches, however slow its write was.
      const window = Math.max(5_000, 3 * options.timeout);
      const announcements = await sharedAnnouncements({ events: mongoEvents(database), window, ...how });
      shared.push(announcements);
      announcements.start();
      return announcements;
    },
    async reencrypt() {
      const before = await keysInUse(database);
      if (before.every((keyId) => keyId === vault.keyId)) return before;
      await grants.reencrypt();
      await entityStore.reencrypt();
      for (const keyId of await keysInUse(database)) {
        if (keyId === vault.keyId) continue;
        const uses = await Promise.all([authorizationCodes, grants, entityStore].map((port) => port.uses(keyId)));
        if (!uses.includes(true)) await forgetKey(database, keyId);
      }
      return keysInUse(database);
    },
    async close() {
      for (const announcements of shared) await announcements.close();
      await database.close();
    },
  };
}
