/**
 * Runs work that needs the same key one after the other, within this process. The unique indexes guarantee correctness;
 * the queue is for speed: on some servers, writers of the same value block each other in a circle.
 */
export type KeyedQueue = <T>(keys: readonly string[], work: () => Promise<T>) => Promise<T>;

export function keyedQueue(): KeyedQueue {
  const last = new Map<string, Promise<unknown>>();
  return async (keys, work) => {
    const before = keys.map((key) => last.get(key));
    const own = Promise.all(before).then(work);
    const done = own.catch(() => undefined);
    // All keys in the same tick, so that no two calls wait for each other.
    for (const key of keys) last.set(key, done);
    try {
      return await own;
    } finally {
      for (const key of keys) if (last.get(key) === done) last.delete(key);
    }
  };
}
