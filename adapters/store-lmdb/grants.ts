/**
 * Grants in lmdb. Tokens stand here as digests; where the Admin API prints them again, as a sealed copy too.
 *
 *     grants     grant id → the grant, the digests of its pair, the sealed pair or a hint
 *     access     digest of the access token → grant id
 *     refresh    digest of a refresh token, current or used → grant id, and how it was used
 *     used      grant id, number → digest of a used refresh token: the last hundred
 *     owners     client or service, grant id
 *     revoked      grant id → until when its end is remembered
 */
import type { EpochMilliseconds } from '../../src/oauth/client.ts';
import type { Grant, TokenPair } from '../../src/oauth/tokens.ts';
import {
  afterRotation,
  type Grants,
  hintOf,
  judgeRotation,
  type KeptGrant,
  type RefreshTokenUse,
  recordExpiry,
} from '../../src/ports/grants.ts';
import { type Environment, isId, mustBeId, under } from './environment.ts';

interface GrantRow {
  readonly grant: Grant;
  readonly access: string;
  readonly refresh?: string;
  /** The pair, sealed. */
  readonly sealed?: string;
  readonly hint?: string;
  /** When the record dies, as it stands among the expiries. */
  readonly deleteAt?: EpochMilliseconds;
  /** The attempt that made the current pair, where it kept the refresh token. */
  readonly keptBy?: string;
  /** How many refresh tokens of this grant were used. */
  readonly used: number;
}

interface RefreshRow {
  readonly grantId: string;
  readonly by?: RefreshTokenUse & { readonly number: number };
}

export interface LmdbGrants extends Grants {
  /** Writes anew, with the current key, what was sealed with an older one. */
  reencrypt(): Promise<void>;
  /** Whether anything is still found by a digest of this key. */
  uses(keyId: string): boolean;
}

/** How many used refresh tokens of one grant are remembered, to notice their reuse. */
const remembered = 100;
/** How many grants one act removes, when all of a client or a service go. */
const removedAtOnce = 200;
const reencryptedAtOnce = 100;

export function lmdbGrants(environment: Environment): LmdbGrants {
  const { vault, clock, act, read, expect, unexpect, collection } = environment;
  const grants = collection<GrantRow>('grants');
  const access = collection<string>('access');
  const refresh = collection<RefreshRow>('refresh');
  const used = collection<string, [grantId: string, number: number]>('used');
  const owners = collection<0, [owner: 'client' | 'service', id: string, grantId: string]>('owners');
  const revoked = collection<EpochMilliseconds | null>('revoked');

  environment.whenDue('grant', (grantId) => {
    const row = grants.get(grantId);
    if (row !== undefined) remove(row);
  });
  environment.whenDue('revoked', (grantId) => void revoked.removeSync(grantId));

  const accessCandidates = (token: string) => vault.candidates('access token', token);
  const refreshCandidates = (token: string) => vault.candidates('refresh token', token);

  function livingRow(grantId: string | undefined): GrantRow | undefined {
    const row = grantId === undefined || !isId(grantId) ? undefined : grants.get(grantId);
    return row === undefined || isOver(row.deleteAt) ? undefined : { ...row, grant: { ...absent, ...row.grant } };
  }

  function isOver(at: EpochMilliseconds | null | undefined): boolean {
    return typeof at === 'number' && at <= clock.now();
  }

  function rowOfAccess(accessToken: string): GrantRow | undefined {
    return livingRow(first(accessCandidates(accessToken), (digest) => access.get(digest))?.found);
  }

  function rowOfRefresh(refreshToken: string) {
    const hit = first(refreshCandidates(refreshToken), (digest) => refresh.get(digest));
    const row = livingRow(hit?.found.grantId);
    return hit === undefined || row === undefined ? undefined : { row, digest: hit.digest, by: hit.found.by };
  }

  function isInForce(row: GrantRow, { accessToken, refreshToken }: TokenPair): boolean {
    return (
      accessCandidates(accessToken).includes(row.access) &&
      (refreshToken === undefined
        ? row.refresh === undefined
        : row.refresh !== undefined && refreshCandidates(refreshToken).includes(row.refresh))
    );
  }

  function holdsAnother(tokens: TokenPair, grantId: string): boolean {
    const holders = [
      rowOfAccess(tokens.accessToken),
      tokens.refreshToken === undefined ? undefined : rowOfRefresh(tokens.refreshToken)?.row,
    ];
    return holders.some((row) => row !== undefined && row.grant.grantId !== grantId);
  }

  /** Puts a grant with its pair in the place of `before`. The refresh token of `before` is left for the caller. */
  function write(
    before: GrantRow | undefined,
    grant: Grant,
    tokens: TokenPair,
    { keptBy, used: count = before?.used ?? 0 }: { readonly keptBy?: string | undefined; readonly used?: number } = {},
  ): void {
    const { grantId } = grant;
    const digest = vault.digest('access token', tokens.accessToken);
    const refreshDigest =
      tokens.refreshToken === undefined ? undefined : vault.digest('refresh token', tokens.refreshToken);
    const deleteAt = recordExpiry(grant, tokens);

    if (before !== undefined) unlink(before);
    access.putSync(digest, grantId);
    if (refreshDigest !== undefined) {
      const known = refresh.get(refreshDigest)?.by;
      if (known !== undefined) used.removeSync([grantId, known.number]);
      refresh.putSync(refreshDigest, { grantId });
    }
    owners.putSync(['client', grant.credentialId, grantId], 0);
    if (grant.serviceId !== undefined) owners.putSync(['service', grant.serviceId, grantId], 0);
    expect({ kind: 'grant', id: grantId }, deleteAt);
    grants.putSync(grantId, {
      grant,
      access: digest,
      ...(refreshDigest !== undefined && { refresh: refreshDigest }),
      ...(grant.retains === 'encrypted'
        ? { sealed: vault.seal(`tokens of ${grantId}`, JSON.stringify(tokens)) }
        : { hint: hintOf(tokens) }),
      ...(deleteAt !== undefined && { deleteAt }),
      ...(keptBy !== undefined && { keptBy }),
      used: count,
    });
  }

  /** Takes a row out of all that leads to it, but for its refresh tokens. */
  function unlink({ grant, access: digest, deleteAt }: GrantRow): void {
    // The token may have gone to another grant since this one died.
    if (access.get(digest) === grant.grantId) access.removeSync(digest);
    owners.removeSync(['client', grant.credentialId, grant.grantId]);
    if (grant.serviceId !== undefined) owners.removeSync(['service', grant.serviceId, grant.grantId]);
    unexpect({ kind: 'grant', id: grant.grantId }, deleteAt);
  }

  function remove(row: GrantRow): void {
    const { grantId } = row.grant;
    unlink(row);
    grants.removeSync(grantId);
    if (row.refresh !== undefined) forget(row.refresh, grantId);
    for (const { key, value } of [...used.getRange({ start: [grantId, 0], end: [grantId, Number.MAX_VALUE] })]) {
      used.removeSync(key);
      forget(value, grantId);
    }
  }

  function forget(refreshDigest: string, grantId: string): void {
    if (refresh.get(refreshDigest)?.grantId === grantId) refresh.removeSync(refreshDigest);
  }

  function spend(grantId: string, number: number, digest: string, { attempt, at }: RefreshTokenUse): void {
    refresh.putSync(digest, { grantId, by: { attempt, at, number } });
    used.putSync([grantId, number], digest);
    const forgotten = used.get([grantId, number - remembered]);
    if (forgotten !== undefined) {
      used.removeSync([grantId, number - remembered]);
      forget(forgotten, grantId);
    }
  }

  function kept(row: GrantRow): KeptGrant {
    const { grant, sealed, hint } = row;
    const { accessToken, refreshToken } = sealed === undefined ? nothing : pairOf(grant.grantId, sealed);
    return { grant, accessToken, refreshToken, hint };
  }

  function pairOf(grantId: string, sealed: string): TokenPair {
    return { ...nothing, ...(JSON.parse(vault.unseal(`tokens of ${grantId}`, sealed)) as TokenPair) };
  }

  function reencryptOne(grantId: string): void {
    const row = livingRow(grantId);
    if (row?.sealed === undefined || row.sealed.startsWith(`${vault.keyId}.`)) return;
    const tokens = pairOf(grantId, row.sealed);
    if (row.refresh !== undefined) forget(row.refresh, grantId);
    write(row, row.grant, tokens, { keptBy: row.keptBy });
  }

  function* idsAfter(after: string | undefined, credentialId: string | undefined): Iterable<string> {
    const from = after !== undefined && isId(after) ? after : '';
    if (credentialId === undefined) {
      for (const id of grants.getKeys({ start: from })) if (after === undefined || id > after) yield id;
    } else if (isId(credentialId)) {
      const { end } = under('client', credentialId);
      for (const [, , id] of owners.getKeys({ start: ['client', credentialId, from], end })) {
        if (after === undefined || id > after) yield id;
      }
    }
  }

  return {
    open(grant, tokens) {
      const { grantId } = grant;
      mustBeIds(grant);
      return act(() => {
        const end = revoked.get(grantId);
        if (end !== undefined && !isOver(end)) return 'revoked';
        const present = livingRow(grantId);
        if (present !== undefined) return isInForce(present, tokens) ? 'opened' : 'taken';
        if (holdsAnother(tokens, grantId)) return 'taken';
        const dead = grants.get(grantId);
        if (dead !== undefined) remove(dead);
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
      act(() => {
        const hit = rowOfRefresh(refreshToken);
        if (hit === undefined) return { outcome: 'unknown' };
        const { row, digest } = hit;
        const { grant, keptBy } = row;
        const inForce = by.grace > 0 && isInForce(row, by.tokens);
        const judgement = judgeRotation({ grant, used: hit.by, keptBy, inForce }, by);
        if (judgement !== 'rotate') return judgement;
        const next = afterRotation(grant, by);
        if (by.tokens.refreshToken === refreshToken) {
          // Found under a previous key: it is written under the current one now.
          forget(digest, grant.grantId);
          write(row, next, by.tokens, { keptBy: by.attempt });
        } else {
          write(row, next, by.tokens, { used: row.used + 1 });
          spend(grant.grantId, row.used + 1, digest, by);
        }
        return { outcome: 'rotated', grant: next };
      }),

    revoke(grantId, until) {
      mustBeId(grantId, 'the id of the grant');
      return act(() => {
        const row = grants.get(grantId);
        if (row !== undefined) remove(row);
        const before = revoked.get(grantId);
        const last = before === undefined ? until : later(before ?? undefined, until);
        if (before !== undefined) unexpect({ kind: 'revoked', id: grantId }, before ?? undefined);
        revoked.putSync(grantId, last ?? null);
        expect({ kind: 'revoked', id: grantId }, last);
      });
    },

    get: (grantId) =>
      read(() => {
        const row = livingRow(grantId);
        return row === undefined ? undefined : kept(row);
      }),

    replace(grant, tokens) {
      mustBeIds(grant);
      return act(() => {
        const row = livingRow(grant.grantId);
        if (row === undefined) return 'missing';
        if (holdsAnother(tokens, grant.grantId)) return 'taken';
        // A token that an operator took away was not used by anybody.
        if (row.refresh !== undefined) forget(row.refresh, grant.grantId);
        write(row, grant, tokens);
        return 'replaced';
      });
    },

    page: ({ size, after, credentialId }) =>
      read(() => {
        const rows: KeptGrant[] = [];
        for (const id of idsAfter(after, credentialId)) {
          const row = livingRow(id);
          if (row === undefined) continue;
          if (rows.length === size) return { rows, next: rows.at(-1)?.grant.grantId };
          rows.push(kept(row));
        }
        return { rows, next: undefined };
      }),

    async removeOf(owner) {
      const [kind, id] =
        'credentialId' in owner ? (['client', owner.credentialId] as const) : (['service', owner.serviceId] as const);
      if (!isId(id)) return [];
      const removed: string[] = [];
      // A million grants are not one act: nobody else could write meanwhile.
      for (;;) {
        const some = await act(() => {
          const ids = [...owners.getKeys({ ...under(kind, id), limit: removedAtOnce })].map(([, , grantId]) => grantId);
          for (const grantId of ids) {
            const row = grants.get(grantId);
            if (row !== undefined) remove(row);
          }
          return ids;
        });
        for (const grantId of some) removed.push(grantId);
        if (some.length < removedAtOnce) return removed;
      }
    },

    async reencrypt() {
      let after: string | undefined = '';
      while (after !== undefined) {
        const start: string = after;
        after = await act(() => {
          const ids = [...grants.getKeys({ start, limit: reencryptedAtOnce })];
          for (const id of ids) reencryptOne(id);
          return ids.length < reencryptedAtOnce ? undefined : `${ids.at(-1)}!`;
        });
      }
    },

    uses: (keyId) =>
      read(() => {
        const range = { start: `${keyId}.`, end: `${keyId}/`, limit: 1 };
        return access.getKeysCount(range) + refresh.getKeysCount(range) > 0;
      }),
  };
}

/** What JSON leaves out. */
const absent = { subject: undefined, serviceId: undefined, expiresAt: undefined, refreshExpiresAt: undefined };
const nothing = { accessToken: undefined, refreshToken: undefined };

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

function later(
  one: EpochMilliseconds | undefined,
  other: EpochMilliseconds | undefined,
): EpochMilliseconds | undefined {
  return one === undefined || other === undefined ? undefined : Math.max(one, other);
}
