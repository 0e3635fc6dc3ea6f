import type { Issuer } from '../oauth/issuer.ts';
import type { Refusal } from '../oauth/refusals.ts';
import { sameSecret } from '../oauth/same-secret.ts';

/**
 * The resource owner that the operator's login page vouches for with the provision key (Kong's `authenticated_userid`). A
 * JSON null means no resource owner, as in Kong: the provision key allows that.
 */
export function vouchedFor(
  issuer: Issuer,
  request: { readonly provisionKey: unknown; readonly authenticatedUserid: unknown },
): { readonly subject: string | undefined } | Refusal {
  if (!isProvisionKey(request.provisionKey, issuer)) return { reason: 'provision_key_wrong' };
  const userid = request.authenticatedUserid;
  if (userid === null) return { subject: undefined };
  if (userid === undefined || (typeof userid === 'string' && userid.trim() === '')) {
    return { reason: 'authenticated_userid_missing' };
  }
  if (typeof userid !== 'string') return { reason: 'parameter_malformed', detail: 'authenticated_userid' };
  return { subject: userid };
}

export function isProvisionKey(presented: unknown, issuer: Issuer): boolean {
  return typeof presented === 'string' && sameSecret(presented, issuer.provisionKey);
}
