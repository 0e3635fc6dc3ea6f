/**
 * Kong's oauth2_tokens in the Admin API. Their rows are grants (../ports/grants.ts): a row that is written becomes a
 * grant with its pair of tokens, and a stored grant is printed as a row.
 */
import type { EpochMilliseconds } from '../oauth/client.ts';
import { boundToAll, boundToService } from '../oauth/issuer.ts';
import { splitScope } from '../oauth/scope.ts';
import type { Grant, TokenPair } from '../oauth/tokens.ts';
import { type Entity, referenceIn } from '../ports/entity-store.ts';
import type { GrantOwner, KeptGrant } from '../ports/grants.ts';
import type { Description } from '../schema/description.ts';
import { id, timestamp } from '../schema/fields.ts';

export const oauth2Tokens: Description = {
  name: 'oauth2_tokens',
  endpointKey: 'access_token',
  fields: {
    id: { ...id, description: 'A UUID.' },
    created_at: { ...timestamp, description: 'The time of creation, in seconds since the epoch.' },
    service: {
      type: 'foreign',
      reference: 'services',
      default: null,
      on_delete: 'cascade',
      description: 'The service at which the token is valid. Null: every service with global_credentials.',
    },
    credential: {
      type: 'foreign',
      reference: 'oauth2_credentials',
      required: true,
      on_delete: 'cascade',
      description: 'The client.',
    },
    token_type: { type: 'string', required: true, one_of: ['bearer'], default: 'bearer', description: 'RFC 6750.' },
    expires_in: {
      type: 'integer',
      required: true,
      description: 'Lifetime of the access token in seconds. 0: it never expires.',
    },
    access_token: {
      type: 'string',
      required: true,
      unique: true,
      auto: true,
      encrypted: true,
      repeated: true,
      description: 'Generated if it is not set.',
    },
    refresh_token: {
      type: 'string',
      required: false,
      unique: true,
      encrypted: true,
      description: 'Null: the grant has none.',
    },
    authenticated_userid: { type: 'string', required: false, description: 'The resource owner.' },
    scope: { type: 'string', description: 'Scope tokens, separated by spaces.' },
    ttl: {
      type: 'integer',
      between: [0, 100_000_000],
      implicit: true,
      description: 'Seconds until the row is deleted.',
    },
  },
  unchangeable: (stored) =>
    isHint(stored['access_token'])
      ? { access_token: 'stored as a digest only: it can be deleted or replaced, not changed' }
      : undefined,
};

/**
 * The grants that are removed together with a row: those of a client or of a service, to which tokens refer with
 * `on_delete: 'cascade'`.
 */
export function grantsRemovedWith(kind: string, id: string): GrantOwner | undefined {
  if (kind === 'oauth2_credentials') return { credentialId: id };
  return kind === 'services' ? { serviceId: id } : undefined;
}

const ellipsis = '…';

function isHint(accessToken: unknown): boolean {
  return typeof accessToken === 'string' && accessToken.endsWith(ellipsis);
}

/** The row of a grant. */
export function rowOfGrant(kept: KeptGrant, now: EpochMilliseconds): Entity {
  const { grant, accessToken, refreshToken, hint } = kept;
  return {
    id: grant.grantId,
    created_at: Math.floor(grant.issuedAt / 1000),
    service: grant.serviceId === undefined ? null : { id: grant.serviceId },
    credential: { id: grant.credentialId },
    token_type: 'bearer',
    expires_in: grant.expiresAt === undefined ? 0 : Math.floor((grant.expiresAt - grant.issuedAt) / 1000),
    access_token: accessToken ?? (hint ?? '') + ellipsis,
    refresh_token: refreshToken ?? null,
    authenticated_userid: grant.subject ?? null,
    scope: grant.accessScope.length === 0 ? null : grant.accessScope.join(' '),
    ttl: grant.refreshExpiresAt === undefined ? null : Math.max(0, Math.ceil((grant.refreshExpiresAt - now) / 1000)),
  };
}

/** The grant and the tokens of a valid row. `before`: the grant that it replaces, with its row. */
export function grantOfRow(
  row: Entity,
  now: EpochMilliseconds,
  before?: { readonly grant: Grant; readonly row: Entity },
): { readonly grant: Grant; readonly tokens: TokenPair } {
  const kept = <T>(field: string, value: T, made: T): T =>
    before !== undefined && before.row[field] === row[field] ? value : made;
  const serviceId = referenceIn(row, 'service');
  const scope = splitScope((row['scope'] as string | null) ?? '');
  const created = row['created_at'] as number;
  const issuedAt = kept(
    'created_at',
    before?.grant.issuedAt ?? 0,
    created === Math.floor(now / 1000) ? now : created * 1000,
  );
  const lifetime = row['expires_in'] as number;
  const ttl = row['ttl'] as number | null;
  const sameService = before !== undefined && before.grant.serviceId === serviceId;
  const sameScope = before !== undefined && before.row['scope'] === row['scope'];
  return {
    grant: {
      grantId: row.id,
      credentialId: referenceIn(row, 'credential')!,
      boundTo: sameService ? before.grant.boundTo : serviceId === undefined ? boundToAll : boundToService(serviceId),
      serviceId,
      subject: (row['authenticated_userid'] as string | null) ?? undefined,
      scope: sameScope ? before.grant.scope : scope,
      tokenStorage: 'encrypted',
      grantedAt: before?.grant.grantedAt ?? issuedAt,
      generation: before?.grant.generation ?? 1,
      accessScope: scope,
      issuedAt,
      expiresAt: lifetime === 0 ? undefined : issuedAt + lifetime * 1000,
      // In Kong, 0 means never.
      refreshExpiresAt: kept(
        'ttl',
        before?.grant.refreshExpiresAt,
        ttl === null || ttl === 0 ? undefined : now + ttl * 1000,
      ),
    },
    tokens: {
      accessToken: row['access_token'] as string,
      refreshToken: (row['refresh_token'] as string | null) ?? undefined,
    },
  };
}
