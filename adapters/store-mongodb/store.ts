/** The store that several gates share: all ports on one MongoDB database. */
import type { AuthorizationCodes } from '../../src/ports/authorization-codes.ts';
import type { Counters } from '../../src/ports/counters.ts';
import type { EntityStore } from '../../src/ports/entity-store.ts';
import type { Grants } from '../../src/ports/grants.ts';
import { reencryptStore } from '../../src/records/store-format.ts';
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
  /** Announcements between this node and the others. They are closed with the store. */
  share(how: Omit<SharedOptions, 'events'>): Promise<SharedAnnouncements>;
  /** After a rotation of the master key: see `reencryptStore`. */
  reencrypt(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Rejects with `StoreUnusable` if the database cannot be reached or cannot be used. */
export async function openMongoStore(options: DatabaseOptions): Promise<MongoStore> {
  const database = await connect(options);
  try {
    await examine(database);
    await ensureIndexes(database);
  } catch (error) {
    await database.close();
    throw error;
  }
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
      // Even the slowest write of an event becomes visible within the window.
      const window = Math.max(5_000, 3 * options.timeout);
      const announcements = await sharedAnnouncements({ events: mongoEvents(database), window, ...how });
      shared.push(announcements);
      announcements.start();
      return announcements;
    },
    reencrypt: async () =>
      reencryptStore({
        vault: database.vault,
        keysInUse: () => keysInUse(database),
        forgetKey: (keyId) => forgetKey(database, keyId),
        parts: [grants, entityStore, authorizationCodes],
      }),
    async close() {
      for (const announcements of shared) await announcements.close();
      await database.close();
    },
  };
}
