/**
 * An unknown grant type. The client is authenticated all the same, as in Kong: a client that cannot prove its identity
 * does not learn which grant types are supported.
 *
 *     awaitingClient ──any event──▶ refused
 */
import { grantMachine } from './client-authentication.ts';
import { refuse, type TokenRequest } from './vocabulary.ts';

export interface UnsupportedRequest extends TokenRequest {
  readonly grantTypeMissing: boolean;
}

export const unsupportedGrant = grantMachine<UnsupportedRequest, never>(
  { redirectUri: 'checked' },
  {
    name: 'unsupported',
    then: {
      clientAdmitted: ({ request }) =>
        refuse(request.grantTypeMissing ? 'grant_type_missing' : 'grant_type_unsupported'),
    },
    transitions: {},
  },
);
