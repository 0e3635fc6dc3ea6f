/**
 * Detects a client that sends the same code challenge again: without a new one for each authorization request PKCE
 * protects nothing (RFC 9700 §2.1.1). The request is not refused, because a user who goes back in the browser and agrees
 * again also repeats it.
 */
import { createHash } from 'node:crypto';
import type { AuthorizationCodes } from '../ports/authorization-codes.ts';
import { oldestKey, orderedMap } from './ordered-map.ts';

export interface ReusedChallenge {
  readonly credentialId: string;
  readonly serviceId: string | undefined;
}

/** How many challenges are remembered; the oldest is evicted first. */
const remembered = 10_000;

/** `reused` is called for each code whose challenge the client has sent before. */
export function noticedChallenges(
  codes: AuthorizationCodes,
  reused: (who: ReusedChallenge) => void,
  most = remembered,
): AuthorizationCodes & { readonly remembered: number } {
  /** Digests, so that a long challenge takes no more memory than a short one. */
  const seen = orderedMap<string, true>();
  return {
    save(code, record) {
      const { credentialId, serviceId, codeChallenge } = record;
      if (codeChallenge !== undefined) {
        const digest = createHash('sha256').update(`${credentialId} ${codeChallenge}`).digest('base64url');
        if (seen.delete(digest)) reused({ credentialId, serviceId });
        else if (seen.size >= most) seen.delete(oldestKey(seen)!);
        seen.set(digest, true);
      }
      return codes.save(code, record);
    },
    redeem: (code, by) => codes.redeem(code, by),
    get remembered() {
      return seen.size;
    },
  };
}
