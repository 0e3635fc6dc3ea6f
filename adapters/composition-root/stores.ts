/** The store that the settings name, and its ports as the rest of the gate sees them: each change is announced. */

import { isPending } from '../../src/ports/maybe-promise.ts';
import { Unavailable } from '../../src/ports/unavailable.ts';
import type { Vault } from '../../src/ports/vault.ts';
import { announcingEntityStore, announcingGrants } from '../../src/records/announcing.ts';
import { noticedChallenges } from '../../src/records/code-challenges.ts';
import { inProcessAnnouncements } from '../announcements/in-process.ts';
import type { Configuration } from '../configuration.ts';
import type { NodeClock } from '../crypto/system-clock.ts';
import type { Log } from '../logging.ts';
import { partsOf, type Stores, tokens as t } from './parts.ts';

export const stores = partsOf((provide) => {
  provide(
    t.stores,
    { configuration: t.configuration, vault: t.vault, clock: t.nodeClock, metrics: t.metrics, log: t.log },
    async ({ metrics, ...needs }) => {
      const stores = await openStores(needs);
      return {
        ...stores,
        entities: counted(stores.entities, metrics.countStoreError),
        codes: counted(stores.codes, metrics.countStoreError),
        grants: counted(stores.grants, metrics.countStoreError),
      };
    },
    (opened) => opened.close(),
  );
  provide(t.announcements, { stores: t.stores }, ({ stores }) => stores.announcements ?? inProcessAnnouncements());
  const announced = { stores: t.stores, announcements: t.announcements };
  provide(t.entityStore, announced, ({ stores, announcements }) =>
    announcingEntityStore(stores.entities, announcements),
  );
  provide(t.grants, announced, ({ stores, announcements }) => announcingGrants(stores.grants, announcements));
  provide(t.codes, { stores: t.stores, metrics: t.metrics, log: t.log }, ({ stores, metrics, log }) =>
    // No request is refused for it, but the owner of the client should know (RFC 9700 §2.1.1).
    noticedChallenges(stores.codes, (who) => {
      metrics.countReusedChallenge();
      log.warn(who, 'a client uses a code challenge again: each authorization request needs a new one');
    }),
  );
});

/** The same port, whose failures are counted. */
export function counted<Port extends object>(port: Port, failed: () => void): Port {
  const watched = (method: (...args: unknown[]) => unknown) =>
    function (this: unknown, ...args: unknown[]): unknown {
      const count = (error: unknown): never => {
        if (error instanceof Unavailable) failed();
        throw error;
      };
      try {
        const result = method.apply(port, args);
        return isPending(result) ? result.then(undefined, count) : result;
      } catch (error) {
        return count(error);
      }
    };
  const methods = Object.entries(port).map(([name, value]) => [
    name,
    typeof value === 'function' ? watched(value) : value,
  ]);
  return Object.fromEntries(methods) as Port;
}

interface StoreNeeds {
  readonly configuration: Configuration;
  readonly vault: Vault;
  readonly clock: NodeClock;
  readonly log: Log;
}

async function openStores({ configuration, vault, clock, log }: StoreNeeds): Promise<Stores> {
  const { store } = configuration;
  const inBackground = (task: () => Promise<unknown>, failure: string) => () =>
    void task().catch((error) => log.error({ err: error }, failure));
  const notReencrypted = 'rows encrypted with an older key were not re-encrypted';
  // Each store is imported only where it is used, so that no gate needs the native module or the driver of another one.
  switch (store.kind) {
    case 'memory': {
      const { openMemoryStores } = await import('../store-memory/open-memory-stores.ts');
      return openMemoryStores(clock);
    }
    case 'lmdb': {
      const { lockAndOpenLmdbStore } = await import('../store-lmdb/store.ts');
      const opened = await lockAndOpenLmdbStore({ directory: store.directory, vault, clock });
      continueFrom(opened.lastSweepAt(), clock, log);
      inBackground(opened.reencrypt, notReencrypted)();
      // Each write deletes a few expired rows; the timer is for a store without writes.
      const timer = setInterval(inBackground(opened.sweep, 'expired rows could not be deleted'), 60_000).unref();
      return {
        entities: opened.entityStore,
        codes: opened.authorizationCodes,
        grants: opened.grants,
        async close() {
          clearInterval(timer);
          await opened.close();
        },
      };
    }
    case 'mongodb': {
      const { openMongoStore } = await import('../store-mongodb/store.ts');
      const { storeTimeout: timeout, storePool: pool, stalenessLimit } = configuration;
      const opened = await openMongoStore({ url: store.url, vault, clock, timeout, pool });
      inBackground(opened.reencrypt, notReencrypted)();
      const onChange = (state: 'stale' | 'current', error?: unknown) =>
        state === 'stale'
          ? log.error({ err: error }, 'the database does not respond')
          : log.info('the database responds again');
      const announcements = await opened
        .share({ local: inProcessAnnouncements(), stalenessLimit, onChange })
        .catch(async (error: unknown) => {
          await opened.close();
          throw error;
        });
      return {
        entities: opened.entityStore,
        codes: opened.authorizationCodes,
        grants: opened.grants,
        counters: opened.counters,
        announcements,
        close: opened.close,
      };
    }
  }
}

/** A clock that was set back while no gate ran must not make expired tokens valid again (SE-14). */
function continueFrom(lastSweepAt: number | undefined, clock: NodeClock, log: Log): void {
  if (lastSweepAt === undefined) return;
  clock.notBefore(lastSweepAt);
  const seconds = Math.round((lastSweepAt - Date.now()) / 1000);
  if (seconds < 5) return;
  const consequence =
    clock.now() >= lastSweepAt
      ? 'tokens expire by the time of the store'
      : 'the gate follows it; expired tokens may be valid again';
  log.warn({ seconds }, `the clock of this machine is behind the time of the store: ${consequence}`);
}
