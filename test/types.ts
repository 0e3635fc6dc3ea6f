/** What the compiler must refuse. Checked by `npm run typecheck`; never run. */
import type { FindAccessToken } from '../src/access/bearer-token.ts';
import type { AuthorizationServer } from '../src/authorization-server.ts';
import type { Performers } from '../src/driver/drive.ts';
import { type accessPerformers, authorizationPerformers, grantPerformers, type Ports } from '../src/driver/perform.ts';
import type { authorizationCodeGrant } from '../src/grants/authorization-code.ts';
import { grantMachine } from '../src/grants/client-authentication.ts';
import { clientCredentialsGrant } from '../src/grants/client-credentials.ts';
import { type AwaitingGrant, openingGrant } from '../src/grants/new-grant.ts';
import { type GrantEffect, type GrantEvents, refuse, type TokenRequest } from '../src/grants/vocabulary.ts';
import type { Profile } from '../src/oauth/profile.ts';
import type { Refusal } from '../src/oauth/refusals.ts';

declare const ports: Ports;
const { transitions } = clientCredentialsGrant;

// Machines ----------------------------------------------------------------------------------------------------------

export const forgottenCell: typeof clientCredentialsGrant = {
  ...clientCredentialsGrant,
  transitions: {
    ...transitions,
    // @ts-expect-error clientRateLimited has no cell
    awaitingClient: {
      clientAuthenticated: transitions.awaitingClient.clientAuthenticated,
      clientRejected: transitions.awaitingClient.clientRejected,
      clientAmbiguous: transitions.awaitingClient.clientAmbiguous,
    },
  },
};

export const forgottenRow: typeof clientCredentialsGrant = {
  ...clientCredentialsGrant,
  // @ts-expect-error awaitingGrant has no row
  transitions: { awaitingClient: transitions.awaitingClient },
};

export const impossibleCell: typeof clientCredentialsGrant = {
  ...clientCredentialsGrant,
  transitions: {
    ...transitions,
    awaitingGrant: {
      ...transitions.awaitingGrant,
      // @ts-expect-error no effect that awaitingGrant waits for is answered by grantRevoked
      grantRevoked: () => refuse('code_invalid'),
    },
  },
};

export const impossibleRow: typeof clientCredentialsGrant = {
  ...clientCredentialsGrant,
  transitions: {
    ...transitions,
    // @ts-expect-error there is no such state
    awaitingMiracle: {},
  },
};

export const impossibleState: typeof clientCredentialsGrant = {
  ...clientCredentialsGrant,
  transitions: {
    ...transitions,
    awaitingGrant: {
      ...transitions.awaitingGrant,
      // @ts-expect-error a cell leads to a state of its machine
      grantOpened: () => ({ state: 'awaitingMiracle' }),
    },
  },
};

const row = openingGrant('code_invalid');

export const forgottenContinuation = grantMachine<TokenRequest, AwaitingGrant>(
  { redirectUri: 'checked' },
  // @ts-expect-error clientAdmitted, an outcome of the sub-machine, has no cell
  { name: 'forgotten', then: {}, transitions: { awaitingGrant: row } },
);

export const forgottenRowAfterwards = grantMachine<TokenRequest, AwaitingGrant>(
  { redirectUri: 'checked' },
  // @ts-expect-error awaitingGrant has no row
  { name: 'forgotten', then: { clientAdmitted: () => refuse('code_invalid') }, transitions: {} },
);

export const forgottenCellAfterwards = grantMachine<TokenRequest, AwaitingGrant>(
  { redirectUri: 'checked' },
  {
    name: 'forgotten',
    then: { clientAdmitted: () => refuse('code_invalid') },
    // @ts-expect-error grantAlreadyRevoked has no cell
    transitions: { awaitingGrant: { grantOpened: row.grantOpened } },
  },
);

export const impossibleContinuation = grantMachine<TokenRequest, AwaitingGrant>(
  { redirectUri: 'checked' },
  {
    name: 'impossible',
    // @ts-expect-error awaitingMiracle is no state of the grant
    then: { clientAdmitted: () => ({ state: 'awaitingMiracle' }) },
    transitions: { awaitingGrant: row },
  },
);

type AwaitingCode = Parameters<typeof authorizationCodeGrant.transitions.awaitingCode.codeUnknown>[0];
// @ts-expect-error a state that waits names what it waits for
export const waitsForNothing: AwaitingCode = { state: 'awaitingCode', request: null!, client: null! };

// @ts-expect-error a reason stands in the table of refusals
export const unknownReason: Refusal = { reason: 'bad_mood' };

// Performers --------------------------------------------------------------------------------------------------------

const performers = grantPerformers(ports);
const { revokeGrant: _, ...withoutEnd } = performers;

// @ts-expect-error revokeGrant has no performer
export const unmappedEffect: Performers<GrantEvents, GrantEffect> = withoutEnd;

export const wrongAnswer: Performers<GrantEvents, GrantEffect> = {
  ...performers,
  // @ts-expect-error grantOpened does not answer revokeGrant
  revokeGrant: () => ({ event: 'grantOpened', tokens: null! }),
};

export const wrongAnswerLater: Performers<GrantEvents, GrantEffect> = {
  ...performers,
  // @ts-expect-error nor does it later
  revokeGrant: async () => ({ event: 'grantOpened', tokens: null! }),
};

export const halfAnAnswer: Performers<GrantEvents, GrantEffect> = {
  ...performers,
  // @ts-expect-error codeReplayed says which grant is to be ended
  redeemAuthorizationCode: () => ({ event: 'codeReplayed' }),
};

// @ts-expect-error the gate asks for access tokens, the authorization endpoint for none
export const otherPerformers: ReturnType<typeof accessPerformers> = authorizationPerformers(ports);

export const alien: Performers<{ findAccessToken: { event: 'accessTokenUnknown' } }, FindAccessToken> = {
  // @ts-expect-error this vocabulary knows no accessTokenFound
  findAccessToken: () => ({ event: 'accessTokenFound', bearer: null! }),
};

// Values ------------------------------------------------------------------------------------------------------------

declare const profile: Profile;
// @ts-expect-error nothing in the core changes what it is handed
profile.name = 'rfc9700';

declare const server: AuthorizationServer;
// @ts-expect-error a transport says how secure the request came
server.token(null!, {
  method: 'POST',
  query: '',
  contentType: '',
  body: null!,
  authorization: '',
  realm: '',
  from: '',
});
