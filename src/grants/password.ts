/**
 * Resource Owner Password Credentials Grant (RFC 6749 §4.3), as Kong has it: the operator's login page has checked the
 * password, and vouches for the resource owner with the provision key. Profile rfc9700 does not have it (RFC 9700 §2.4).
 *
 *     awaitingClient ──clientAuthenticated──▶ awaitingGrant ──grantOpened──▶ granted
 *           └──any event──▶ refused                 └──grantAlreadyRevoked──▶ refused
 */
import { scopeGranted } from '../oauth/issuer.ts';
import { type ClientAdmitted, grantMachine } from './client-authentication.ts';
import { type AwaitingGrant, openGrant, openingGrant } from './new-grant.ts';
import { vouchedFor } from './resource-owner.ts';
import { type GrantOutcome, type Parameter, refuse, refuseWith, type TokenRequest } from './vocabulary.ts';

export interface PasswordRequest extends TokenRequest {
  readonly authenticatedUserid: Parameter;
  readonly provisionKey: Parameter;
}

export const passwordGrant = grantMachine<PasswordRequest, AwaitingGrant>(
  { redirectUri: 'checked' },
  {
    name: 'password',
    then: { clientAdmitted: decide },
    transitions: { awaitingGrant: openingGrant('client_authentication_failed') },
  },
);

function decide({ request, client }: ClientAdmitted<PasswordRequest>): AwaitingGrant | GrantOutcome {
  const { issuer } = request;
  // "The resource owner password credentials grant [RFC6749] MUST NOT be used." (RFC 9700 §2.4)
  if (!issuer.grantTypes.password || !issuer.profile.legacyGrants) return refuse('grant_type_unsupported');
  const owner = vouchedFor(issuer, request);
  if ('reason' in owner) return refuseWith(owner);
  const scoped = scopeGranted(issuer, request.scope);
  if ('reason' in scoped) return refuseWith(scoped);
  return openGrant(issuer, {
    grantId: request.grantId,
    credentialId: client.id,
    subject: owner.subject,
    scope: scoped.scope,
    at: request.receivedAt,
    refreshable: true,
  });
}
