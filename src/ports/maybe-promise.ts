/** A value, or a promise of one. Values in memory need no promise. */
export type MaybePromise<T> = T | PromiseLike<T>;

/** Applies `f` to a value at once, or to the value of a promise later. */
export function whenThere<T, U>(value: MaybePromise<T>, f: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return isPending(value) ? value.then(f) : f(value);
}

export function isPending<T>(value: MaybePromise<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/** Calls `visit` for one item after the other. Waits for each promise that it returns before the next call. */
export function eachInTurn<T>(items: readonly T[], visit: (item: T) => MaybePromise<unknown>): MaybePromise<void> {
  for (const [at, item] of items.entries()) {
    const visited = visit(item);
    if (isPending(visited)) return visited.then(() => eachInTurn(items.slice(at + 1), visit));
  }
  return undefined;
}
