/**
 * A grant type that nobody knows. The client is authenticated all the same: who cannot say who it is learns nothing of
 * what is supported (Kong's order too).
 *
 *     awaitingClient ── any answer ──▶ refused
 */
import type { Machine, Waiting } from '../machine/machine.ts';
import { admitClient } from './client-admission.ts';
import {
  type AuthenticateClient,
  type ClientAuthenticated,
  type ClientRateLimited,
  type ClientRejected,
  type GrantEvents,
  type GrantRefused,
  refuse,
  type TokenRequest,
} from './vocabulary.ts';

export interface UnsupportedRequest extends TokenRequest {
  readonly grantTypeMissing: boolean;
}

interface AwaitingClient extends Waiting<'awaitingClient', AuthenticateClient> {
  readonly request: UnsupportedRequest;
}

export type UnsupportedState = AwaitingClient;

export const unsupportedGrant: Machine<UnsupportedRequest, GrantEvents, UnsupportedState, GrantRefused> = {
  name: 'unsupported',

  start: (request) => ({
    state: 'awaitingClient',
    request,
    awaits: { effect: 'authenticateClient', authentication: request.authentication },
  }),

  transitions: {
    awaitingClient: {
      clientAuthenticated: decide,
      clientRejected: decide,
      clientRateLimited: decide,
    },
  },
};

function decide(
  { request }: AwaitingClient,
  event: ClientAuthenticated | ClientRejected | ClientRateLimited,
): GrantRefused {
  const admitted = admitClient(request, event, 'checked');
  if ('state' in admitted) return admitted;
  return refuse(request.grantTypeMissing ? 'grant_type_missing' : 'grant_type_unsupported');
}
