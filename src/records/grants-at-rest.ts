/** How the stores on disk keep tokens: as digests, and as an encrypted copy where the Admin API shows them again. */
import type { AuthorizationCode, Grant, TokenPair } from '../oauth/tokens.ts';
import { hintOf, type KeptGrant } from '../ports/grants.ts';
import type { Vault } from '../ports/vault.ts';

export interface EncryptedPair {
  /** The digest of the access token. */
  readonly access: string;
  /** The digest of the refresh token. */
  readonly refresh?: string;
  /** The pair itself, where the grant stores it encrypted. */
  readonly encrypted?: string;
  readonly hint?: string;
}

export interface TokenEncryption {
  encrypt(grant: Grant, tokens: TokenPair): EncryptedPair;
  /** The pair of a grant that stores it encrypted. */
  decrypt(grantId: string, encrypted: string): TokenPair;
  /** The grant with its tokens, if they are stored encrypted. */
  kept(grant: Grant, stored: Pick<EncryptedPair, 'encrypted' | 'hint'>): KeptGrant;
  /** Whether `tokens` are the stored pair. */
  isPair(stored: Pick<EncryptedPair, 'access' | 'refresh'>, tokens: TokenPair): boolean;
  /** All digests under which a token may be stored. */
  accessCandidates(accessToken: string): readonly string[];
  refreshCandidates(refreshToken: string): readonly string[];
}

export function tokenEncryption(vault: Pick<Vault, 'digest' | 'candidates' | 'seal' | 'unseal'>): TokenEncryption {
  const accessCandidates = (token: string) => vault.candidates('access token', token);
  const refreshCandidates = (token: string) => vault.candidates('refresh token', token);
  const decrypt = (grantId: string, encrypted: string): TokenPair => ({
    refreshToken: undefined,
    ...(JSON.parse(vault.unseal(pairPurpose(grantId), encrypted)) as Pick<TokenPair, 'accessToken'>),
  });

  return {
    encrypt: ({ grantId, tokenStorage }, tokens) => ({
      access: vault.digest('access token', tokens.accessToken),
      ...(tokens.refreshToken !== undefined && { refresh: vault.digest('refresh token', tokens.refreshToken) }),
      ...(tokenStorage === 'encrypted'
        ? { encrypted: vault.seal(pairPurpose(grantId), JSON.stringify(tokens)) }
        : { hint: hintOf(tokens) }),
    }),

    decrypt,

    kept: (grant, { encrypted, hint }) =>
      encrypted === undefined
        ? { grant, accessToken: undefined, refreshToken: undefined, hint }
        : { grant, ...decrypt(grant.grantId, encrypted), hint: undefined },

    isPair: ({ access, refresh }, { accessToken, refreshToken }) =>
      accessCandidates(accessToken).includes(access) &&
      (refreshToken === undefined
        ? refresh === undefined
        : refresh !== undefined && refreshCandidates(refreshToken).includes(refresh)),

    accessCandidates,
    refreshCandidates,
  };
}

const pairPurpose = (grantId: string): string => `tokens of ${grantId}`;

// JSON leaves out members that are undefined --------------------------------------------------------------------------

export function grantFromJson(grant: Grant): Grant {
  return {
    ...{ subject: undefined, serviceId: undefined, expiresAt: undefined, refreshExpiresAt: undefined },
    ...grant,
  };
}

export function codeFromJson(code: AuthorizationCode): AuthorizationCode {
  return { ...{ serviceId: undefined, subject: undefined, codeChallenge: undefined }, ...code };
}
