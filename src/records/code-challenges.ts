/**
 * Notices a client that sends the same code challenge again: each authorization request has to have one of its own, or
 * it protects nothing (RFC 9700 §2.1.1). Nobody is refused for it: whoever goes back in a browser and agrees once more
 * sends it again as well.
 */
import { createHash } from 'node:crypto';
import type { AuthorizationCodes } from '../ports/authorization-codes.ts';

export interface ReusedChallenge {
  readonly credentialId: string;
  readonly serviceId: string | undefined;
}

/** How many challenges are remembered; the oldest is forgotten first. */
const remembered = 10_000;

/** The codes, with `reused` told of each that is asked for by a challenge of its client's before. */
export function noticedChallenges(
  codes: AuthorizationCodes,
  reused: (who: ReusedChallenge) => void,
  most = remembered,
): AuthorizationCodes {
  /** Digests, so that a long challenge takes no more room than another. */
  const seen = new Set<string>();
  return {
    save(code, record) {
      const { credentialId, serviceId, codeChallenge } = record;
      if (codeChallenge !== undefined) {
        const digest = createHash('sha256').update(`${credentialId} ${codeChallenge}`).digest('base64url');
        if (seen.delete(digest)) reused({ credentialId, serviceId });
        else if (seen.size >= most) seen.delete(seen.values().next().value!);
        seen.add(digest);
      }
      return codes.save(code, record);
    },
    redeem: (code, by) => codes.redeem(code, by),
  };
}
