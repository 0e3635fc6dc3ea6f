/** The parts that all others need: the log, metrics, the clock, randomness, keys, and the kinds of entities. */
import { describeEntities } from '../../src/entities/entities.ts';
import type { Vault } from '../../src/ports/vault.ts';
import { budgetsOf } from '../../src/records/budget.ts';
import { loadPlugins } from '../configuration/plugin-modules.ts';
import type { Configuration } from '../configuration.ts';
import { systemEntropy } from '../crypto/entropy.ts';
import { masterKeys } from '../crypto/master-key.ts';
import { secretHashes } from '../crypto/secret-hash.ts';
import { derivedSuccessors } from '../crypto/successors.ts';
import { clockFor } from '../crypto/system-clock.ts';
import { openVault } from '../crypto/vault.ts';
import { type Log, openLog } from '../logging.ts';
import { metrics } from '../metrics.ts';
import { partsOf, tokens as t } from './parts.ts';

export const foundation = (configuration: Configuration, log?: Log) =>
  partsOf((provide) => {
    provide(t.configuration, {}, () => configuration);
    provide(t.log, {}, () => log ?? openLog({ level: configuration.logLevel }));
    provide(t.budgets, {}, () =>
      budgetsOf({
        bodyBytes: configuration.limitBodyMemory * 1_048_576,
        connections: configuration.limitConnections,
        connectionsPerAddress: configuration.limitConnectionsPerAddress,
        streams: configuration.limitStreams,
        hashes: configuration.limitHashes,
      }),
    );
    provide(t.metrics, { budgets: t.budgets }, ({ budgets }) => metrics(budgets));
    provide(t.nodeClock, {}, () => clockFor({ isShared: configuration.store.kind === 'mongodb' }));
    provide(t.clock, { clock: t.nodeClock }, ({ clock }) => clock);
    provide(t.entropy, {}, () => systemEntropy());
    provide(t.plugins, {}, () => loadPlugins(configuration.pluginModules));
    provide(t.entities, { plugins: t.plugins }, ({ plugins }) => describeEntities(plugins.descriptions));
    provide(t.vault, { log: t.log }, ({ log }) => vault(configuration, log));
    provide(t.successors, { vault: t.vault }, ({ vault }) => derivedSuccessors(vault));
    provide(t.secretHashes, { announcements: t.announcements, budgets: t.budgets }, ({ announcements, budgets }) => {
      const hashes = secretHashes({ budget: budgets.hashes });
      announcements.subscribe(hashes.apply);
      return hashes;
    });
  });

function vault({ masterKey, store }: Configuration, log: Log): Vault {
  if (store.kind === 'memory' && masterKey.from === 'file') {
    // A store that is gone with the process needs no key on disk.
    return openVault({ current: crypto.getRandomValues(new Uint8Array(32)) });
  }
  const keys = masterKeys(masterKey);
  if (keys.made !== undefined) {
    log.warn({ file: keys.made }, 'made a master key; keep a copy of it away from the store');
  }
  if (keys.warning !== undefined) log.warn(keys.warning);
  return openVault(keys);
}
