/**
 * A grant as a document, which also records that the grant was revoked. Tokens are stored as digests, and as an encrypted
 * copy where the Admin API shows them again.
 *
 *     state        active or revoked
 *     access       digest of the access token
 *     refresh      digest of the current refresh token
 *     refreshes    that digest, and those of the last hundred used ones; the unique index covers them
 *     used         how each of the used ones was used
 *     fixed        the members of the grant that never change, as JSON
 *     current      the members that a rotation changes, as JSON; `generation` counts the rotations
 *     version      new with each write
 */
import { randomUUID } from 'node:crypto';
import type { UpdateFilter } from 'mongodb';
import type { Grant, TokenPair } from '../../src/oauth/tokens.ts';
import { recordExpiry } from '../../src/ports/grants.ts';
import { type EncryptedPair, grantFromJson } from '../../src/records/grants-at-rest.ts';
import { dateOf, text } from './database.ts';

export interface ActiveGrant {
  readonly _id: string;
  readonly state: 'active';
  readonly version: string;
  readonly access: string;
  readonly refresh?: string;
  readonly refreshes?: readonly string[];
  readonly used: readonly UsedRefreshToken[];
  readonly keptBy?: string;
  readonly encrypted?: string;
  readonly encryptedWith?: string;
  readonly hint?: string;
  readonly client: string;
  readonly service?: string;
  readonly boundTo: string;
  readonly refreshExpiresAt?: number;
  readonly fixed: string;
  readonly current: string;
  readonly generation: number;
  readonly deleteAt?: Date;
}

export interface UsedRefreshToken {
  readonly digest: string;
  readonly attempt: string;
  readonly at: number;
}

export interface RevokedGrant {
  readonly _id: string;
  readonly state: 'revoked';
  readonly revokedUntil: Date;
}

export type GrantState = ActiveGrant | RevokedGrant;
/** The type of the collection: the driver's filters and updates cannot express a union. */
export type GrantDocument = Partial<Omit<ActiveGrant, 'state' | '_id'>> &
  Partial<Omit<RevokedGrant, 'state' | '_id'>> &
  Pick<GrantState, '_id' | 'state'>;

/** Every field of an active grant that a revoked one does not have. */
const activeOnly = [
  'access',
  'refresh',
  'refreshes',
  'used',
  'keptBy',
  'encrypted',
  'encryptedWith',
  'hint',
  'client',
  'service',
  'boundTo',
  'refreshExpiresAt',
  'fixed',
  'current',
  'generation',
  'deleteAt',
] as const satisfies readonly (keyof ActiveGrant)[];

/** The fields that each write of a grant sets, or, where they are undefined, removes. */
export function fieldsOf(grant: Grant, tokens: TokenPair, pair: EncryptedPair, keyId: string) {
  const { grantId, credentialId, subject, scope, tokenStorage, grantedAt } = grant;
  const { boundTo, serviceId, accessScope, issuedAt, expiresAt, refreshExpiresAt } = grant;
  return {
    version: randomUUID(),
    access: pair.access,
    refresh: pair.refresh,
    encrypted: pair.encrypted,
    encryptedWith: pair.encrypted === undefined ? undefined : keyId,
    hint: pair.hint === undefined ? undefined : text(pair.hint),
    client: text(credentialId),
    service: serviceId === undefined ? undefined : text(serviceId),
    boundTo: text(boundTo),
    refreshExpiresAt: refreshExpiresAt === undefined ? undefined : Number(refreshExpiresAt),
    fixed: JSON.stringify({ grantId, credentialId, subject, scope, tokenStorage, grantedAt }),
    current: JSON.stringify({ boundTo, serviceId, accessScope, issuedAt, expiresAt, refreshExpiresAt }),
    deleteAt: dateOf(recordExpiry(grant, tokens)),
  };
}

export function grantOf({ fixed, current, generation }: ActiveGrant): Grant {
  return grantFromJson({ ...JSON.parse(fixed), ...JSON.parse(current), generation } as Grant);
}

export function hintOf({ hint }: ActiveGrant): string | undefined {
  return hint === undefined ? undefined : (JSON.parse(`"${hint}"`) as string);
}

/** An update that sets fields, and removes those that are undefined. */
export function setting(fields: Partial<ActiveGrant> | ReturnType<typeof fieldsOf>) {
  const all = Object.entries(fields);
  return {
    $set: Object.fromEntries(all.filter(([, value]) => value !== undefined)),
    $unset: unsetting(all.filter(([, value]) => value === undefined).map(([name]) => name)),
  };
}

export function revoking(revokedUntil: Date): UpdateFilter<GrantDocument> {
  return {
    $set: { state: 'revoked', version: randomUUID() },
    // A second revocation never shortens the first one.
    $max: { revokedUntil },
    $unset: unsetting(activeOnly),
  } as UpdateFilter<GrantDocument>;
}

const unsetting = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, '']));
