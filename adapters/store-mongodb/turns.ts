/**
 * Lets those who want the same thing come one after the other, within this process. Not for being right, which the
 * unique indexes see to, but for being quick: on some servers writers of one value wait for each other in a circle.
 */
export type InTurn = <T>(keys: readonly string[], work: () => Promise<T>) => Promise<T>;

export function turns(): InTurn {
  const last = new Map<string, Promise<unknown>>();
  return async (keys, work) => {
    const before = keys.map((key) => last.get(key));
    const mine = Promise.all(before).then(work);
    const done = mine.catch(() => undefined);
    // All at once, so that nobody waits for one who waits for him.
    for (const key of keys) last.set(key, done);
    try {
      return await mine;
    } finally {
      for (const key of keys) if (last.get(key) === done) last.delete(key);
    }
  };
}
