import { memoryStore } from '../../adapters/testing/testing.ts';

/** A store in memory whose first look-up of an access token waits for `release`. */
export function heldStore(): {
  readonly store: ReturnType<typeof memoryStore>;
  /** The look-up has begun. */
  readonly reached: Promise<void>;
  readonly release: () => void;
} {
  const store = memoryStore();
  const reached = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  let lookUps = 0;
  const grants = {
    ...store.grants,
    byAccessToken: async (token: string) => {
      if (lookUps++ === 0) {
        reached.resolve();
        await released.promise;
      }
      return store.grants.byAccessToken(token);
    },
  };
  return { store: { ...store, grants }, reached: reached.promise, release: released.resolve };
}
