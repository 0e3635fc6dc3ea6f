/** The kinds of entity that have hooks. */
import { grantsRemovedWith, oauth2Tokens } from '../../src/entities/oauth2-tokens.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { EntityKind, EntityStore } from '../../src/ports/entity-store.ts';
import type { Entropy } from '../../src/ports/entropy.ts';
import type { Grants } from '../../src/ports/grants.ts';
import type { Description } from '../../src/schema/description.ts';
import { kindOf } from '../../src/schema/kind.ts';
import { caCertificateHooks } from './ca-certificate-uses.ts';
import { certificateHooks } from './certificate-names.ts';
import { expiringRowHooks } from './expiring-rows.ts';
import type { Hooks, KindHooks } from './kind-hooks.ts';
import { pluginHooks } from './plugin-protocols.ts';
import { tokenRows } from './token-rows.ts';

export interface HookOptions {
  readonly store: EntityStore;
  readonly grants: Grants;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

export function kindHooks(
  { store, grants, clock, entropy }: HookOptions,
  entities: ReadonlyMap<string, Description>,
): Hooks {
  const kind = (name: string): EntityKind => kindOf(entities.get(name)!);
  const hooks = new Map<string, KindHooks>([
    ['certificates', certificateHooks(store, entities.get('snis')!, { clock, entropy })],
    ['ca_certificates', caCertificateHooks(store, kind('services'))],
    ['plugins', pluginHooks(store, kind('routes'))],
    [oauth2Tokens.name, { store: tokenRows(store, grants, clock, kind) }],
  ]);
  for (const { name, fields } of entities.values()) {
    if (fields['ttl'] !== undefined && !hooks.has(name)) hooks.set(name, expiringRowHooks(clock));
    if (grantsRemovedWith(name, '') !== undefined) {
      const afterRemove = (ids: readonly string[]) => grants.removeOf(ids.map((id) => grantsRemovedWith(name, id)!));
      hooks.set(name, { ...hooks.get(name), afterRemove });
    }
  }
  return hooks;
}
