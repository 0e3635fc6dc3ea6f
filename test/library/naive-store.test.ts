/**
 * A store that was written from the docstrings of the ports alone: arrays and a lock. It passes the contract, so the
 * docstrings say all that the contract demands.
 */
import type { Clock } from '../../adapters/library/portcullis.ts';
import { storageContract } from '../../adapters/testing/testing.ts';
import type { AuthorizationCode, Grant, TokenPair } from '../../src/oauth/tokens.ts';
import { type AuthorizationCodes, type CodeUse, decideRedemption } from '../../src/ports/authorization-codes.ts';
import {
  afterRotation,
  decideRotation,
  type Grants,
  hintOf,
  type KeptGrant,
  type RefreshTokenUse,
  recordExpiry,
  rememberedRefreshTokens,
} from '../../src/ports/grants.ts';

/** One operation at a time. */
function lock(): <T>(work: () => T) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
}

function naiveCodes(clock: Clock): AuthorizationCodes {
  const alone = lock();
  let rows: { readonly code: string; readonly record: AuthorizationCode; used?: CodeUse | undefined }[] = [];
  return {
    save: (code, record) =>
      alone(() => {
        if (!rows.some((row) => row.code === code)) rows.push({ code, record });
      }),
    redeem: (code, by) =>
      alone(() => {
        // Deleted for good, so that no clock that is set back makes it valid again.
        rows = rows.filter(({ record }) => record.expiresAt > Math.max(by.at, clock.now()));
        const row = rows.find((one) => one.code === code);
        const { redemption, use } = decideRedemption(row?.record, row?.used, by);
        if (row !== undefined && use !== undefined) row.used = use;
        return redemption;
      }),
  };
}

interface Row {
  grant: Grant;
  tokens: TokenPair;
  used: { readonly token: string; readonly use: RefreshTokenUse }[];
  keptBy: string | undefined;
}

function naiveGrants(clock: Clock): Grants {
  const alone = lock();
  let rows: Row[] = [];
  let revoked: { readonly grantId: string; readonly until: number }[] = [];
  const never = Number.POSITIVE_INFINITY;

  const operation = <T>(work: () => T): Promise<T> =>
    alone(() => {
      rows = rows.filter(({ grant, tokens }) => (recordExpiry(grant, tokens) ?? never) > clock.now());
      revoked = revoked.filter(({ until }) => until > clock.now());
      return work();
    });
  const byId = (grantId: string) => rows.find(({ grant }) => grant.grantId === grantId);
  const holds = ({ tokens, used }: Row, { accessToken, refreshToken }: TokenPair): boolean =>
    tokens.accessToken === accessToken ||
    (refreshToken !== undefined &&
      (tokens.refreshToken === refreshToken || used.some(({ token }) => token === refreshToken)));
  const isTaken = (tokens: TokenPair, but?: Row): boolean => rows.some((row) => row !== but && holds(row, tokens));
  const byRefreshToken = (token: string) =>
    rows.find(({ tokens, used }) => tokens.refreshToken === token || used.some((one) => one.token === token));
  const samePair = (one: TokenPair, other: TokenPair): boolean =>
    one.accessToken === other.accessToken && one.refreshToken === other.refreshToken;
  const kept = ({ grant, tokens }: Row): KeptGrant =>
    grant.tokenStorage === 'digest'
      ? { grant, accessToken: undefined, refreshToken: undefined, hint: hintOf(tokens) }
      : { grant, accessToken: tokens.accessToken, refreshToken: tokens.refreshToken, hint: undefined };
  const isOf = ({ grant }: Row, owner: { readonly credentialId: string } | { readonly serviceId: string }): boolean =>
    'credentialId' in owner ? grant.credentialId === owner.credentialId : grant.serviceId === owner.serviceId;

  return {
    open: (grant, tokens) =>
      operation(() => {
        if (revoked.some(({ grantId }) => grantId === grant.grantId)) return 'revoked';
        const before = byId(grant.grantId);
        if (before !== undefined) return samePair(before.tokens, tokens) ? 'opened' : 'taken';
        if (isTaken(tokens)) return 'taken';
        rows.push({ grant, tokens, used: [], keptBy: undefined });
        return 'opened';
      }),
    byAccessToken: (token) => operation(() => rows.find(({ tokens }) => tokens.accessToken === token)?.grant),
    byRefreshToken: (token) =>
      operation(() => {
        const row = byRefreshToken(token);
        if (row === undefined) return undefined;
        return { found: row.tokens.refreshToken === token ? 'current' : 'used', grant: row.grant } as const;
      }),
    rotate: (refreshToken, by) =>
      operation(() => {
        const row = byRefreshToken(refreshToken);
        if (row === undefined) return { outcome: 'unknown' } as const;
        const isCurrent = row.tokens.refreshToken === refreshToken;
        const decided = decideRotation(
          {
            grant: row.grant,
            used: isCurrent ? undefined : row.used.find(({ token }) => token === refreshToken)?.use,
            keptBy: row.keptBy,
            isCurrentPair: samePair(row.tokens, by.tokens),
          },
          by,
        );
        if (decided !== 'rotate') return decided;
        const isKept = by.tokens.refreshToken === refreshToken;
        if (!isKept) row.used.push({ token: refreshToken, use: { attempt: by.attempt, at: by.at } });
        row.used = row.used.slice(-rememberedRefreshTokens);
        row.keptBy = isKept ? by.attempt : undefined;
        row.grant = afterRotation(row.grant, by);
        row.tokens = by.tokens;
        return { outcome: 'rotated', grant: row.grant } as const;
      }),
    revoke: (grantId, until = never) =>
      operation(() => {
        rows = rows.filter(({ grant }) => grant.grantId !== grantId);
        revoked.push({ grantId, until });
      }),
    get: (grantId) =>
      operation(() => {
        const row = byId(grantId);
        return row === undefined ? undefined : kept(row);
      }),
    replace: (grant, tokens) =>
      operation(() => {
        const row = byId(grant.grantId);
        if (row === undefined) return 'missing';
        if (isTaken(tokens, row)) return 'taken';
        row.used = row.used.filter(({ token }) => token !== tokens.refreshToken);
        Object.assign(row, { grant, tokens, keptBy: undefined });
        return 'replaced';
      }),
    page: ({ size, after = '', owner }) =>
      operation(() => {
        const found = rows
          .filter((row) => row.grant.grantId > after && (owner === undefined || isOf(row, owner)))
          .sort((one, other) => (one.grant.grantId < other.grant.grantId ? -1 : 1));
        const page = found.slice(0, size);
        return { rows: page.map(kept), next: found.length > size ? page.at(-1)?.grant.grantId : undefined };
      }),
    removeOf: (owners) =>
      operation(() => {
        const gone = rows.filter((row) => owners.some((owner) => isOf(row, owner)));
        rows = rows.filter((row) => !gone.includes(row));
        return gone.map(({ grant }) => grant.grantId);
      }),
  };
}

await storageContract('a store written from the docstrings alone', { codes: naiveCodes, grants: naiveGrants });
