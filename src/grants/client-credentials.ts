/**
 * Client Credentials Grant (RFC 6749 §4.4).
 *
 *     awaitingClient ──clientAuthenticated──▶ awaitingGrant ──grantOpened──▶ granted
 *           └──any event──▶ refused                 └──grantAlreadyRevoked──▶ refused
 */
import { scopeGranted } from '../oauth/issuer.ts';
import { type ClientAdmitted, grantMachine } from './client-authentication.ts';
import { type AwaitingGrant, openGrant, openingGrant } from './new-grant.ts';
import { isProvisionKey } from './resource-owner.ts';
import {
  type GrantOutcome,
  type GrantRefused,
  type Parameter,
  refuse,
  refuseWith,
  type TokenRequest,
} from './vocabulary.ts';

export interface ClientCredentialsRequest extends TokenRequest {
  /** Kong accepts a resource owner even here, if the request has the provision key. */
  readonly authenticatedUserid: Parameter;
  readonly provisionKey: Parameter;
}

export const clientCredentialsGrant = grantMachine<ClientCredentialsRequest, AwaitingGrant>(
  { redirectUri: 'ignored', unknownClient },
  {
    name: 'client_credentials',
    then: { clientAdmitted: decide },
    transitions: { awaitingGrant: openingGrant('client_authentication_failed') },
  },
);

/** Kong does not look up the client where the grant is disabled, and sends an unknown client no challenge. */
function unknownClient({ issuer }: ClientCredentialsRequest): GrantRefused | undefined {
  if (issuer.profile.challengesUnknownClients) return undefined;
  return issuer.grantTypes.clientCredentials
    ? refuse('client_authentication_failed')
    : { ...refuse('grant_type_unsupported'), clientUnknown: true };
}

function decide({ request, client }: ClientAdmitted<ClientCredentialsRequest>): AwaitingGrant | GrantOutcome {
  const { issuer, authenticatedUserid } = request;
  if (!issuer.grantTypes.clientCredentials) return refuse('grant_type_unsupported');
  // "The client credentials grant type MUST only be used by confidential clients." (RFC 6749 §4.4)
  if (client.type === 'public' && !issuer.profile.publicClientCredentials) return refuse('client_unauthorized');
  if (authenticatedUserid !== undefined && !isProvisionKey(request.provisionKey, issuer)) {
    return refuse('provision_key_wrong');
  }
  if (authenticatedUserid !== undefined && authenticatedUserid !== null && typeof authenticatedUserid !== 'string') {
    return refuse('parameter_malformed', 'authenticated_userid');
  }
  const scoped = scopeGranted(issuer, request.scope);
  if ('reason' in scoped) return refuseWith(scoped);
  return openGrant(issuer, {
    grantId: request.grantId,
    credentialId: client.id,
    subject: authenticatedUserid ?? undefined,
    scope: scoped.scope,
    at: request.receivedAt,
    // "A refresh token SHOULD NOT be included." (RFC 6749 §4.4.3)
    refreshable: false,
  });
}
