/** The clients and the bearers of access tokens, from the rows of a store. */
import { consumers } from '../../src/entities/consumers.ts';
import { oauth2Credentials } from '../../src/entities/oauth2-credentials.ts';
import type { Announcements } from '../../src/ports/announcements.ts';
import type { Attempts } from '../../src/ports/attempts.ts';
import type { Bearers } from '../../src/ports/bearers.ts';
import type { Clients } from '../../src/ports/clients.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { EntityStore } from '../../src/ports/entity-store.ts';
import type { Grants } from '../../src/ports/grants.ts';
import { rememberedBearers } from '../../src/records/bearers.ts';
import { registeredClients } from '../../src/records/clients.ts';
import { failedAttempts, limitedClients } from '../../src/records/failed-attempts.ts';
import { kindOf } from '../../src/schema/kind.ts';
import { secretHashes } from '../crypto/secret-hash.ts';

const clientsKind = kindOf(oauth2Credentials);
export const consumersKind = kindOf(consumers);

export function readRecords(
  records: Pick<EntityStore, 'get' | 'getBy'>,
  grants: Grants,
  announcements: Announcements | undefined,
  clock: Clock,
): { readonly clients: Clients; readonly bearers: Bearers; readonly attempts: Attempts } {
  const hashes = secretHashes();
  const attempts = failedAttempts(clock);
  const clients = limitedClients(registeredClients(records, clientsKind, hashes), attempts);
  const bearers = rememberedBearers(
    { grants, store: records, clock },
    { clients: clientsKind, consumers: consumersKind },
  );
  if (announcements === undefined) return { clients, attempts, bearers: unremembered(bearers) };
  announcements.subscribe((announcement) => {
    bearers.apply(announcement);
    hashes.apply(announcement);
  });
  return { clients, attempts, bearers };
}

/** Without announcements nothing may be remembered: no change of the store would reach it. */
function unremembered(bearers: ReturnType<typeof rememberedBearers>): Bearers {
  return {
    find(accessToken) {
      bearers.apply({ announces: 'everythingChanged' });
      return bearers.find(accessToken);
    },
  };
}
