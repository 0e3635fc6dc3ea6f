/**
 * Stores that announce their changes. A write returns only after every listener has applied the announcement, so a grant
 * whose revocation was acknowledged is revoked everywhere.
 */
import type { Announcement, Announcements } from '../ports/announcements.ts';
import type { EntityStore } from '../ports/entity-store.ts';
import type { Grants } from '../ports/grants.ts';
import { type MaybePromise, whenThere } from '../ports/maybe-promise.ts';

export function announcingGrants(grants: Grants, announcements: Announcements): Grants {
  const changed = (grantId: string): Announcement => ({ announces: 'grantChanged', grantId });
  return {
    // No cache can have remembered a new grant.
    open: (grant, tokens) => grants.open(grant, tokens),
    byAccessToken: (accessToken) => grants.byAccessToken(accessToken),
    byRefreshToken: (refreshToken) => grants.byRefreshToken(refreshToken),
    get: (grantId) => grants.get(grantId),
    page: (query) => grants.page(query),

    rotate: (refreshToken, by) =>
      whenThere(grants.rotate(refreshToken, by), (rotation) =>
        rotation.outcome === 'rotated'
          ? after(announcements.publish(changed(rotation.grant.grantId)), rotation)
          : rotation,
      ),
    revoke: (grantId, until) => whenThere(grants.revoke(grantId, until), () => announcements.publish(changed(grantId))),
    replace: (grant, tokens) =>
      whenThere(grants.replace(grant, tokens), (outcome) =>
        outcome === 'replaced' ? after(announcements.publish(changed(grant.grantId)), outcome) : outcome,
      ),
    removeOf: (owners) =>
      whenThere(grants.removeOf(owners), (ids) => after(publishAll(announcements, ids.map(changed)), ids)),
  };
}

export function announcingEntityStore(store: EntityStore, announcements: Announcements): EntityStore {
  const changed = (kind: string, id: string): Announcement => ({ announces: 'entityChanged', kind, id });
  return {
    get: (kind, id) => store.get(kind, id),
    getBy: (kind, field, value) => store.getBy(kind, field, value),
    page: (kind, query) => store.page(kind, query),

    insert: (kind, row) =>
      whenThere(store.insert(kind, row), (written) =>
        written.outcome === 'written' ? after(announcements.publish(changed(kind.name, row.id)), written) : written,
      ),
    replace: (kind, row, how) =>
      whenThere(store.replace(kind, row, how), (written) =>
        written.outcome === 'written' ? after(announcements.publish(changed(kind.name, row.id)), written) : written,
      ),
    remove: (kind, id) =>
      whenThere(store.remove(kind, id), (removed) => {
        if (removed.outcome !== 'removed') return removed;
        const gone = removed.rows.map(({ kind, id }) => changed(kind, id));
        return after(publishAll(announcements, gone), removed);
      }),
  };
}

function after<T>(published: MaybePromise<void>, result: T): MaybePromise<T> {
  return whenThere(published, () => result);
}

function publishAll(announcements: Announcements, all: readonly Announcement[]): MaybePromise<void> {
  const pending = all.map((announcement) => announcements.publish(announcement)).filter((one) => one !== undefined);
  return pending.length === 0 ? undefined : Promise.all(pending).then(() => undefined);
}
