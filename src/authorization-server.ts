/** The authorization server, as a transport calls it. */
import { authorizationEndpoint } from './authorization/authorization-endpoint.ts';
import type { AuthorizationOutcome } from './authorization/vocabulary.ts';
import { drive } from './driver/drive.ts';
import { authorizationPerformers, grantPerformers, type Ports } from './driver/perform.ts';
import { authorizationCodeGrant } from './grants/authorization-code.ts';
import { clientCredentialsGrant } from './grants/client-credentials.ts';
import { passwordGrant } from './grants/password.ts';
import { refreshTokenGrant } from './grants/refresh-token.ts';
import { unsupportedGrant } from './grants/unsupported.ts';
import type { GrantOutcome } from './grants/vocabulary.ts';
import type { Issuer } from './oauth/issuer.ts';
import { type AttemptRefused, type Attempts, isRefused } from './ports/attempts.ts';
import type { Clock } from './ports/clock.ts';
import { type MaybePromise, whenThere } from './ports/maybe-promise.ts';
import { authorizationResponse, directRefusal, readAuthorizationCall } from './wire/authorization-endpoint.ts';
import type { EndpointRequest, OAuthResponse } from './wire/response.ts';
import {
  type RequestStamp,
  readTokenCall,
  refusalResponse,
  type TokenCall,
  tokenResponse,
} from './wire/token-endpoint.ts';

export interface AuthorizationServer {
  /** The token endpoint (RFC 6749 §3.2). */
  token(issuer: Issuer, request: EndpointRequest): MaybePromise<OAuthResponse>;
  /** The authorization endpoint (RFC 6749 §3.1) as the operator's login page calls it. */
  authorize(issuer: Issuer, request: EndpointRequest): MaybePromise<OAuthResponse>;
}

export function authorizationServer(ports: Ports & { readonly attempts: Attempts }, clock: Clock): AuthorizationServer {
  const performers = grantPerformers(ports);
  const authorizing = authorizationPerformers(ports);

  const draw = (): RequestStamp => ({
    receivedAt: clock.now(),
    attempt: ports.entropy.token(),
    grantId: ports.entropy.uuid(),
  });

  const rateLimited = ({ tryAgainAfter }: AttemptRefused) =>
    ({ reason: 'provision_key_rate_limited', retryAfter: tryAgainAfter }) as const;

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

  /**
   * Provision keys are guessed like secrets, and limited like them. The login page has another address, so guesses
   * of others do not limit it. The right key does not reset the count: the token endpoint does not compare every key that it
   * receives, and an attacker would see by the count that one of many was right.
   */
  function limitGuesses<T extends GrantOutcome | AuthorizationOutcome>(
    issuer: Issuer,
    { from }: EndpointRequest,
    run: () => MaybePromise<T>,
  ): MaybePromise<T | AttemptRefused> {
    const limited = issuer.limitsFailures ? from : undefined;
    return ports.attempts.limit<T>(limited, `provision key of ${issuer.id}`, run, (outcome) =>
      outcome.state === 'refused' && outcome.reason === 'provision_key_wrong' ? 'failed' : 'undecided',
    );
  }

  return {
    token(issuer, request) {
      const read = readTokenCall(issuer, request, draw());
      if ('status' in read) return read;
      const { echo, call } = read;
      const outcome = echo.has('provision_key') ? limitGuesses(issuer, request, () => run(call)) : run(call);
      return whenThere(outcome, (outcome) =>
        isRefused(outcome) ? refusalResponse(issuer, rateLimited(outcome), echo) : tokenResponse(read, outcome),
      );
    },
    authorize(issuer, request) {
      const read = readAuthorizationCall(issuer, request, draw());
      if ('status' in read) return read;
      const authorizes = () => drive(authorizationEndpoint, read.request, authorizing);
      return whenThere(limitGuesses(issuer, request, authorizes), (outcome) =>
        isRefused(outcome)
          ? directRefusal(issuer, rateLimited(outcome), read.echo)
          : authorizationResponse(read, outcome),
      );
    },
  };
}
