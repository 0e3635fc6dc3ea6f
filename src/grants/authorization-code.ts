/**
 * Authorization Code Grant, the token request (RFC 6749 §4.1.3), with PKCE (RFC 7636 §4.6).
 *
 *     awaitingClient ─▶ awaitingCode ──codeRedeemed──▶ awaitingGrant ──grantOpened──▶ granted
 *           │                │                              └──grantAlreadyRevoked──▶ refused
 *           │                ├──codeReplayed──▶ awaitingRevocation ──grantRevoked──▶ refused
 *           │                └──codeMismatched, codeUnknown──▶ refused
 *           └──any event──▶ refused
 */
import type { Waiting } from '../machine/machine.ts';
import type { Client } from '../oauth/client.ts';
import { needsChallenge } from '../oauth/issuer.ts';
import { codeChallengeOf, hasLengthOfVerifier, isCodeVerifier } from '../oauth/pkce.ts';
import type { Profile } from '../oauth/profile.ts';
import type { RefusalReason } from '../oauth/refusals.ts';
import { type ClientAdmitted, grantMachine } from './client-authentication.ts';
import { type AwaitingGrant, openGrant, openingGrant } from './new-grant.ts';
import { type AwaitingRevocation, refuseReuse, revoking } from './revocation.ts';
import {
  type GrantOutcome,
  type Parameter,
  type RedeemAuthorizationCode,
  refuse,
  type TokenRequest,
} from './vocabulary.ts';

export interface AuthorizationCodeRequest extends TokenRequest {
  readonly code: Parameter;
  readonly codeVerifier: Parameter;
}

interface AwaitingCode extends Waiting<'awaitingCode', RedeemAuthorizationCode> {
  readonly request: AuthorizationCodeRequest;
  readonly client: Client;
}
export const authorizationCodeGrant = grantMachine<
  AuthorizationCodeRequest,
  AwaitingCode | AwaitingRevocation | AwaitingGrant
>(
  { redirectUri: 'checked' },
  {
    name: 'authorization_code',
    then: { clientAdmitted: redeem },
    transitions: {
      awaitingCode: {
        codeRedeemed: ({ request, client }, { record }) =>
          openGrant(request.issuer, {
            grantId: record.grantId,
            credentialId: client.id,
            subject: record.subject,
            scope: record.scope,
            at: request.receivedAt,
            refreshable: true,
          }),
        // "If an authorization code is used more than once, the authorization server MUST deny the request and SHOULD
        // revoke (when possible) all tokens previously issued based on that authorization code." (RFC 6749 §4.1.2)
        codeReplayed: ({ request }, { grantId, expiresAt }) =>
          // The first redemption came before the code expired, but its grant may not be saved yet.
          refuseReuse(request, 'code_invalid', grantId, { lastIssuedAt: expiresAt }),
        codeMismatched: ({ request }, { binding }) => {
          if (binding === 'codeChallenge') return refuse(whatIsWrongWith(request));
          return refuse(binding === 'redirectUri' ? 'code_redirect_uri_mismatched' : 'code_invalid');
        },
        codeUnknown: () => refuse('code_invalid'),
      },
      awaitingRevocation: revoking,
      awaitingGrant: openingGrant('code_invalid'),
    },
  },
);

function redeem({ request, client }: ClientAdmitted<AuthorizationCodeRequest>): AwaitingCode | GrantOutcome {
  const { issuer, codeVerifier, redirectUri } = request;
  const { profile } = issuer;
  if (profile.closesRedemption && !issuer.grantTypes.authorizationCode) return refuse('grant_type_unsupported');
  if (typeof request.code !== 'string' || request.code === '') {
    // "The request is missing a required parameter" (RFC 6749 §5.2, invalid_request)
    return request.code === undefined || request.code === ''
      ? refuse('code_missing')
      : refuse('parameter_malformed', 'code');
  }
  if (redirectUri !== undefined && typeof redirectUri !== 'string')
    return refuse('parameter_malformed', 'redirect_uri');
  if (issuer.audience.boundTo === '') return refuse('service_missing');
  const wellFormed = typeof codeVerifier === 'string' && isVerifier(codeVerifier, profile);
  return {
    state: 'awaitingCode',
    request,
    client,
    awaits: {
      effect: 'redeemAuthorizationCode',
      code: request.code,
      by: {
        attempt: request.attempt,
        at: request.receivedAt,
        credentialId: client.id,
        boundTo: issuer.codesBoundTo,
        redirectUri,
        redirectUriRequired: profile.redirectUriAgain,
        codeChallenge: wellFormed ? codeChallengeOf(codeVerifier) : undefined,
        // "the authorization server MUST ensure that if there was no code_challenge in the authorization request, a
        // request to the token endpoint containing a code_verifier is rejected" (RFC 9700 §2.1.1)
        unchallenged: needsChallenge(issuer, client.type) ? 'refuse' : 'accept',
        ownMismatch: profile.ownMismatch,
      },
    },
  };
}

function whatIsWrongWith({ codeVerifier, issuer }: AuthorizationCodeRequest): RefusalReason {
  if (codeVerifier === undefined) return 'code_verifier_missing';
  if (typeof codeVerifier !== 'string') return 'code_verifier_not_a_string';
  return isVerifier(codeVerifier, issuer.profile) ? 'code_verifier_wrong' : 'code_verifier_malformed';
}

function isVerifier(codeVerifier: string, { strictChallenge }: Profile): boolean {
  return strictChallenge ? isCodeVerifier(codeVerifier) : hasLengthOfVerifier(codeVerifier);
}
