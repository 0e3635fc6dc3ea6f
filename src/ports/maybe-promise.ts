/** A value that is there already, or one that will be. What comes from memory never costs a promise. */
export type MaybePromise<T> = T | PromiseLike<T>;
