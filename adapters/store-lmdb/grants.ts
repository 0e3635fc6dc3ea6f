/**
 * Grants in lmdb. Tokens are stored as digests, and as an encrypted copy where the Admin API shows them again.
 *
 *     grants     grant id → the grant, the digests of its pair, the encrypted pair or a hint
 *     access     digest of the access token → grant id
 *     refresh    digest of a refresh token, current or used → grant id, and how it was used
 *     used       grant id, number → digest of a used refresh token: the last hundred
 *     owners     client or service, grant id
 *     revoked    grant id → until when the revocation is remembered
 */
import type { EpochMilliseconds } from '../../src/oauth/client.ts';
import { type Grant, laterExpiry, type TokenPair } from '../../src/oauth/tokens.ts';
import {
  afterRotation,
  decideRotation,
  type GrantOwner,
  type GrantQuery,
  type Grants,
  type RefreshTokenUse,
  recordExpiry,
  rememberedRefreshTokens,
} from '../../src/ports/grants.ts';
import { digestsOfKey } from '../../src/ports/vault.ts';
import { type EncryptedPair, grantFromJson, tokenEncryption } from '../../src/records/grants-at-rest.ts';
import { takePage } from '../../src/records/pages.ts';
import { type Environment, eachKey, isId, mustBeId, under } from './environment.ts';

interface GrantRow extends EncryptedPair {
  readonly grant: Grant;
  /** The time that is recorded for this row in the collection of expiries. */
  readonly deleteAt?: EpochMilliseconds;
  /** The attempt that issued the current pair, if that kept the refresh token. */
  readonly keptBy?: string;
  /** How many refresh tokens of this grant were used. */
  readonly used: number;
}

interface RefreshRow {
  readonly grantId: string;
  readonly by?: RefreshTokenUse & { readonly number: number };
}

export interface LmdbGrants extends Grants {
  /** Re-encrypts, with the current key, all rows that an older key encrypted. */
  reencrypt(): Promise<void>;
  /** Whether any token is stored under a digest of this key. */
  uses(keyId: string): boolean;
}

/** How many grants one transaction removes, when all grants of a client or a service are removed. */
const removedAtOnce = 200;
const reencryptedAtOnce = 100;

export function lmdbGrants(environment: Environment): LmdbGrants {
  const { vault, clock, transact, read, scheduleExpiry, cancelExpiry, collection } = environment;
  const { encrypt, decrypt, kept, isPair, accessCandidates, refreshCandidates } = tokenEncryption(vault);
  const grants = collection<GrantRow>('grants');
  const access = collection<string>('access');
  const refresh = collection<RefreshRow>('refresh');
  const used = collection<string, [grantId: string, number: number]>('used');
  const owners = collection<0, [owner: 'client' | 'service', id: string, grantId: string]>('owners');
  const revoked = collection<EpochMilliseconds | null>('revoked');

  environment.onExpiry('grant', (grantId) => {
    const row = grants.get(grantId);
    if (row !== undefined) remove(row);
  });
  environment.onExpiry('revoked', (grantId) => void revoked.removeSync(grantId));

  function unexpiredRow(grantId: string | undefined): GrantRow | undefined {
    const row = grantId === undefined || !isId(grantId) ? undefined : grants.get(grantId);
    return row === undefined || isExpired(row.deleteAt) ? undefined : { ...row, grant: grantFromJson(row.grant) };
  }

  function isExpired(at: EpochMilliseconds | null | undefined): boolean {
    return typeof at === 'number' && at <= clock.now();
  }

  function rowOfAccess(accessToken: string): GrantRow | undefined {
    return unexpiredRow(first(accessCandidates(accessToken), (digest) => access.get(digest))?.found);
  }

  function rowOfRefresh(refreshToken: string) {
    const hit = first(refreshCandidates(refreshToken), (digest) => refresh.get(digest));
    const row = unexpiredRow(hit?.found.grantId);
    return hit === undefined || row === undefined ? undefined : { row, digest: hit.digest, by: hit.found.by };
  }

  function holdsAnother(tokens: TokenPair, grantId: string): boolean {
    const holders = [
      rowOfAccess(tokens.accessToken),
      tokens.refreshToken === undefined ? undefined : rowOfRefresh(tokens.refreshToken)?.row,
    ];
    return holders.some((row) => row !== undefined && row.grant.grantId !== grantId);
  }

  /** Writes a grant with its pair in the place of `before`. The caller handles the refresh token of `before`. */
  function write(
    before: GrantRow | undefined,
    grant: Grant,
    tokens: TokenPair,
    { keptBy, used: count = before?.used ?? 0 }: { readonly keptBy?: string | undefined; readonly used?: number } = {},
  ): void {
    const { grantId } = grant;
    const pair = encrypt(grant, tokens);
    const deleteAt = recordExpiry(grant, tokens);

    if (before !== undefined) unlink(before);
    access.putSync(pair.access, grantId);
    if (pair.refresh !== undefined) {
      const known = refresh.get(pair.refresh)?.by;
      if (known !== undefined) used.removeSync([grantId, known.number]);
      refresh.putSync(pair.refresh, { grantId });
    }
    owners.putSync(['client', grant.credentialId, grantId], 0);
    if (grant.serviceId !== undefined) owners.putSync(['service', grant.serviceId, grantId], 0);
    scheduleExpiry({ kind: 'grant', id: grantId }, deleteAt);
    grants.putSync(grantId, {
      grant,
      ...pair,
      ...(deleteAt !== undefined && { deleteAt }),
      ...(keptBy !== undefined && { keptBy }),
      used: count,
    });
  }

  /** Removes a row from all indexes except that of refresh tokens. */
  function unlink({ grant, access: digest, deleteAt }: GrantRow): void {
    // Another grant may hold the token since this one expired.
    if (access.get(digest) === grant.grantId) access.removeSync(digest);
    owners.removeSync(['client', grant.credentialId, grant.grantId]);
    if (grant.serviceId !== undefined) owners.removeSync(['service', grant.serviceId, grant.grantId]);
    cancelExpiry({ kind: 'grant', id: grant.grantId }, deleteAt);
  }

  function remove(row: GrantRow): void {
    const { grantId } = row.grant;
    unlink(row);
    grants.removeSync(grantId);
    if (row.refresh !== undefined) unindex(row.refresh, grantId);
    for (const { key, value } of [...used.getRange({ start: [grantId, 0], end: [grantId, Number.MAX_VALUE] })]) {
      used.removeSync(key);
      unindex(value, grantId);
    }
  }

  function unindex(refreshDigest: string, grantId: string): void {
    if (refresh.get(refreshDigest)?.grantId === grantId) refresh.removeSync(refreshDigest);
  }

  function markUsed(grantId: string, number: number, digest: string, { attempt, at }: RefreshTokenUse): void {
    refresh.putSync(digest, { grantId, by: { attempt, at, number } });
    used.putSync([grantId, number], digest);
    const oldest = used.get([grantId, number - rememberedRefreshTokens]);
    if (oldest !== undefined) {
      used.removeSync([grantId, number - rememberedRefreshTokens]);
      unindex(oldest, grantId);
    }
  }

  function reencryptRow(grantId: string): void {
    const row = unexpiredRow(grantId);
    if (row?.encrypted === undefined || row.encrypted.startsWith(`${vault.keyId}.`)) return;
    const tokens = decrypt(grantId, row.encrypted);
    if (row.refresh !== undefined) unindex(row.refresh, grantId);
    write(row, row.grant, tokens, { keptBy: row.keptBy });
  }

  function* idsAfter({ after, owner }: GrantQuery): Iterable<string> {
    const from = after !== undefined && isId(after) ? after : '';
    if (owner === undefined) {
      for (const id of grants.getKeys({ start: from })) if (after === undefined || id > after) yield id;
      return;
    }
    const [kind, ownerId] = ownerKey(owner);
    if (!isId(ownerId)) return;
    const { end } = under(kind, ownerId);
    for (const [, , id] of owners.getKeys({ start: [kind, ownerId, from], end })) {
      if (after === undefined || id > after) yield id;
    }
  }

  function* unexpiredAfter(query: GrantQuery): Iterable<GrantRow> {
    for (const id of idsAfter(query)) {
      const row = unexpiredRow(id);
      if (row !== undefined) yield row;
    }
  }

  /** Some grants of an owner. A read: most owners have none, and then no transaction is needed. */
  function someOf(owner: GrantOwner): readonly string[] {
    const [kind, id] = ownerKey(owner);
    if (!isId(id)) return [];
    return [...owners.getKeys({ ...under(kind, id), limit: removedAtOnce })].map(([, , grantId]) => grantId);
  }

  return {
    open(grant, tokens) {
      const { grantId } = grant;
      mustBeIds(grant);
      return transact(() => {
        const until = revoked.get(grantId);
        if (until !== undefined && !isExpired(until)) return 'revoked';
        const present = unexpiredRow(grantId);
        if (present !== undefined) return isPair(present, tokens) ? 'opened' : 'taken';
        if (holdsAnother(tokens, grantId)) return 'taken';
        const expired = grants.get(grantId);
        if (expired !== undefined) remove(expired);
        write(undefined, grant, tokens);
        return 'opened';
      });
    },

    byAccessToken: (accessToken) => read(() => rowOfAccess(accessToken)?.grant),

    byRefreshToken: (refreshToken) =>
      read(() => {
        const hit = rowOfRefresh(refreshToken);
        if (hit === undefined) return undefined;
        return { found: hit.row.refresh === hit.digest ? 'current' : 'used', grant: hit.row.grant };
      }),

    rotate: (refreshToken, by) =>
      transact(() => {
        const hit = rowOfRefresh(refreshToken);
        if (hit === undefined) return { outcome: 'unknown' };
        const { row, digest } = hit;
        const { grant, keptBy } = row;
        const isCurrentPair = by.grace > 0 && isPair(row, by.tokens);
        const decision = decideRotation({ grant, used: hit.by, keptBy, isCurrentPair }, by);
        if (decision !== 'rotate') return decision;
        const next = afterRotation(grant, by);
        if (by.tokens.refreshToken === refreshToken) {
          // The token may have been found under a previous key; it is written under the current one.
          unindex(digest, grant.grantId);
          write(row, next, by.tokens, { keptBy: by.attempt });
        } else {
          write(row, next, by.tokens, { used: row.used + 1 });
          markUsed(grant.grantId, row.used + 1, digest, by);
        }
        return { outcome: 'rotated', grant: next };
      }),

    revoke(grantId, until) {
      mustBeId(grantId, 'the id of the grant');
      return transact(() => {
        const row = grants.get(grantId);
        if (row !== undefined) remove(row);
        const before = revoked.get(grantId);
        const last = before === undefined ? until : laterExpiry(before ?? undefined, until);
        if (before !== undefined) cancelExpiry({ kind: 'revoked', id: grantId }, before ?? undefined);
        revoked.putSync(grantId, last ?? null);
        scheduleExpiry({ kind: 'revoked', id: grantId }, last);
      });
    },

    get: (grantId) =>
      read(() => {
        const row = unexpiredRow(grantId);
        return row === undefined ? undefined : kept(row.grant, row);
      }),

    replace(grant, tokens) {
      mustBeIds(grant);
      return transact(() => {
        const row = unexpiredRow(grant.grantId);
        if (row === undefined) return 'missing';
        if (holdsAnother(tokens, grant.grantId)) return 'taken';
        // A token that an operator replaces was not used.
        if (row.refresh !== undefined) unindex(row.refresh, grant.grantId);
        write(row, grant, tokens);
        return 'replaced';
      });
    },

    page: (query) =>
      read(() => {
        const { rows, next } = takePage(unexpiredAfter(query), query.size, ({ grant }) => grant.grantId);
        return { rows: rows.map((row) => kept(row.grant, row)), next };
      }),

    async removeOf(all) {
      const removed: string[] = [];
      for (const owner of all) {
        // Not one transaction for a million grants: no other write could run meanwhile.
        while (read(() => someOf(owner)).length > 0) {
          const some = await transact(() => {
            const ids = someOf(owner);
            for (const grantId of ids) {
              const row = grants.get(grantId);
              if (row !== undefined) remove(row);
            }
            return ids;
          });
          for (const grantId of some) removed.push(grantId);
        }
      }
      return removed;
    },

    reencrypt: () => eachKey(environment, grants, reencryptedAtOnce, reencryptRow),

    uses: (keyId) =>
      read(() => {
        const range = { ...digestsOfKey(keyId), limit: 1 };
        return access.getKeysCount(range) + refresh.getKeysCount(range) > 0;
      }),
  };
}

function ownerKey(owner: GrantOwner): readonly ['client' | 'service', id: string] {
  return 'credentialId' in owner ? ['client', owner.credentialId] : ['service', owner.serviceId];
}

function first<T>(digests: readonly string[], look: (digest: string) => T | undefined) {
  for (const digest of digests) {
    const found = look(digest);
    if (found !== undefined) return { digest, found };
  }
  return undefined;
}

function mustBeIds({ grantId, credentialId, serviceId }: Grant): void {
  mustBeId(grantId, 'the id of the grant');
  mustBeId(credentialId, 'the id of the client');
  if (serviceId !== undefined) mustBeId(serviceId, 'the id of the service');
}
