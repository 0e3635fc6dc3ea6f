/** Performs the effects of the core, each against one port. A performer names the result; it decides nothing. */
import type { AccessEvents, FindAccessToken } from '../access/bearer-token.ts';
import type { AuthorizationEffect, AuthorizationEvents } from '../authorization/vocabulary.ts';
import type { GrantEffect, GrantEvents, RotateRefreshToken } from '../grants/vocabulary.ts';
import type { TokenPair } from '../oauth/tokens.ts';
import type { AuthorizationCodes } from '../ports/authorization-codes.ts';
import type { Bearers } from '../ports/bearers.ts';
import type { Clients } from '../ports/clients.ts';
import type { Entropy, Successors } from '../ports/entropy.ts';
import type { Grants } from '../ports/grants.ts';
import { whenThere } from '../ports/maybe-promise.ts';
import type { Performers } from './drive.ts';

export interface Ports {
  readonly clients: Clients;
  readonly codes: AuthorizationCodes;
  readonly grants: Grants;
  readonly entropy: Entropy;
  readonly successors: Successors;
}

export function grantPerformers(ports: Ports): Performers<GrantEvents, GrantEffect> {
  const { clients, codes, grants } = ports;
  return {
    authenticateClient: ({ authentication }) =>
      whenThere(clients.authenticate(authentication), ({ client, proof, retryAfter }) => {
        if (proof === 'rateLimited') return { event: 'clientRateLimited', retryAfter: retryAfter ?? 1 };
        if (proof === 'busy') return { event: 'clientRateLimited', retryAfter: 1, busy: true };
        if (proof === 'ambiguous') return { event: 'clientAmbiguous' };
        return proof === 'proven' && client !== undefined
          ? { event: 'clientAuthenticated', client }
          : { event: 'clientRejected', client };
      }),
    redeemAuthorizationCode: ({ code, by }) =>
      whenThere(codes.redeem(code, by), (redemption) => {
        switch (redemption.outcome) {
          case 'redeemed':
            return { event: 'codeRedeemed', record: redemption.record };
          case 'replayed':
            return { event: 'codeReplayed', grantId: redemption.grantId, expiresAt: redemption.expiresAt };
          case 'mismatched':
            return { event: 'codeMismatched', binding: redemption.binding };
          case 'unknown':
            return { event: 'codeUnknown' };
        }
      }),
    openGrant: openGrant(ports),
    findRefreshToken: ({ refreshToken }) =>
      whenThere(grants.byRefreshToken(refreshToken), (found) =>
        found === undefined ? { event: 'refreshTokenUnknown' } : { event: 'refreshTokenFound', grant: found.grant },
      ),
    rotateRefreshToken: ({ refreshToken, successor, by }) => {
      const tokens = successorsOf(ports, refreshToken, successor);
      return whenThere(grants.rotate(refreshToken, { ...by, tokens }), (rotation) => {
        switch (rotation.outcome) {
          case 'rotated':
          case 'repeated':
            return { event: 'refreshTokenRotated', grant: rotation.grant, tokens };
          case 'reused':
            return { event: 'refreshTokenReused', grant: rotation.grant };
          case 'mismatched':
          case 'unknown':
            return { event: 'refreshTokenUnknown' };
        }
      });
    },
    revokeGrant: ({ grantId, until }) => whenThere(grants.revoke(grantId, until), () => ({ event: 'grantRevoked' })),
  };
}

export function authorizationPerformers(ports: Ports): Performers<AuthorizationEvents, AuthorizationEffect> {
  const { clients, codes, entropy } = ports;
  return {
    findClient: ({ clientId }) =>
      whenThere(clients.find(clientId), (client) =>
        client === undefined ? { event: 'clientUnknown' } : { event: 'clientFound', client },
      ),
    saveAuthorizationCode: ({ record }) => {
      const code = entropy.token();
      return whenThere(codes.save(code, record), () => ({ event: 'authorizationCodeSaved', code }));
    },
    openGrant: openGrant(ports),
  };
}

export function accessPerformers(bearers: Bearers): Performers<AccessEvents, FindAccessToken> {
  const unknown = { event: 'accessTokenUnknown' } as const;
  return {
    findAccessToken: ({ accessToken }) =>
      whenThere(bearers.find(accessToken), (bearer) =>
        bearer === undefined ? unknown : { event: 'accessTokenFound', bearer },
      ),
  };
}

function openGrant({ grants, entropy }: Ports): Performers<GrantEvents, GrantEffect>['openGrant'] {
  return ({ grant, withRefreshToken }) => {
    const tokens: TokenPair = {
      accessToken: entropy.token(),
      refreshToken: withRefreshToken ? entropy.token() : undefined,
    };
    return whenThere(grants.open(grant, tokens), (opened) => {
      // Two random strings of 190 bits are never equal; if they are, the source of randomness is broken.
      if (opened === 'taken')
        throw new Error('a new random token is already in use: the source of randomness is broken');
      return opened === 'opened' ? { event: 'grantOpened', tokens } : { event: 'grantAlreadyRevoked' };
    });
  };
}

function successorsOf(
  { entropy, successors }: Ports,
  refreshToken: string,
  successor: RotateRefreshToken['successor'],
): TokenPair {
  switch (successor) {
    case 'fresh':
      return { accessToken: entropy.token(), refreshToken: entropy.token() };
    case 'derived':
      return successors.successorOf(refreshToken);
    case 'kept':
      return { accessToken: entropy.token(), refreshToken };
    case 'none':
      return { accessToken: entropy.token(), refreshToken: undefined };
  }
}
