/**
 * The authorization endpoint (RFC 6749 §3.1, §4.1.1, §4.2.1) as the operator's login page calls it. The page has
 * authenticated the resource owner and asked for consent, and vouches for both with the provision key (Kong).
 *
 *     awaitingClient ──clientFound──▶ awaitingCode ──authorizationCodeSaved──▶ codeGranted
 *           │               └───────▶ awaitingGrant ──grantOpened──▶ accessTokenGranted
 *           └──any event──▶ refused
 */

import { implicitGrant } from '../grants/implicit.ts';
import type { AwaitingGrant as AwaitingImplicitGrant } from '../grants/new-grant.ts';
import { vouchedFor } from '../grants/resource-owner.ts';
import type { OpenGrant, Parameter } from '../grants/vocabulary.ts';
import type { Machine, Waiting } from '../machine/machine.ts';
import type { Client, EpochMilliseconds } from '../oauth/client.ts';
import { type Issuer, needsChallenge, scopeGranted } from '../oauth/issuer.ts';
import { isCodeChallenge, normalizedChallenge } from '../oauth/pkce.ts';
import { effectiveRedirectUri } from '../oauth/redirect-uri.ts';
import type { Refusal } from '../oauth/refusals.ts';
import type { Scope } from '../oauth/scope.ts';
import type {
  AuthorizationEvents,
  AuthorizationOutcome,
  AuthorizationRefused,
  FindClient,
  SaveAuthorizationCode,
} from './vocabulary.ts';

export interface AuthorizationRequest {
  readonly issuer: Issuer;
  readonly clientId: Parameter;
  readonly responseType: Parameter;
  readonly redirectUri: Parameter;
  readonly scope: Parameter;
  readonly codeChallenge: Parameter;
  readonly codeChallengeMethod: Parameter;
  readonly provisionKey: Parameter;
  readonly authenticatedUserid: Parameter;
  readonly receivedAt: EpochMilliseconds;
  /** The id of the grant that this request opens. */
  readonly grantId: string;
}

interface AwaitingClient extends Waiting<'awaitingClient', FindClient> {
  readonly request: AuthorizationRequest;
  readonly subject: string | undefined;
}
interface AwaitingCode extends Waiting<'awaitingCode', SaveAuthorizationCode> {}
interface AwaitingGrant extends Waiting<'awaitingGrant', OpenGrant> {
  readonly implicit: AwaitingImplicitGrant;
  readonly redirectUri: string;
}

export type AuthorizationState = AwaitingClient | AwaitingCode | AwaitingGrant;

export const authorizationEndpoint: Machine<
  AuthorizationRequest,
  AuthorizationEvents,
  AuthorizationState,
  AuthorizationOutcome
> = {
  name: 'authorization',

  start(request) {
    const owner = vouchedFor(request.issuer, request);
    if ('reason' in owner) return refused(owner, undefined);
    return {
      state: 'awaitingClient',
      request,
      subject: owner.subject,
      // No client has an empty id, so anything but a string is unknown.
      awaits: { effect: 'findClient', clientId: typeof request.clientId === 'string' ? request.clientId : '' },
    };
  },

  transitions: {
    awaitingClient: {
      clientFound: (state, { client }) => decide(state, client),
      clientUnknown: (state) => decide(state, undefined),
    },
    awaitingCode: {
      authorizationCodeSaved: ({ awaits: { record } }, { code }) => ({
        state: 'codeGranted',
        redirectUri: record.redirectUri,
        code,
      }),
    },
    awaitingGrant: {
      grantOpened: ({ implicit, redirectUri }, event) => {
        const outcome = implicitGrant.transitions.awaitingGrant.grantOpened(implicit, event);
        return outcome.state === 'granted'
          ? { state: 'accessTokenGranted', redirectUri, grant: outcome.grant, tokens: outcome.tokens }
          : refused({ reason: 'response_type_unsupported' }, redirectUri);
      },
      grantAlreadyRevoked: ({ redirectUri }) => refused({ reason: 'response_type_unsupported' }, redirectUri),
    },
  },
};

const redirectUriRefusals = {
  missing: { reason: 'redirect_uri_missing' },
  unregistered: { reason: 'redirect_uri_unregistered' },
  insecure: { reason: 'redirect_uri_insecure' },
} as const;

/** Of several errors of a request one is reported (`Profile.reportsRefusal`). The checks run in Kong's order. */
function decide(
  { request, subject }: AwaitingClient,
  client: Client | undefined,
): AwaitingCode | AwaitingGrant | AuthorizationOutcome {
  const { issuer, receivedAt, grantId } = request;
  const { profile } = issuer;
  let wrong: Refusal | undefined;
  const note = (refusal: Refusal): void => {
    if (profile.reportsRefusal === 'last') wrong = refusal;
    else wrong ??= refusal;
  };

  const responseType = responseTypeOf(request);
  if (responseType === undefined) note({ reason: 'response_type_unsupported' });

  const scoped = scopeGranted(issuer, request.scope);
  if ('reason' in scoped) note(scoped);

  let redirectUri: string | undefined;
  let refusalUri: string | undefined;
  if (client?.redirectUris === undefined) {
    note({ reason: 'client_authentication_failed' });
  } else {
    const effective = effectiveRedirectUri(client.redirectUris, request.redirectUri, profile);
    if ('uri' in effective) {
      redirectUri = effective.uri;
      refusalUri = effective.uri;
    } else {
      note(redirectUriRefusals[effective.refused]);
      // "If the request fails due to a missing, invalid, or mismatching redirection URI [...] the authorization server
      // [...] MUST NOT automatically redirect the user-agent to the invalid redirection URI." (RFC 6749 §4.1.2.1)
      if (profile.wrongRedirectUri === 'redirect to the first registered') refusalUri = effective.fallback;
    }
  }

  const challenge = challengeOf(request, client);
  if ('reason' in challenge) note(challenge);

  if (
    wrong !== undefined ||
    client === undefined ||
    redirectUri === undefined ||
    'reason' in scoped ||
    'reason' in challenge
  ) {
    return refused(wrong ?? { reason: 'client_authentication_failed' }, refusalUri);
  }
  const { scope } = scoped;
  if (responseType === 'token') return implicitly(request, client, subject, scope, redirectUri);
  if (issuer.codesBoundTo === '') return refused({ reason: 'service_missing' }, redirectUri);
  return {
    state: 'awaitingCode',
    awaits: {
      effect: 'saveAuthorizationCode',
      record: {
        grantId,
        credentialId: client.id,
        boundTo: issuer.codesBoundTo,
        serviceId: issuer.audience.serviceId,
        subject,
        scope,
        redirectUri,
        redirectUriSent: request.redirectUri !== undefined,
        codeChallenge: challenge.codeChallenge,
        issuedAt: receivedAt,
        expiresAt: receivedAt + profile.codeLifetime,
      },
    },
  };
}

function implicitly(
  { issuer, grantId, receivedAt }: AuthorizationRequest,
  client: Client,
  subject: string | undefined,
  scope: Scope,
  redirectUri: string,
): AwaitingGrant | AuthorizationOutcome {
  const implicit = implicitGrant.start({
    issuer,
    credentialId: client.id,
    subject,
    scope,
    grantId,
    receivedAt,
  });
  if (implicit.state === 'awaitingGrant') {
    return { state: 'awaitingGrant', implicit, redirectUri, awaits: implicit.awaits };
  }
  return implicit.state === 'refused'
    ? refused(implicit, redirectUri)
    : { state: 'accessTokenGranted', redirectUri, grant: implicit.grant, tokens: implicit.tokens };
}

function responseTypeOf({ issuer, responseType }: AuthorizationRequest): 'code' | 'token' | undefined {
  if (responseType === 'code' && issuer.grantTypes.authorizationCode) return 'code';
  if (responseType === 'token' && issuer.grantTypes.implicit && issuer.profile.legacyGrants) return 'token';
  return undefined;
}

/** The S256 challenge without padding (RFC 7636 §4.3), or what is wrong with it. */
function challengeOf(
  { issuer, codeChallenge, codeChallengeMethod }: AuthorizationRequest,
  client: Client | undefined,
): { readonly codeChallenge: string | undefined } | Refusal {
  const { strictChallenge } = issuer.profile;
  if (codeChallenge === undefined) {
    if (codeChallengeMethod !== undefined) return { reason: 'code_challenge_without_value' };
    if (client !== undefined && needsChallenge(issuer, client.type)) {
      return { reason: 'code_challenge_missing', detail: client.type };
    }
    return { codeChallenge: undefined };
  }
  // "If the client is capable of using "S256", it MUST use "S256"" (RFC 7636 §4.2); no method at all means "plain" there
  // (§4.3), and S256 with Kong.
  const method = codeChallengeMethod ?? (strictChallenge ? 'plain' : 'S256');
  const isS256 = method === 'S256' || (!strictChallenge && method === 's256');
  if (!isS256) return { reason: 'code_challenge_method_unsupported' };
  if (typeof codeChallenge !== 'string' || codeChallenge === '') return { reason: 'code_challenge_malformed' };
  if (!strictChallenge) return { codeChallenge: normalizedChallenge(codeChallenge) };
  return isCodeChallenge(codeChallenge) ? { codeChallenge } : { reason: 'code_challenge_malformed' };
}

function refused({ reason, detail }: Refusal, redirectUri: string | undefined): AuthorizationRefused {
  return detail === undefined
    ? { state: 'refused', reason, redirectUri }
    : { state: 'refused', reason, detail, redirectUri };
}
