/** How a grant is revoked because a code or a refresh token was used twice: the state and the row. */
import type { Transitions, Waiting } from '../machine/machine.ts';
import type { RefusalReason } from '../oauth/refusals.ts';
import { type Revoked, revocationExpiry } from '../oauth/revocation.ts';
import { type GrantEvents, type GrantRefused, type RevokeGrant, refuse, type TokenRequest } from './vocabulary.ts';

export interface AwaitingRevocation extends Waiting<'awaitingRevocation', RevokeGrant> {
  readonly refusal: GrantRefused;
}

/** The row of `awaitingRevocation`. */
export const revoking: Transitions<GrantEvents, AwaitingRevocation, GrantRefused>['awaitingRevocation'] = {
  grantRevoked: ({ refusal }) => refusal,
};

/** Refuses the request, and revokes the grant first where the profile says so. */
export function refuseReuse(
  { issuer }: TokenRequest,
  reason: RefusalReason,
  grantId: string,
  revoked: Omit<Revoked, 'issuer'>,
): AwaitingRevocation | GrantRefused {
  const refusal = refuse(reason);
  if (!issuer.profile.reuseRevokesGrant) return refusal;
  const until = revocationExpiry({ ...revoked, issuer });
  return { state: 'awaitingRevocation', refusal, awaits: { effect: 'revokeGrant', grantId, until } };
}
