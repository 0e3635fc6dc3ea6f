/**
 * Kong's plugins, for the requests of a route, a service, a consumer, or all requests. The settings of each plugin are
 * described next to its code (../plugins) and looked up by its name.
 */
import type { Entity, Json } from '../ports/entity-store.ts';
import type { Description, Subschema } from '../schema/description.ts';
import { httpProtocols, id, name, tags, timestamp } from '../schema/fields.ts';

/** The fields of one plugin. */
export interface PluginDescription extends Subschema {
  readonly name: string;
  /** Plugins run from the highest priority to the lowest (Kong's order). */
  readonly priority: number;
  /** Not one of Kong's plugins: lists of plugins leave it out, since tools compare them. */
  readonly ours?: true;
}

/** The plugins of this gate, by name. */
export type PluginDescriptions = ReadonlyMap<string, PluginDescription>;

export function plugins(known: PluginDescriptions): Description {
  return {
    name: 'plugins',
    endpointKey: 'instance_name',
    fields: {
      id,
      name: { type: 'string', required: true },
      instance_name: name,
      created_at: timestamp,
      updated_at: timestamp,
      route: { type: 'foreign', reference: 'routes', default: null, on_delete: 'cascade' },
      service: { type: 'foreign', reference: 'services', default: null, on_delete: 'cascade' },
      consumer: { type: 'foreign', reference: 'consumers', default: null, on_delete: 'cascade' },
      config: { type: 'record', abstract: true, fields: {} },
      protocols: httpProtocols,
      enabled: { type: 'boolean', required: true, default: true },
      tags,
    },
    uniqueTogether: [['name', 'route', 'service', 'consumer']],
    subschema: {
      key: 'name',
      err: "plugin '%s' not enabled; add it to the 'plugins' configuration property",
      get: (value) => known.get(value),
    },
  };
}

/**
 * Kong: a plugin with protocols must share one with its route, or with one of the routes of its service. `routes` holds
 * that route, or those of the service.
 */
export function protocolViolation(
  protocols: readonly Json[],
  on: 'route' | 'service',
  routes: readonly Entity[],
): string | undefined {
  const shares = (route: Entity): boolean => (route['protocols'] as readonly Json[]).some((p) => protocols.includes(p));
  if (routes.length === 0 || routes.some(shares)) return undefined;
  return on === 'route'
    ? "must match the associated route's protocols"
    : "must match the protocols of at least one route pointing to this Plugin's service";
}
