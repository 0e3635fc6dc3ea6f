/**
 * The store cannot be reached, is too slow, or is shutting down. Then no request is admitted and no token is issued. A
 * transport responds with 503 and `Retry-After`, never with 401.
 */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
}

/** A store cannot be opened. The message says which store and why, and what the operator can do. */
export class StoreUnusable extends Error {
  override readonly name = 'StoreUnusable';
}
