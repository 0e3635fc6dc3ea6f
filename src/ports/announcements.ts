import type { MaybePromise } from './maybe-promise.ts';

/** A change that other parts of this gate, other workers and other nodes must know. */
export type Announcement =
  | { readonly announces: 'entityChanged'; readonly kind: string; readonly id: string }
  | { readonly announces: 'grantChanged'; readonly grantId: string }
  /** Announcements may have been missed: forget everything that was remembered. */
  | { readonly announces: 'everythingChanged' };

export interface Announcements {
  /** Resolves when every listener of this process has applied it. */
  publish(announcement: Announcement): MaybePromise<void>;
  /** Listeners are called in the order of their subscriptions, and their promises awaited. Returns a function that unsubscribes. */
  subscribe(listener: (announcement: Announcement) => MaybePromise<void>): () => void;
}
