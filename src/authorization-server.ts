/** The authorization server, as a transport calls it. */
import { authorizationEndpoint } from './authorization/authorization-endpoint.ts';
import { drive } from './driver/drive.ts';
import { authorizationPerformers, grantPerformers, type Ports } from './driver/perform.ts';
import { authorizationCodeGrant } from './grants/authorization-code.ts';
import { clientCredentialsGrant } from './grants/client-credentials.ts';
import { passwordGrant } from './grants/password.ts';
import { refreshTokenGrant } from './grants/refresh-token.ts';
import { unsupportedGrant } from './grants/unsupported.ts';
import type { GrantOutcome } from './grants/vocabulary.ts';
import type { Issuer } from './oauth/issuer.ts';
import type { Clock } from './ports/clock.ts';
import { type MaybePromise, whenThere } from './ports/maybe-promise.ts';
import { authorizationResponse, readAuthorizationCall } from './wire/authorization-endpoint.ts';
import type { EndpointRequest, OAuthResponse } from './wire/response.ts';
import { type RequestStamp, readTokenCall, type TokenCall, tokenResponse } from './wire/token-endpoint.ts';

export interface AuthorizationServer {
  /** The token endpoint (RFC 6749 §3.2). */
  token(issuer: Issuer, request: EndpointRequest): MaybePromise<OAuthResponse>;
  /** The authorization endpoint (RFC 6749 §3.1) as the operator's login page calls it. */
  authorize(issuer: Issuer, request: EndpointRequest): MaybePromise<OAuthResponse>;
}

export function authorizationServer(ports: Ports, clock: Clock): AuthorizationServer {
  const performers = grantPerformers(ports);
  const authorizing = authorizationPerformers(ports);

  const draw = (): RequestStamp => ({
    receivedAt: clock.now(),
    attempt: ports.entropy.token(),
    grantId: ports.entropy.uuid(),
  });

  const run = (call: TokenCall): MaybePromise<GrantOutcome> => {
    switch (call.grant) {
      case 'authorization_code':
        return drive(authorizationCodeGrant, call.request, performers);
      case 'client_credentials':
        return drive(clientCredentialsGrant, call.request, performers);
      case 'password':
        return drive(passwordGrant, call.request, performers);
      case 'refresh_token':
        return drive(refreshTokenGrant, call.request, performers);
      case 'unsupported':
        return drive(unsupportedGrant, call.request, performers);
    }
  };

  return {
    token(issuer, request) {
      const read = readTokenCall(issuer, request, draw());
      if ('status' in read) return read;
      return whenThere(run(read.call), (outcome) => tokenResponse(read, outcome));
    },
    authorize(issuer, request) {
      const read = readAuthorizationCall(issuer, request, draw());
      if ('status' in read) return read;
      return whenThere(drive(authorizationEndpoint, read.request, authorizing), (outcome) =>
        authorizationResponse(read, outcome),
      );
    },
  };
}
