/** The OAuth core over the store: clients, the bearer check, and the authorization server. */
import { authorizationServer } from '../../src/authorization-server.ts';
import { gate } from '../../src/gate.ts';
import { rememberedBearers } from '../../src/records/bearers.ts';
import { registeredClients } from '../../src/records/clients.ts';
import { failedAttempts, limitedClients } from '../../src/records/failed-attempts.ts';
import { kindIn } from './kinds.ts';
import { partsOf, tokens as t } from './parts.ts';

export const oauth = partsOf((provide) => {
  provide(t.attempts, { configuration: t.configuration, clock: t.clock }, ({ configuration, clock }) =>
    failedAttempts(clock, { most: configuration.limitFailureCounts }),
  );
  provide(
    t.clients,
    { store: t.entityStore, entities: t.entities, hashes: t.secretHashes, attempts: t.attempts },
    ({ store, entities, hashes, attempts }) =>
      limitedClients(registeredClients(store, kindIn(entities, 'oauth2_credentials'), hashes), attempts),
  );
  provide(
    t.bearers,
    {
      configuration: t.configuration,
      stores: t.stores,
      grants: t.grants,
      store: t.entityStore,
      entities: t.entities,
      clock: t.clock,
      announcements: t.announcements,
    },
    ({ configuration, stores, grants, store, entities, clock, announcements }) => {
      const kinds = { clients: kindIn(entities, 'oauth2_credentials'), consumers: kindIn(entities, 'consumers') };
      const shared = stores.announcements && {
        ...stores.announcements,
        readAgainAfter: configuration.stalenessLimit,
      };
      const bearers = rememberedBearers({ grants, store, clock }, kinds, configuration.limitTokens, shared);
      announcements.subscribe(bearers.apply);
      return bearers;
    },
  );
  provide(t.gate, { bearers: t.bearers, clock: t.clock }, ({ bearers, clock }) => gate(bearers, clock));
  provide(
    t.authorizationServer,
    {
      clients: t.clients,
      attempts: t.attempts,
      codes: t.codes,
      grants: t.grants,
      entropy: t.entropy,
      successors: t.successors,
      clock: t.clock,
    },
    ({ clock, ...ports }) => authorizationServer(ports, clock),
  );
});
