/**
 * Fields of Kong's enterprise edition that stand in exported files. Switched off, null or empty they mean nothing: a
 * notice. Switched on they would change what the gate does: an error that says what.
 */
import type { Json } from '../ports/entity-store.ts';
import { isSet, own } from '../schema/json.ts';

type Effects = Readonly<Record<string, string>>;

/** By kind of entity: what each field would do. */
const ofEntities: Readonly<Record<string, Effects>> = {
  services: { tls_sans: 'verify other names of the upstream certificate' },
  plugins: {
    condition: 'run the plugin for some requests only',
    consumer_group: 'run the plugin for the consumers of a group only',
    ordering: 'change the order of plugins',
    partials: 'take settings from a shared part',
  },
  consumers: { groups: 'add the consumer to consumer groups', type: 'make the consumer an application or a proxy' },
  upstreams: {
    sticky_sessions_cookie: 'keep the sessions of a client on one target',
    sticky_sessions_cookie_path: 'limit the cookie of sticky sessions to a path',
  },
  targets: { failover: 'use the target only if all others are unhealthy' },
};

/** By plugin: what each setting would do. */
const ofPlugins: Readonly<Record<string, Effects>> = {
  acl: { include_consumer_groups: 'count the consumer groups of a consumer as its groups' },
  'key-auth': { identity_realms: 'look keys up in realms of Konnect' },
  oauth2: {
    persistent_refresh_token: 'keep a refresh token valid after its use; here reuse_refresh_token does so',
  },
};

const ofDocument: Effects = {
  _konnect: 'select a control plane of Konnect',
  _workspace: 'select a workspace',
  consumer_groups: 'define groups of consumers',
  custom_entities: 'define entities of custom plugins',
  filter_chains: 'run WebAssembly filters',
  licenses: 'install licenses',
  partials: 'define shared settings of plugins',
  rbac_endpoint_permissions: 'define who may call the Admin API',
  rbac_roles: 'define who may call the Admin API',
  rbac_users: 'define who may call the Admin API',
  service_packages: 'define packages of services',
  vaults: 'read secrets from another store',
};

export type OtherEdition = { readonly notice: string } | { readonly problem: string } | undefined;

export function fieldOfDocument(name: string, value: Json): OtherEdition {
  // Every Kong has the default workspace.
  return name === '_workspace' && value === 'default' ? off : judged(own(ofDocument, name), value);
}

export function fieldOfEntity(kind: string, name: string, value: Json): OtherEdition {
  return judged(own(own(ofEntities, kind) ?? {}, name), value);
}

export function fieldOfPlugin(plugin: string, name: string, value: Json): OtherEdition {
  return judged(own(own(ofPlugins, plugin) ?? {}, name), value);
}

const off = { notice: "a field of another edition of Kong's, without effect as it is; the gate ignores it" } as const;

function judged(effect: string | undefined, value: Json): OtherEdition {
  if (effect === undefined) return undefined;
  if (value === false || !isSet(value)) return off;
  return { problem: `a field of another edition of Kong's that would ${effect}; the gate does not do that` };
}
