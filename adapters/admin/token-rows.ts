/** The tokens as rows: an entity store that holds `oauth2_tokens` only, in the form of grants. */
import { grantOfRow, rowOfGrant } from '../../src/entities/oauth2-tokens.ts';
import { revocationExpiry } from '../../src/oauth/revocation.ts';
import type { Clock } from '../../src/ports/clock.ts';
import {
  type Entity,
  type EntityKind,
  type EntityQuery,
  type EntityStore,
  referenceIn,
  type Written,
} from '../../src/ports/entity-store.ts';
import type { GrantOwner, Grants, KeptGrant } from '../../src/ports/grants.ts';

/** `store` holds the rows that tokens refer to. */
export function tokenRows(
  store: EntityStore,
  grants: Grants,
  clock: Clock,
  kindNamed: (name: string) => EntityKind,
): EntityStore {
  async function kept(grantId: string): Promise<KeptGrant | undefined> {
    const found = await grants.get(grantId);
    return found === undefined || isExpired(found) ? undefined : found;
  }

  function isExpired({ grant: { refreshExpiresAt } }: KeptGrant): boolean {
    return refreshExpiresAt !== undefined && refreshExpiresAt <= clock.now();
  }

  async function get(_: EntityKind, id: string): Promise<Entity | undefined> {
    const found = await kept(id);
    return found === undefined ? undefined : rowOfGrant(found, clock.now());
  }

  async function getBy(kind: EntityKind, field: string, value: string): Promise<Entity | undefined> {
    const grant =
      field === 'access_token'
        ? await grants.byAccessToken(value)
        : field === 'refresh_token'
          ? await currentRefreshToken(value)
          : undefined;
    return grant === undefined ? undefined : get(kind, grant.grantId);
  }

  async function currentRefreshToken(value: string) {
    const found = await grants.byRefreshToken(value);
    return found?.found === 'current' ? found.grant : undefined;
  }

  async function dangling(kind: EntityKind, row: Entity): Promise<Written | undefined> {
    for (const { field, kind: target } of kind.foreign) {
      const id = referenceIn(row, field);
      if (id !== undefined && (await store.get(kindNamed(target), id)) === undefined) {
        return { outcome: 'dangling', field };
      }
    }
    return undefined;
  }

  async function taken(row: Entity): Promise<Written> {
    const holder = await grants.byAccessToken(row['access_token'] as string);
    const field = holder !== undefined && holder.grantId !== row.id ? 'access_token' : 'refresh_token';
    return { outcome: 'taken', fields: [field] };
  }

  async function insert(kind: EntityKind, row: Entity): Promise<Written> {
    if ((await kept(row.id)) !== undefined) return { outcome: 'taken', fields: ['id'] };
    const reason = await dangling(kind, row);
    if (reason !== undefined) return reason;
    const { grant, tokens } = grantOfRow(row, clock.now());
    const outcome = await grants.open(grant, tokens);
    // The id of a revoked grant is taken until its record is deleted.
    if (outcome === 'revoked') return { outcome: 'taken', fields: ['id'] };
    return outcome === 'opened' ? { outcome: 'written' } : taken(row);
  }

  async function replace(
    kind: EntityKind,
    row: Entity,
    { expected, orInsert = false }: { readonly expected?: Entity; readonly orInsert?: boolean } = {},
  ): Promise<Written> {
    const before = await kept(row.id);
    if (before === undefined) return orInsert ? insert(kind, row) : { outcome: 'missing' };
    const reason = await dangling(kind, row);
    if (reason !== undefined) return reason;
    const now = clock.now();
    const { grant, tokens } = grantOfRow(row, now, { grant: before.grant, row: expected ?? rowOfGrant(before, now) });
    const outcome = await grants.replace(grant, tokens);
    if (outcome === 'replaced') return { outcome: 'written' };
    return outcome === 'missing' ? { outcome: 'missing' } : taken(row);
  }

  async function page(_: EntityKind, { size, after, where }: EntityQuery) {
    const owner = where === undefined ? undefined : ownerOf(where);
    const rows: Entity[] = [];
    let next = after;
    do {
      const found = await grants.page({ size: size - rows.length, after: next, owner });
      for (const one of found.rows) if (!isExpired(one)) rows.push(rowOfGrant(one, clock.now()));
      next = found.next;
    } while (next !== undefined && rows.length < size);
    return { rows, next };
  }

  return {
    insert,
    get,
    getBy,
    replace,
    page,
    async remove({ name }, id) {
      const before = await kept(id);
      if (before === undefined) return { outcome: 'missing' };
      const { grant, refreshToken } = before;
      // A token that is kept as a digest only is not shown here.
      const hasRefreshToken = grant.tokenStorage === 'digest' || refreshToken !== undefined;
      await grants.revoke(id, revocationExpiry({ grant, hasRefreshToken, lastIssuedAt: clock.now() }));
      return { outcome: 'removed', rows: [{ kind: name, id }] };
    },
  };
}

function ownerOf({ field, value }: NonNullable<EntityQuery['where']>): GrantOwner {
  if (field === 'credential.id') return { credentialId: value };
  if (field === 'service.id') return { serviceId: value };
  throw new RangeError(`tokens are not listed by ${field}`);
}
