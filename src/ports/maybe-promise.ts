/** A value that is there already, or one that will be. What comes from memory never costs a promise. */
export type MaybePromise<T> = T | PromiseLike<T>;

/** Applies `f` at once to a value that is already there, later to one that is not. */
export function whenThere<T, U>(value: MaybePromise<T>, f: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return isPending(value) ? value.then(f) : f(value);
}

export function isPending<T>(value: MaybePromise<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
