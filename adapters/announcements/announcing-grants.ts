import type { Announcements } from '../../src/ports/announcements.ts';
import type { Grants } from '../../src/ports/grants.ts';
import { type MaybePromise, whenThere } from '../../src/ports/maybe-promise.ts';

/**
 * Grants whose changes are heard. An act that takes the life of a token is not answered before everybody on this machine
 * has forgotten it, so that what was revoked is refused from the answer on.
 */
export function announcingGrants(grants: Grants, announcements: Announcements): Grants {
  const announce = (grantId: string): MaybePromise<void> =>
    announcements.publish({ announces: 'grantChanged', grantId });

  return {
    ...grants,
    rotate: (refreshToken, by) =>
      whenThere(grants.rotate(refreshToken, by), (rotation) =>
        rotation.outcome === 'rotated' ? whenThere(announce(rotation.grant.grantId), () => rotation) : rotation,
      ),
    end: (grantId, until) => whenThere(grants.end(grantId, until), () => announce(grantId)),
    replace: (grant, tokens) =>
      whenThere(grants.replace(grant, tokens), (replaced) =>
        replaced === 'replaced' ? whenThere(announce(grant.grantId), () => replaced) : replaced,
      ),
    removeOf: (owner) =>
      whenThere(grants.removeOf(owner), async (grantIds) => {
        for (const grantId of grantIds) await announce(grantId);
        return grantIds;
      }),
  };
}
