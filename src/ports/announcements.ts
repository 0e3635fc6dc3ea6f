import type { MaybePromise } from './maybe-promise.ts';

/** What other parts of this gate, other workers and other nodes must hear. */
export type Announcement =
  | { readonly announces: 'entityChanged'; readonly kind: string; readonly id: string }
  | { readonly announces: 'grantChanged'; readonly grantId: string }
  /** Something was missed: forget everything that was remembered. */
  | { readonly announces: 'everythingChanged' };

export interface Announcements {
  /** Resolves when every listener of this machine has applied it. */
  publish(announcement: Announcement): MaybePromise<void>;
  /** Listeners are called in the order they subscribed; a promise they give is waited for. Returns how to stop listening. */
  subscribe(listener: (announcement: Announcement) => MaybePromise<void>): () => void;
}
